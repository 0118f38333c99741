//! Cancelled at every await: each operator is polled so many times and dropped, for all such numbers.
//!
//! Whatever was read from the source by then has been handed out, is among what the operator says it holds (and then it is settled as
//! abandoned), or was left out on purpose (and then it is settled as skipped). The rest is still in the source.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::Stream;
use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::stream::{DeliveryOps, Edge, Memory, Slow, StreamOps, merge_all, merge_by_priority, zip};
use homeostat_reactor::{Class, Clock, Delivery, ManualClock, Moment, Outcome};

use super::{Tap, events, millis, outcomes};

/// How many events the source has, and how often at most it is polled: for each event it is not ready once.
const EVENTS: usize = 12;
const POLLS_MAX: usize = 4 * EVENTS;

/// A source that has nothing every other time.
struct Hesitant(Tap<Delivery<usize>>, bool);

impl Stream for Hesitant {
    type Item = Delivery<usize>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.1 = !self.1;
        if self.1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.0).poll_next(context)
    }
}

type Made = Pin<Box<dyn Stream<Item = Delivery<Vec<usize>>>>>;

/// An operator under test, what it may hold, and whether it leaves events out.
struct Case {
    name: &'static str,
    make: fn(Hesitant, &Clock) -> Made,
    holds_max: usize,
    leaves_out: bool,
}

fn one<S: Stream<Item = Delivery<usize>> + 'static>(stream: S) -> Made {
    Box::pin(stream.map_event(|number| vec![number]))
}

/// Streams in the way deliveries come from operators that add something to them.
fn ok<S: Stream<Item = Result<Delivery<usize>, E>> + 'static, E: 'static>(stream: S) -> Made {
    one(tokio_stream::StreamExt::filter_map(stream, Result::ok))
}

fn memory() -> Memory {
    Memory { keys_max: 2, time_to_live: millis(3) }
}

const fn case(name: &'static str, holds_max: usize, leaves_out: bool, make: fn(Hesitant, &Clock) -> Made) -> Case {
    Case { name, make, holds_max, leaves_out }
}

const CASES: [Case; 22] = [
    case("map", 0, false, |source, _| one(source.map_event(|number| number))),
    case("filter", 0, true, |source, _| one(source.filter_event(|number| number % 3 == 0))),
    case("filter_map", 0, true, |source, _| one(source.filter_map_event(|number| (number % 3 == 0).then_some(number)))),
    case("debounce", 1, true, |source, clock| one(source.debounce_events(millis(2), clock))),
    case("throttle leading", 0, true, |source, clock| one(source.throttle_events(Edge::Leading, millis(4), clock))),
    case("throttle trailing", 1, true, |source, clock| one(source.throttle_events(Edge::Trailing, millis(4), clock))),
    case("throttle both", 1, true, |source, clock| one(source.throttle_events(Edge::Both, millis(4), clock))),
    case("sample", 1, true, |source, clock| one(source.sample_events(millis(4), clock))),
    case("chunks, full", 3, false, |source, clock| Box::pin(source.chunk_events(4, millis(1_000), clock))),
    case("chunks, in time", 99, false, |source, clock| Box::pin(source.chunk_events(100, millis(5), clock))),
    case("distinct", 0, true, |source, _| one(source.distinct_events(|delivery| delivery.event / 2))),
    case("distinct within", 0, true, |source, clock| {
        one(source.distinct_events_within(memory(), |delivery| delivery.event / 2, clock))
    }),
    case("switch", 0, false, |source, _| one(futures::stream::iter([source]).switch())),
    case("item timeout", 0, false, |source, clock| ok(source.item_timeout(millis(1), clock))),
    case("total timeout", 0, false, |source, clock| ok(source.total_timeout(millis(15), clock))),
    case("retry", 0, false, |source, clock| {
        let mut source = Some(source);
        ok(homeostat_reactor::stream::retry(Backoff::default(), clock, move |_: Option<()>| {
            let source = source.take().expect("it does not fail");
            futures::StreamExt::map(source, Ok)
        }))
    }),
    case("accumulate", 0, false, |source, _| one(source.accumulate((), |(), delivery| delivery))),
    case("merge", 0, false, |source, _| one(tokio_stream::StreamExt::merge(source, futures::stream::empty()))),
    case("merge of many", 0, false, |source, _| one(merge_all([source]))),
    case("merge by priority", 0, false, |source, _| one(merge_by_priority([(Class::Act, source)]))),
    case("zip", 1, false, |source, clock| {
        let slow = super::timed(clock, vec![(5, ()); EVENTS], 0);
        one(futures::StreamExt::map(zip(source, slow), |(delivery, ())| delivery))
    }),
    case("share", 1, false, |source, _| {
        let shared = source.share_events(2, Slow::Wait { ahead_max: 1 });
        // One subscriber that reads all, and one that is always an item behind.
        let (reader, mut behind) = (shared.subscribe(), shared.subscribe());
        one(futures::StreamExt::inspect(reader, move |_| {
            if let Poll::Ready(Some(copy)) = super::poll_once(&mut behind) {
                copy.settle(Outcome::Done);
            }
        }))
    }),
];

fn poll<S: Stream + ?Sized>(stream: &mut Pin<Box<S>>) -> Poll<Option<S::Item>> {
    stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_operator_that_is_dropped_loses_nothing_but_what_it_holds() {
    // Would break: events that vanish with a cancelled task, or are never settled.
    for Case { name, make, holds_max, leaves_out } in CASES {
        for polls in 0..POLLS_MAX {
            let time = ManualClock::new();
            let (deliveries, mut receipts) = events(EVENTS);
            let source = Tap::new(deliveries);
            let mut stream = make(Hesitant(source.clone(), false), &time.clock());
            let mut handed_out = Vec::new();
            for _ in 0..polls {
                if let Poll::Ready(Some(batch)) = poll(&mut stream) {
                    handed_out.extend(batch.settle(Outcome::Done));
                }
                time.set(time.clock().now() + millis(1));
            }
            drop(stream);
            assert!(handed_out.is_sorted(), "{name}");
            let read = EVENTS - source.left();
            let seen = outcomes(&mut receipts);
            assert!(seen[read..].iter().all(Option::is_none), "{name}: what is in the source is open");
            let count = |outcome| seen.iter().filter(|seen| **seen == Some(outcome)).count();
            let context = format!("{name}, dropped after {polls} polls: {seen:?}");
            assert_eq!(count(Outcome::Done), handed_out.len(), "{context}");
            assert!(count(Outcome::Abandoned) <= holds_max, "{context}");
            assert!(leaves_out || count(Outcome::Skipped) == 0, "{context}");
            assert_eq!(count(Outcome::Done) + count(Outcome::Abandoned) + count(Outcome::Skipped), read, "{context}");
        }
    }
}

#[test]
fn each_operator_hands_something_out_in_that_test() {
    // Would break: the test above, silently, by never coming to the interesting polls.
    for Case { name, make, .. } in CASES {
        let time = ManualClock::new();
        let source = Tap::new(events(EVENTS).0);
        let mut stream = make(Hesitant(source.clone(), false), &time.clock());
        let mut handed_out = 0;
        for _ in 0..POLLS_MAX {
            if let Poll::Ready(Some(batch)) = poll(&mut stream) {
                handed_out += batch.len();
            }
            time.set(time.clock().now() + millis(1));
        }
        let expected = if name == "debounce" || name == "chunks, in time" { 1 } else { 2 };
        assert!(handed_out >= expected, "{name}: {handed_out}");
    }
}

#[test]
fn a_handler_that_is_dropped_abandons_only_what_it_has() {
    // Would break: a cancelled for_each whose events pass for handled, or that has read further than it works.
    const AT_ONCE: usize = 3;
    for polls in 0..POLLS_MAX {
        let (deliveries, mut receipts) = events(EVENTS);
        let source = Tap::new(deliveries);
        let mut handling = Box::pin(Hesitant(source.clone(), false).for_each_event(AT_ONCE, |number| async move {
            for _ in 0..number % 4 {
                tokio::task::yield_now().await;
            }
            Ok::<_, String>(())
        }));
        for _ in 0..polls {
            assert!(
                handling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(),
                "the source stays open"
            );
        }
        drop(handling);
        let seen = outcomes(&mut receipts);
        let count = |outcome| seen.iter().filter(|seen| **seen == Some(outcome)).count();
        assert!(count(Outcome::Abandoned) <= AT_ONCE, "{seen:?}");
        assert_eq!(count(Outcome::Done) + count(Outcome::Abandoned), EVENTS - source.left());
    }
}

#[tokio::test(start_paused = true)]
async fn a_next_that_is_cancelled_loses_nothing() {
    // Would break: a select! loop that drops items with the branch that lost.
    use tokio_stream::StreamExt;
    let time = Clock::machine();
    let source = tokio_stream::iter(0..40).then(async |item| {
        tokio::time::sleep(millis(7)).await;
        item
    });
    let mut batches = source.chunks_within(3, millis(20), &time);
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            batch = batches.next() => match batch {
                Some(batch) => seen.extend(batch),
                None => break,
            },
            () = tokio::time::sleep(millis(2)) => {}
        }
    }
    assert!(seen.into_iter().eq(0..40));
    assert!(time.now() > Moment::ZERO);
}
