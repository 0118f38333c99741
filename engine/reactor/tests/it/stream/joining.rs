//! Merge, zip, switch, distinct, and states that go along.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use homeostat_reactor::stream::{Edge, MergeByPriority, merge_all, merge_by_priority, prelude::*, zip};
use homeostat_reactor::{Class, ManualClock};
use proptest::prelude::*;

use super::{Tap, drive, gaps, millis, poll_once, timed};

type Numbered = (usize, usize);

fn sources() -> impl Strategy<Value = Vec<(Vec<(u64, usize)>, u64)>> {
    prop::collection::vec(gaps(), 0..5)
}

fn by_source(seen: &[(u64, Numbered)], source: usize) -> Vec<usize> {
    seen.iter().filter(|(_, (from, _))| *from == source).map(|(_, (_, number))| *number).collect()
}

/// Items with the time each takes, and how long the source stays open after them.
type Timed = (Vec<(u64, usize)>, u64);

proptest! {
    #[test]
    fn a_merge_keeps_the_order_of_each_source_and_loses_nothing(sources in sources(), how in 0..3) {
        // Would break: an item lost, doubled or overtaken by a later one of its own source.
        let time = ManualClock::new();
        let source = |(from, (items, end)): (usize, &Timed)| {
            timed(&time.clock(), items.iter().map(|(gap, number)| (*gap, (from, *number))).collect(), *end)
        };
        let streams: Vec<_> = sources.iter().enumerate().map(source).collect();
        let (seen, ended) = match how {
            0 => drive(&time, merge_all(streams)),
            1 => drive(&time, merge_by_priority(streams.into_iter().zip(0..).map(|(source, from)| (Class::ALL[from % Class::COUNT], source)))),
            _ => {
                let none: std::pin::Pin<Box<dyn Stream<Item = Numbered>>> = Box::pin(tokio_stream::empty());
                drive(&time, streams.into_iter().fold(none, |all, source| Box::pin(all.merge(source))))
            }
        };
        prop_assert!(ended);
        for (from, (items, _)) in sources.iter().enumerate() {
            prop_assert_eq!(by_source(&seen, from), (0..items.len()).collect::<Vec<_>>());
        }
        prop_assert_eq!(seen.len(), sources.iter().map(|(items, _)| items.len()).sum::<usize>());
    }

    #[test]
    fn zip_pairs_the_first_with_the_first((left, end) in gaps(), (right, _) in gaps()) {
        // Would break: pairs of what does not belong together.
        let time = ManualClock::new();
        let shorter = left.len().min(right.len());
        let pairs = zip(timed(&time.clock(), left, end), timed(&time.clock(), right, end));
        let (seen, ended) = drive(&time, pairs);
        prop_assert!(ended);
        prop_assert_eq!(seen.into_iter().map(|(_, pair)| pair).collect::<Vec<_>>(), (0..shorter).map(|item| (item, item)).collect::<Vec<_>>());
    }

    #[test]
    fn switch_follows_the_newest_only((starts, _) in gaps(), (inner, _) in gaps()) {
        // Would break: an answer to an older question after a newer one was asked.
        let time = ManualClock::new();
        let clock = time.clock();
        let outer = timed(&time.clock(), starts.clone(), 0);
        let make = inner.clone();
        let stream = outer.switch_map(move |start| timed(&clock, make.clone(), 0).map(move |item| (start, item)));
        let (seen, ended) = drive(&time, stream);
        prop_assert!(ended);
        let starts = super::arrivals(&starts);
        let inner = super::arrivals(&inner);
        let next = starts.iter().skip(1).map(|(at, _)| *at).chain([u64::MAX]);
        let expected: Vec<_> = starts.iter().zip(next).flat_map(|((at, start), next)| {
            inner.iter().map(move |(after, item)| (at + after, (*start, *item))).filter(move |(at, _)| *at < next)
        }).collect();
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn a_merge_is_fair_while_all_have_items() {
    // Would break: a source that is always ready and silences the others.
    let endless = |from: usize| futures::stream::repeat(from);
    let mut merged = merge_all((0..4).map(endless));
    let mut heard = [0_usize; 4];
    for turn in 1..=400 {
        let Poll::Ready(Some(from)) = poll_once(&mut merged) else { continue };
        heard[from] += 1;
        let (least, most) = (heard.iter().min().unwrap(), heard.iter().max().unwrap());
        assert!(most - least <= 1, "{heard:?} after {turn}");
    }
}

fn endless_by_class() -> MergeByPriority<futures::stream::Repeat<Class>> {
    merge_by_priority(Class::ALL.into_iter().rev().map(|class| (class, futures::stream::repeat(class))))
}

#[test]
fn a_merge_by_priority_gives_each_class_its_weight_and_starves_none() {
    // Would break: bulk that never gets through, or that gets through before what is critical.
    let mut merged = endless_by_class();
    let turns = Class::ALL.map(Class::weight).iter().sum::<usize>();
    for round in 0..10 {
        let mut heard = [0_usize; Class::COUNT];
        for turn in 0..turns {
            let Poll::Ready(Some(class)) = poll_once(&mut merged) else { panic!("all have items") };
            assert!(turn > 0 || class == Class::Critical, "a round begins with the most urgent: {round}");
            heard[class as usize] += 1;
        }
        assert_eq!(heard, Class::ALL.map(Class::weight));
    }
}

#[test]
fn what_is_critical_goes_before_what_was_there_first() {
    // Would break: a critical item behind a queue of others.
    let (bulk, critical) = (Tap::new(0..100), Tap::new([]));
    let mut merged = merge_by_priority([(Class::Bulk, bulk), (Class::Critical, critical.clone())]);
    for item in 0..50 {
        assert_eq!(poll_once(&mut merged), Poll::Ready(Some(item)));
    }
    (1_000..1_010).for_each(|item| critical.push(item));
    for item in 1_000..1_010 {
        assert_eq!(poll_once(&mut merged), Poll::Ready(Some(item)));
    }
    assert_eq!(poll_once(&mut merged), Poll::Ready(Some(50)));
}

#[test]
fn the_older_stream_is_dropped_before_the_newer_one_is_polled() {
    // Would break: two requests at work for one search field.
    struct Told(Rc<RefCell<Vec<String>>>, u32);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.borrow_mut().push(format!("dropped {}", self.1));
        }
    }
    let log = Rc::new(RefCell::new(Vec::new()));
    let source = Tap::new([1]);
    let told = Rc::clone(&log);
    let mut stream = source.clone().switch_map(move |number| {
        let guard = Told(Rc::clone(&told), number);
        futures::stream::poll_fn(move |_| {
            guard.0.borrow_mut().push(format!("polled {}", guard.1));
            Poll::<Option<()>>::Pending
        })
    });
    assert!(poll_once(&mut stream).is_pending());
    source.push(2);
    source.close();
    assert!(poll_once(&mut stream).is_pending());
    assert_eq!(*log.borrow(), ["polled 1", "dropped 1", "polled 2"]);
}

#[tokio::test]
async fn distinct_leaves_out_what_repeats_the_one_before() {
    // Would break: a change that is missed, or repeats that pass for changes.
    let items = || tokio_stream::iter([1, 1, 2, 2, 2, 12, 1]);
    assert_eq!(items().distinct().collect::<Vec<_>>().await, [1, 2, 12, 1]);
    assert_eq!(items().distinct_by(|item| item % 10).collect::<Vec<_>>().await, [1, 2, 1]);
}

#[tokio::test]
async fn states_go_along() {
    // Would break: running sums and changes.
    let items = || tokio_stream::iter(1..=4);
    let sums = items().accumulate(0, |sum, item| {
        *sum += item;
        *sum
    });
    assert_eq!(sums.collect::<Vec<_>>().await, [1, 3, 6, 10]);
    assert_eq!(items().pairwise().collect::<Vec<_>>().await, [(1, 2), (2, 3), (3, 4)]);
    assert_eq!(items().reduce(|left, right| left * right).await, Some(24));
    assert_eq!(items().take(0).reduce(|left, right| left * right).await, None);
}

/// Would break at compile time: a method of ours that has a name one of theirs has too.
mod names {
    use std::time::Duration;

    use homeostat_reactor::Clock;

    #[tokio::test]
    async fn beside_futures() {
        // Would break: whoever has futures' methods in scope and wants ours.
        use futures::StreamExt;
        use homeostat_reactor::stream::StreamOps;
        let clock = Clock::machine();
        let stream = futures::stream::iter(0..9)
            .filter(|item| std::future::ready(item % 2 == 0))
            .distinct()
            .scan((), |(), item| std::future::ready(Some(item)));
        let batches: Vec<_> = stream.chunks_within(2, Duration::from_secs(1), &clock).collect().await;
        assert_eq!(batches, [vec![0, 2], vec![4, 6], vec![8]]);
    }

    #[tokio::test]
    async fn by_the_prelude() {
        // Would break: plain closures for the plainest operators.
        use homeostat_reactor::stream::prelude::*;
        let stream = tokio_stream::iter(0..9)
            .filter(|item| item % 2 == 0)
            .map(|item| item * 10)
            .filter_map(|item| (item > 0).then_some(item));
        assert_eq!(
            stream.merge(tokio_stream::empty()).pairwise().collect::<Vec<_>>().await,
            [(20, 40), (40, 60), (60, 80)]
        );
    }
}

#[test]
fn a_stream_is_not_polled_after_its_end() {
    // Would break: sources that panic then, as they may.
    let time = ManualClock::new();
    let ends = Cell::new(0);
    let once = || {
        let ends = &ends;
        futures::stream::poll_fn(move |_| {
            ends.set(ends.get() + 1);
            Poll::<Option<u32>>::Ready(None)
        })
    };
    let clock = &time.clock();
    let mut streams: Vec<Box<dyn Stream<Item = ()> + Unpin + '_>> = vec![
        Box::new(once().debounce(millis(1), clock).map(drop)),
        Box::new(once().throttle_by(Edge::Both, millis(1), clock).map(drop)),
        Box::new(once().sample(millis(1), clock).map(drop)),
        Box::new(once().chunks_within(3, millis(1), clock).map(drop)),
        Box::new(once().item_timeout(millis(1), clock).map(drop)),
        Box::new(once().total_timeout(millis(1), clock).map(drop)),
        Box::new(once().distinct().map(drop)),
        Box::new(once().map(|_| once()).switch().map(drop)),
        Box::new(once().accumulate((), |(), _| ())),
        Box::new(once().pairwise().map(drop)),
        Box::new(merge_by_priority([(Class::Act, once())]).map(drop)),
        Box::new(merge_all([once()]).map(drop)),
    ];
    for stream in &mut streams {
        ends.set(0);
        assert!((0..3).all(|_| matches!(poll_once(stream), Poll::Ready(None))));
        assert_eq!(ends.get(), 1);
    }
}
