//! A clock that goes back, a consumer that is slow, and a source that never rests.

use homeostat_reactor::stream::{Edge, Memory, prelude::*};
use homeostat_reactor::{Delivery, ManualClock, Moment, Outcome};
use proptest::prelude::*;

use super::{Tap, events, millis, outcomes, poll_once};

/// How long the operators wait in these tests, in milliseconds.
const WAIT: u64 = 10;

type Made = Box<dyn Stream<Item = Vec<usize>> + Unpin>;

/// The operators that hold something back for a time, as streams of what goes on.
fn made(name: &str, source: Tap<Delivery<usize>>, time: &ManualClock) -> Made {
    let clock = &time.clock();
    let one = |delivery: Delivery<usize>| vec![delivery.settle(Outcome::Done)];
    match name {
        "debounce" => Box::new(source.debounce_events(millis(WAIT), clock).map(one)),
        "throttle" => Box::new(source.throttle_events(Edge::Both, millis(WAIT), clock).map(one)),
        "sample" => Box::new(source.sample_events(millis(WAIT), clock).map(one)),
        "chunks" => Box::new(source.chunk_events(4, millis(WAIT), clock).map(|batch| batch.settle(Outcome::Done))),
        _ => unreachable!("{name}"),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Item,
    On(u64),
    Back(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![4 => Just(Step::Item), 3 => (1_u64..15).prop_map(Step::On), 1 => (1_u64..1_000).prop_map(Step::Back)];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn a_clock_that_goes_back_loses_nothing(steps in steps(), name in prop::sample::select(vec!["debounce", "throttle", "sample", "chunks"])) {
        // Would break: an item stuck for ever, or handed out early, because the clock was set back.
        let count = steps.iter().filter(|step| matches!(step, Step::Item)).count();
        let (events, mut receipts) = events(count);
        let mut events = events.into_iter();
        let time = ManualClock::new();
        time.set(Moment::from_secs(100));
        let source = Tap::new([]);
        let mut stream = made(name, source.clone(), &time);
        let mut seen = Vec::new();
        let mut take_all = |stream: &mut Made| {
            while let std::task::Poll::Ready(Some(items)) = poll_once(stream) {
                seen.extend(items);
            }
        };
        for step in steps {
            let now = time.clock().now();
            match step {
                Step::Item => source.push(events.next().unwrap()),
                Step::On(on) => time.set(now + millis(on)),
                Step::Back(back) => time.set(now.before(millis(back))),
            }
            take_all(&mut stream);
        }
        // Seen to be back, the clock must move by one wait only.
        take_all(&mut stream);
        time.set(time.clock().now() + millis(WAIT));
        take_all(&mut stream);
        prop_assert!(seen.is_sorted());
        prop_assert_eq!(seen.last().copied(), count.checked_sub(1), "the newest is handed out");
        for (number, outcome) in outcomes(&mut receipts).into_iter().enumerate() {
            let expected = if seen.contains(&number) { Outcome::Done } else { Outcome::Skipped };
            prop_assert_eq!(outcome, Some(expected));
        }
        if name == "chunks" {
            prop_assert_eq!(seen.len(), count);
        }
    }
}

#[test]
fn going_back_makes_nothing_come_early() {
    // Would break: a debounce that takes a jump of the clock for quiet.
    let time = ManualClock::new();
    time.set(Moment::from_millis(100));
    let source = Tap::new([1]);
    let mut stream = source.debounce(millis(WAIT), &time.clock());
    for at in [100, 105, 50, 59] {
        time.set(Moment::from_millis(at));
        assert!(poll_once(&mut stream).is_pending(), "at {at}");
    }
    time.set(Moment::from_millis(60));
    assert!(poll_once(&mut stream).is_ready());
}

#[test]
fn what_was_seen_in_the_clocks_future_is_not_remembered_till_then() {
    // Would break: an hour of suppressed alarms after the clock was set back by an hour.
    let time = ManualClock::new();
    time.set(Moment::from_secs(3_600));
    let source = Tap::new(['a']);
    let memory = Memory { keys_max: 8, time_to_live: millis(WAIT) };
    let mut stream = source.clone().distinct_within(memory, |item| *item, &time.clock());
    assert!(poll_once(&mut stream).is_ready());
    time.set(Moment::ZERO);
    source.push('a');
    assert!(poll_once(&mut stream).is_pending());
    time.set(Moment::from_millis(WAIT));
    source.push('a');
    assert!(poll_once(&mut stream).is_ready());
    assert_eq!(stream.remembered(), 1);
}

#[test]
fn only_what_lies_in_the_future_counts_as_seen_now() {
    // Would break: a key seen before the jump and one seen after it, both remembered by the older moment.
    const HOUR: u64 = 3_600;
    let time = ManualClock::new();
    let source = Tap::new([]);
    let memory = Memory { keys_max: 8, time_to_live: millis(HOUR * 3_000) };
    let mut stream = source.clone().distinct_within(memory, |item| *item, &time.clock());
    let mut goes_at = |secs: u64, item: char| {
        time.set(Moment::from_secs(secs));
        source.push(item);
        poll_once(&mut stream).is_ready()
    };
    assert!(goes_at(0, 'a') && goes_at(2 * HOUR, 'b'));
    assert!(!goes_at(HOUR, 'b'), "b counts as seen now, after one hour");
    assert!(goes_at(3 * HOUR, 'a') && !goes_at(4 * HOUR - 1, 'b') && goes_at(4 * HOUR, 'b'));
}

#[test]
fn a_wait_seen_to_lie_in_the_future_is_set_anew() {
    // Would break: a debounce that still sleeps until the moment that it was waiting for before the clock went back.
    let time = ManualClock::new();
    time.set(Moment::from_secs(100));
    let source = Tap::new([1]);
    let mut stream = source.debounce(millis(WAIT), &time.clock());
    assert!(poll_once(&mut stream).is_pending());
    time.set(Moment::from_secs(50));
    assert!(poll_once(&mut stream).is_pending());
    assert_eq!(time.next_due(), Some(Moment::from_secs(50) + millis(WAIT)));
}

#[test]
fn a_timer_started_again_and_again_is_one_sleep() {
    // Would break: a timer set up for every item of a flood.
    let time = ManualClock::new();
    let source = Tap::new([0]);
    let mut stream = source.clone().debounce(millis(WAIT), &time.clock());
    for at in 1..WAIT {
        assert!(poll_once(&mut stream).is_pending());
        assert_eq!((time.sleepers(), time.next_due()), (1, Some(Moment::from_millis(WAIT))));
        time.set(Moment::from_millis(at));
        source.push(at);
    }
}

#[test]
fn a_slow_consumer_gets_the_newest_and_the_source_keeps_the_rest() {
    // Would break: operators that read ahead of whoever reads them, or hand out what is long past.
    let time = ManualClock::new();
    let source = Tap::new(0..3);
    let mut stream = source.clone().debounce(millis(WAIT), &time.clock());
    assert_eq!(source.left(), 3, "nothing is read before it is asked for");
    assert!(poll_once(&mut stream).is_pending());
    (3..9).for_each(|item| source.push(item));
    time.set(Moment::from_secs(10));
    assert_eq!(source.left(), 6);
    assert!(poll_once(&mut stream).is_pending());
    time.set(Moment::from_secs(20));
    assert_eq!(poll_once(&mut stream), std::task::Poll::Ready(Some(8)));

    let source = Tap::new(0..100);
    let mut stream = source.clone().chunks_within(7, millis(WAIT), &time.clock());
    assert_eq!(poll_once(&mut stream), std::task::Poll::Ready(Some((0..7).collect())));
    assert_eq!(source.left(), 93, "only what was asked for");
}

#[test]
fn a_source_that_never_rests_does_not_keep_the_thread() {
    // Would break: a poll that never returns, and with it every other task of the thread.
    let clock = &ManualClock::new().clock();
    let same = || futures::stream::repeat(1);
    let memory = Memory { keys_max: 8, time_to_live: millis(WAIT) };
    let streams: Vec<(Box<dyn Stream<Item = i32> + Unpin>, bool)> = vec![
        (Box::new(same().debounce(millis(WAIT), clock)), false),
        (Box::new(same().sample(millis(WAIT), clock)), false),
        (Box::new(same().throttle_by(Edge::Trailing, millis(WAIT), clock)), false),
        (Box::new(same().throttle_by(Edge::Leading, millis(WAIT), clock)), true),
        (Box::new(same().throttle_by(Edge::Both, millis(WAIT), clock)), true),
        (Box::new(same().distinct()), true),
        (Box::new(same().distinct_within(memory, |item| *item, clock)), true),
        (Box::new(same().switch_map(|item| futures::stream::iter([item]))), false),
    ];
    for (mut stream, first_goes) in streams {
        if first_goes {
            assert!(poll_once(&mut stream).is_ready());
        }
        let (flag, waker) = super::Flag::up();
        flag.lower();
        let poll = std::pin::Pin::new(&mut stream).poll_next(&mut std::task::Context::from_waker(&waker));
        assert!(poll.is_pending() && flag.lower(), "comes back at once");
    }
}

#[test]
fn a_source_that_never_rests_is_sampled_all_the_same() {
    // Would break: a flood that silences what is there to thin it out.
    let time = ManualClock::new();
    let mut sampled = futures::stream::repeat(1).sample(millis(WAIT), &time.clock());
    let mut throttled = futures::stream::repeat(1).throttle_by(Edge::Trailing, millis(WAIT), &time.clock());
    assert!(poll_once(&mut sampled).is_pending() && poll_once(&mut throttled).is_pending());
    time.set(Moment::from_millis(WAIT));
    assert!(poll_once(&mut sampled).is_ready() && poll_once(&mut throttled).is_ready());
}
