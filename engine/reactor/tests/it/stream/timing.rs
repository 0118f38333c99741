//! Operators that measure time, against what they promise, under virtual time.

use homeostat_reactor::stream::{Edge, Memory, TimedOut, prelude::*};
use homeostat_reactor::{Clock, ManualClock};
use proptest::prelude::*;

use super::{arrivals, drive, gaps, millis, timed};

/// How long the operators wait in these tests, in milliseconds.
const WAIT: u64 = 10;

proptest! {
    #[test]
    fn debounce_hands_out_exactly_what_is_followed_by_quiet((items, end) in gaps()) {
        // Would break: a search for every key, or none for the last.
        let time = ManualClock::new();
        let source = timed(&time.clock(), items.clone(), end);
        let (seen, ended) = drive(&time, source.debounce(millis(WAIT), &time.clock()));
        let came = arrivals(&items);
        let end = came.last().map_or(end, |(at, _)| at + end);
        let next = came.iter().skip(1).map(|(at, _)| *at).chain([u64::MAX]);
        let expected: Vec<_> = came.iter().zip(next).filter(|((at, _), next)| *next > at + WAIT)
            .map(|((at, item), _)| ((at + WAIT).min(end), *item)).collect();
        prop_assert!(ended);
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(time.sleepers(), 0);
    }

    #[test]
    fn a_leading_throttle_lets_through_what_comes_a_pace_after_the_one_before((items, end) in gaps()) {
        // Would break: more than one item in a pace, or one held back though the pace was over.
        let time = ManualClock::new();
        let source = timed(&time.clock(), items.clone(), end);
        let (seen, _) = drive(&time, source.throttle_by(Edge::Leading, millis(WAIT), &time.clock()));
        let mut expected: Vec<(u64, usize)> = Vec::new();
        for (at, item) in arrivals(&items) {
            if expected.last().is_none_or(|(last, _)| at >= last + WAIT) {
                expected.push((at, item));
            }
        }
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn a_trailing_throttle_hands_out_the_newest_at_the_end_of_each_pace((items, end) in gaps(), both in any::<bool>()) {
        // Would break: a last state that is never shown, a stale one, or two too close together.
        let edge = if both { Edge::Both } else { Edge::Trailing };
        let time = ManualClock::new();
        let source = timed(&time.clock(), items.clone(), end);
        let (seen, ended) = drive(&time, source.throttle_by(edge, millis(WAIT), &time.clock()));
        let came = arrivals(&items);
        let end = came.last().map_or(end, |(at, _)| at + end);
        prop_assert!(ended);
        prop_assert_eq!(seen.last().map(|(_, item)| *item), came.last().map(|(_, item)| *item));
        for pair in seen.windows(2) {
            prop_assert!(pair[1].0 == end || pair[1].0 - pair[0].0 >= WAIT, "{:?} too soon after {:?}", pair[1], pair[0]);
        }
        for (at, item) in &seen {
            let newest = came.iter().rfind(|(came, _)| came <= at).unwrap();
            let at_once = both && came[*item].0 == *at;
            prop_assert!(newest.1 == *item || at_once, "{item} at {at} is not the newest");
            prop_assert!(at - came[*item].0 <= WAIT, "{item} is late");
        }
        if both {
            prop_assert_eq!(seen.first(), came.first());
        }
    }

    #[test]
    fn sample_hands_out_the_newest_at_even_times((items, end) in gaps()) {
        // Would break: samples off the grid, twice the same, or an item older than the newest.
        let time = ManualClock::new();
        let source = timed(&time.clock(), items.clone(), end);
        let (seen, _) = drive(&time, source.sample(millis(WAIT), &time.clock()));
        let came = arrivals(&items);
        let end = came.last().map_or(end, |(at, _)| at + end);
        prop_assert_eq!(seen.last().map(|(_, item)| *item), came.last().map(|(_, item)| *item));
        for (at, item) in &seen {
            prop_assert!(at % WAIT == 0 || *at == end, "{item} at {at}");
            prop_assert!(at - came[*item].0 <= WAIT);
            let newest_before = came.iter().rfind(|(came, _)| came < at).map_or(0, |(_, item)| *item);
            prop_assert!(*item >= newest_before, "{item} at {at} is older than {newest_before}");
        }
        for pair in seen.windows(2) {
            prop_assert!(pair[1].1 > pair[0].1);
            prop_assert!(pair[1].0 > pair[0].0 || pair[1].0 == end);
        }
    }

    #[test]
    fn chunks_are_in_order_whole_and_in_time((items, end) in gaps(), max in 1_usize..6) {
        // Would break: lost or swapped items, an empty or an overfull batch, one that waits too long.
        let time = ManualClock::new();
        let source = timed(&time.clock(), items.clone(), end);
        let (seen, _) = drive(&time, source.chunks_within(max, millis(WAIT), &time.clock()));
        let came = arrivals(&items);
        let end = came.last().map_or(end, |(at, _)| at + end);
        prop_assert_eq!(seen.iter().flat_map(|(_, batch)| batch.clone()).collect::<Vec<_>>(), (0..items.len()).collect::<Vec<_>>());
        for (at, batch) in &seen {
            prop_assert!(!batch.is_empty() && batch.len() <= max);
            let (first, last) = (came[batch[0]].0, came[*batch.last().unwrap()].0);
            let due = if batch.len() == max { last } else { (first + WAIT).min(end) };
            prop_assert_eq!(*at, due);
        }
    }

    #[test]
    fn distinct_within_remembers_as_far_as_its_limits_go(items in prop::collection::vec((0_u64..8, 0_u8..6), 0..60), keys_max in 1_usize..5) {
        // Would break: a duplicate within the memory, or a memory that grows.
        let time = ManualClock::new();
        let source = timed(&time.clock(), items.clone(), 0);
        let memory = Memory { keys_max, time_to_live: millis(WAIT) };
        let (seen, _) = drive(&time, source.distinct_within(memory, |item| *item, &time.clock()));
        let mut passed: Vec<(u64, u8)> = Vec::new();
        for (at, item) in arrivals(&items) {
            let remembered = passed.iter().rev().take(keys_max).any(|(since, key)| *key == item && at - since < WAIT);
            if !remembered {
                passed.push((at, item));
            }
        }
        prop_assert_eq!(seen, passed);
    }
}

#[test]
fn an_item_timeout_counts_only_while_somebody_waits() {
    // Would break: a slow consumer that gets errors about its source.
    let time = ManualClock::new();
    let source = timed(&time.clock(), vec![(5, 'a'), (25, 'b'), (10, 'c')], 0);
    let (seen, ended) = drive(&time, source.item_timeout(millis(WAIT), &time.clock()));
    let late = Err(TimedOut::Item(millis(WAIT)));
    assert_eq!(seen, [(5, Ok('a')), (15, late), (25, late), (30, Ok('b')), (40, Ok('c'))]);
    assert!(ended);

    let time = ManualClock::new();
    let mut stream = futures::stream::pending::<()>().item_timeout(millis(WAIT), &time.clock());
    assert!(super::poll_once(&mut stream).is_pending());
    time.set(homeostat_reactor::Moment::from_millis(WAIT));
    assert!(super::poll_once(&mut stream).is_ready());
    time.set(homeostat_reactor::Moment::from_millis(5 * WAIT));
    assert!(super::poll_once(&mut stream).is_pending(), "nobody was waiting since the last error");
}

#[test]
fn a_wait_that_was_given_up_is_not_counted_when_somebody_comes_back() {
    // Would break: a select! loop that was busy with its other branch for an hour, and hears that its source is late.
    let time = ManualClock::new();
    let hour = homeostat_reactor::Moment::from_secs(3_600);
    let mut stream = futures::stream::pending::<()>().item_timeout(millis(WAIT), &time.clock());
    assert!(super::poll_once(&mut stream).is_pending());
    time.set(homeostat_reactor::Moment::from_millis(WAIT));
    time.set(hour);
    assert!(super::poll_once(&mut stream).is_pending(), "nobody was waiting any more when the time was over");
    time.set(hour + millis(WAIT));
    assert!(super::poll_once(&mut stream).is_ready());
}

#[test]
fn a_batch_from_a_source_that_is_always_ready_is_handed_out_in_time() {
    // Would break: a batch that waits until it is full, and a thread that is kept for as long, because there is always one more item.
    let (time, ticking) = (ManualClock::new(), ManualClock::new());
    let mut now = homeostat_reactor::Moment::ZERO;
    let turned = ticking.clone();
    let ticks = futures::stream::iter(0..10_000).map(move |item| {
        now = now + millis(1);
        turned.set(now);
        item
    });
    let mut batches = ticks.chunks_within(usize::MAX, millis(20), &ticking.clock());
    let std::task::Poll::Ready(Some(batch)) = super::poll_once(&mut batches) else { panic!("its wait is over") };
    assert!((20..=40).contains(&batch.len()), "{}", batch.len());

    let busy = futures::stream::iter(0..10_000);
    let mut batches = busy.chunks_within(usize::MAX, millis(20), &time.clock());
    assert!(super::poll_once(&mut batches).is_pending(), "others may run");
    let (seen, _) = drive(&time, batches);
    assert_eq!(seen, [(0, (0..10_000).collect::<Vec<_>>())]);
}

#[test]
fn a_total_timeout_ends_the_stream_and_drops_the_source() {
    // Would break: a request that goes on after its caller was told that it is over.
    let time = ManualClock::new();
    let source = timed(&time.clock(), vec![(4, 'a'), (4, 'b'), (4, 'c')], 0);
    let (seen, ended) = drive(&time, source.total_timeout(millis(WAIT), &time.clock()));
    assert_eq!(seen, [(4, Ok('a')), (8, Ok('b')), (WAIT, Err(TimedOut::Total(millis(WAIT))))]);
    assert!(ended);
    assert_eq!(time.sleepers(), 0, "the source is gone");

    let source = timed(&time.clock(), vec![(4, 'a')], 2);
    let (seen, ended) = drive(&time, source.total_timeout(millis(WAIT), &time.clock()));
    assert!(seen.len() == 1 && seen[0].1 == Ok('a') && ended, "an end in time is no error");
}

#[tokio::test(start_paused = true)]
async fn the_operators_keep_the_machines_time_too() {
    // Would break: operators that work under the manual clock only.
    let clock = Clock::machine();
    let keys = tokio_stream::iter(0..20).then(async |key| {
        tokio::time::sleep(millis(if key % 5 == 0 { 100 } else { 3 })).await;
        key
    });
    let quiet: Vec<_> = keys.debounce(millis(20), &clock).collect().await;
    assert_eq!(
        quiet,
        [4, 9, 14, 19].into_iter().fold(vec![], |mut all, key| {
            all.push(key);
            all
        })
    );
    let slow = tokio_stream::pending::<()>().total_timeout(millis(50), &clock);
    assert_eq!(slow.collect::<Vec<_>>().await, [Err(TimedOut::Total(millis(50)))]);
    let ticks = tokio_stream::iter(0..7).then(async |tick| {
        tokio::time::sleep(millis(10)).await;
        tick
    });
    let batches: Vec<_> = ticks.chunks_within(100, millis(25), &clock).collect().await;
    assert_eq!(batches, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
}
