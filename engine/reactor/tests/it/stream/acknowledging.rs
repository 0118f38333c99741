//! Acknowledgement through operators: exactly one for each event, and the worst outcome wins.

use homeostat_reactor::stream::{Edge, Handled, Memory, Slow, merge_all, prelude::*, zip};
use homeostat_reactor::{Class, Delivery, ManualClock, Moment, Outcome};
use proptest::prelude::*;

use super::{drive, events, millis, outcomes, poll_once, timed};

const OUTCOMES: [Outcome; 5] = [Outcome::Done, Outcome::Skipped, Outcome::Dropped, Outcome::Abandoned, Outcome::Failed];

proptest! {
    #[test]
    fn each_event_is_settled_once_with_the_worst_of_its_ends(
        count in 0_usize..40,
        max in 1_usize..5,
        parts in 1_usize..4,
        subscribers in 1_usize..4,
        ends in prop::collection::vec(prop::sample::select(&OUTCOMES[..]), 1..30),
    ) {
        // Would break: an event acknowledged early, never, or better than the worst of its copies or of its batch.
        let time = ManualClock::new();
        let (deliveries, mut receipts) = events(count);
        // Fan-in: each source has every so-manieth event.
        let mut sources: Vec<Vec<(u64, Delivery<usize>)>> = (0..parts).map(|_| Vec::new()).collect();
        for (number, delivery) in deliveries.into_iter().enumerate() {
            sources[number % parts].push((1, delivery));
        }
        let merged = merge_all(sources.into_iter().map(|source| timed(&time.clock(), source, 3)));
        let wanted = merged.filter_event(|number| number % 3 != 0).filter_map_event(|number| (number % 5 != 0).then_some(number));
        let batches = wanted.map_event(|number| number).chunk_events(max, millis(4), &time.clock());
        // Fan-out: each subscriber has a copy of each batch, and settles it in its own way.
        let shared = tokio_stream::iter(drive(&time, batches).0.into_iter().map(|(_, batch)| batch)).share_events(2, Slow::Wait { ahead_max: 3 });
        let mut copies: Vec<_> = (0..subscribers).map(|_| shared.subscribe()).collect();
        let mut expected: Vec<_> = (0..count).map(|number| {
            (number % 3 == 0 || number % 5 == 0).then_some(Outcome::Skipped).or(Some(Outcome::Done))
        }).collect();
        let mut ends = ends.into_iter().cycle();
        let mut over = false;
        while !over {
            over = true;
            for copy in &mut copies {
                let std::task::Poll::Ready(Some(batch)) = poll_once(copy) else { continue };
                over = false;
                prop_assert!(outcomes(&mut receipts[batch[0]..=batch[0]]) == [None], "a copy is still unsettled");
                let end = ends.next().unwrap();
                for number in batch.iter() {
                    expected[*number] = expected[*number].max(Some(end));
                }
                if end == Outcome::Abandoned { drop(batch) } else { drop(batch.settle(end)) }
            }
        }
        drop((copies, shared));
        prop_assert_eq!(outcomes(&mut receipts), expected);
    }

    #[test]
    fn what_an_operator_leaves_out_is_skipped_at_once(gaps in prop::collection::vec(0_u64..15, 1..40), which in 0..7) {
        // Would break: an event whose receipt never comes because a newer one took its place.
        let time = ManualClock::new();
        let clock = &time.clock();
        let (deliveries, mut receipts) = events(gaps.len());
        let source = timed(clock, gaps.into_iter().zip(deliveries).collect(), 0);
        let memory = Memory { keys_max: 2, time_to_live: millis(20) };
        let key = |delivery: &Delivery<usize>| delivery.event / 3;
        let (seen, _) = match which {
            0 => drive(&time, source.debounce_events(millis(10), clock)),
            1 => drive(&time, source.throttle_events(Edge::Leading, millis(10), clock)),
            2 => drive(&time, source.throttle_events(Edge::Trailing, millis(10), clock)),
            3 => drive(&time, source.throttle_events(Edge::Both, millis(10), clock)),
            4 => drive(&time, source.sample_events(millis(10), clock)),
            5 => drive(&time, source.distinct_events(key)),
            _ => drive(&time, source.distinct_events_within(memory, key, clock)),
        };
        let mut expected: Vec<_> = receipts.iter().map(|_| Some(Outcome::Skipped)).collect();
        seen.iter().for_each(|(_, delivery)| expected[delivery.event] = None);
        prop_assert_eq!(outcomes(&mut receipts), expected);
    }
}

#[tokio::test]
async fn for_each_settles_what_its_handler_says_and_keeps_its_limit() {
    // Would break: a failure that passes for success, or more at once than allowed.
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (deliveries, receipts) = events(30);
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (running, most) = (&running, &most);
    let handled = tokio_stream::iter(deliveries).for_each_event(4, |number| async move {
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..number % 7 {
            tokio::task::yield_now().await;
        }
        running.fetch_sub(1, Ordering::SeqCst);
        if number % 10 == 3 { Err(format!("{number} is out of stock")) } else { Ok(()) }
    });
    assert_eq!(handled.await, Handled { done: 27, failed: 3 });
    assert_eq!(most.load(Ordering::SeqCst), 4);
    for (number, receipt) in receipts.into_iter().enumerate() {
        let settlement = receipt.await;
        let cause = (number % 10 == 3).then(|| format!("{number} is out of stock"));
        assert_eq!((settlement.outcome == Outcome::Failed, settlement.cause), (cause.is_some(), cause));
    }
}

#[tokio::test]
async fn for_each_can_be_spawned_and_aborted() {
    // Would break: handlers that cannot run as a task, and a task that is cancelled and passes for success.
    let (deliveries, receipts) = events(3);
    let handling = tokio::spawn(tokio_stream::iter(deliveries).for_each_event(2, |number| async move {
        if number > 0 {
            std::future::pending::<()>().await;
        }
        Ok::<_, String>(())
    }));
    tokio::task::yield_now().await;
    handling.abort();
    assert!(handling.await.unwrap_err().is_cancelled());
    let settled = futures::future::join_all(receipts).await;
    let settled: Vec<_> = settled.into_iter().map(|settlement| settlement.outcome).collect();
    assert_eq!(settled, [Outcome::Done, Outcome::Abandoned, Outcome::Abandoned]);
}

#[tokio::test]
async fn taken_events_are_done_when_they_are_handed_over() {
    // Would break: an event acknowledged before anybody has it.
    let (deliveries, mut receipts) = events(2);
    let mut plain = tokio_stream::iter(deliveries).taken();
    assert_eq!(outcomes(&mut receipts), [None, None]);
    assert_eq!(plain.next().await, Some(0));
    assert_eq!(outcomes(&mut receipts), [Some(Outcome::Done), None]);
}

#[tokio::test]
async fn the_event_without_a_partner_is_not_acknowledged() {
    // Would break: an event that is lost in a pair that never comes to be, and passes for handled.
    let (deliveries, mut receipts) = events(2);
    let pairs: Vec<_> = zip(tokio_stream::iter(deliveries), tokio_stream::once(7)).collect().await;
    for (delivery, _) in pairs {
        delivery.settle(Outcome::Done);
    }
    assert_eq!(outcomes(&mut receipts), [Some(Outcome::Done), Some(Outcome::Abandoned)]);
}

#[tokio::test]
async fn a_batch_is_as_urgent_as_its_most_urgent_event() {
    // Would break: class and age lost on the way through a batch or a share.
    let event = |class, secs| Delivery::new((), class, Moment::from_secs(secs));
    let source = tokio_stream::iter([event(Class::Bulk, 3), event(Class::Act, 5)]);
    let shared =
        source.chunk_events(2, millis(1), &ManualClock::new().clock()).share_events(0, Slow::Miss { behind_max: 1 });
    let batch = shared.subscribe().next().await.unwrap();
    assert_eq!((batch.class, batch.emitted_at, batch.len()), (Class::Act, Moment::from_secs(3), 2));
}
