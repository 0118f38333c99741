//! The queue's order and its bounds, against plain statements of both.

use std::collections::HashMap;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use homeostat_reactor::queue::lanes::Lanes;
use homeostat_reactor::queue::{PushError, Queue};
use homeostat_reactor::{Class, Delivery, Event, Lane, ManualClock, Moment, Overflow, PerClass};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Number(u64);

impl Event for Number {
    fn kind(&self) -> &'static str {
        "Number"
    }

    fn key(&self) -> Option<u64> {
        Some(self.0 % 5)
    }
}

const AGE_LIMIT: Duration = Duration::from_secs(1);

fn lanes(capacity: usize, overflow: Overflow) -> PerClass<Lane> {
    PerClass::from_fn(|_| Lane { capacity, overflow })
}

fn delivery(class: Class, number: u64, at: Moment) -> Delivery<Number> {
    Delivery::new(Number(number), class, at)
}

#[test]
fn every_class_has_its_share_and_the_critical_most() {
    // Would break: starvation of the low classes, or a flood that outweighs the urgent.
    let mut lanes = Lanes::new(lanes(1_000, Overflow::Block), AGE_LIMIT);
    for class in Class::ALL {
        for number in 0..1_000 {
            lanes.push(delivery(class, number, Moment::ZERO));
        }
    }
    let mut out = Vec::new();
    lanes.drain(&mut out, 310, Moment::ZERO);
    let mut shares = HashMap::new();
    out.iter().for_each(|delivery| *shares.entry(delivery.class).or_insert(0) += 1);
    for class in Class::ALL {
        assert_eq!(shares[&class], class.weight() * 10, "{class}");
    }
    assert!(out[..16].iter().all(|delivery| delivery.class == Class::Critical));
}

#[test]
fn the_overdue_go_before_all_but_the_critical() {
    // Would break: an old event that waits behind a stream of newer, more urgent ones.
    let mut lanes = Lanes::new(lanes(1_000, Overflow::Block), AGE_LIMIT);
    lanes.push(delivery(Class::Bulk, 7, Moment::ZERO));
    for number in 0..100 {
        lanes.push(delivery(Class::Act, number, Moment::from_secs(5)));
    }
    lanes.push(delivery(Class::Critical, 1, Moment::from_secs(5)));
    let mut out = Vec::new();
    lanes.drain(&mut out, 3, Moment::from_secs(5));
    assert_eq!(
        out.iter().map(|delivery| delivery.class).collect::<Vec<_>>(),
        [Class::Critical, Class::Bulk, Class::Act]
    );
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Drain(usize),
    DrainCritical(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..5).prop_map(Step::Push),
        1 => (1usize..40).prop_map(Step::Drain),
        1 => (1usize..8).prop_map(Step::DrainCritical),
    ];
    proptest::collection::vec(step, 1..300)
}

fn overflows() -> impl Strategy<Value = Overflow> {
    let names = ["block", "drop_newest", "drop_oldest", "coalesce", "sample:3", "fail"];
    proptest::sample::select(names.to_vec()).prop_map(|name| name.parse().unwrap())
}

proptest! {
    #[test]
    fn nothing_is_reordered_doubled_or_lost_uncounted(steps in steps(), capacity in 1usize..20, overflow in overflows()) {
        // Would break: the queue's own account of what came in, what left and what it lost.
        let queue = Queue::new(lanes(capacity, overflow), AGE_LIMIT, ManualClock::new().clock());
        let mut context = Context::from_waker(Waker::noop());
        let mut out = Vec::new();
        let (mut pushed, mut refused, mut lost) = (0u64, 0u64, 0u64);
        for (number, step) in steps.into_iter().enumerate() {
            let at = Moment(number as u64);
            match step {
                Step::Push(class) => {
                    pushed += 1;
                    match queue.try_push(delivery(Class::ALL[class], number as u64, at)) {
                        Ok(victim) => lost += u64::from(victim.is_some()),
                        Err(PushError::Full(back)) => {
                            prop_assert_eq!(back.event.0, number as u64);
                            refused += 1;
                        }
                        Err(PushError::Closed(_)) => prop_assert!(false, "the queue is open"),
                    }
                }
                Step::Drain(max) => {
                    let before = out.len();
                    let drained = queue.poll_drain(&mut context, &mut out, max);
                    prop_assert!(out.len() - before <= max);
                    prop_assert_eq!(drained.is_pending(), out.len() == before);
                }
                Step::DrainCritical(max) => {
                    let before = out.len();
                    queue.drain_class(Class::Critical, &mut out, max);
                    prop_assert!(out[before..].iter().all(|delivery| delivery.class == Class::Critical));
                    prop_assert!(queue.most_urgent() != Some(Class::Critical) || out.len() - before == max);
                }
            }
            for (_, (lane, _)) in queue.snapshot().iter() {
                prop_assert!(lane.depth <= capacity);
            }
        }
        queue.close();
        while let Poll::Ready(Some(_)) = queue.poll_drain(&mut context, &mut out, 7) {}
        prop_assert_eq!(pushed, out.len() as u64 + refused + lost);
        for class in Class::ALL {
            let numbers: Vec<_> = out.iter().filter(|it| it.class == class).map(|it| it.event.0).collect();
            // A coalesced event stands where its predecessor stood: only without coalescing is the order that of the pushes.
            if overflow != Overflow::Coalesce {
                prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
            }
        }
        let counted: u64 = queue.snapshot().iter().map(|(_, (lane, _))| {
            lane.losses.dropped() + lane.losses.coalesced
        }).sum();
        prop_assert_eq!(counted, lost);
    }

    #[test]
    fn coalescing_keeps_the_newest_of_each_key(values in proptest::collection::vec(0u64..100, 1..60)) {
        // Would break: a reader that sees an old value after a newer one was emitted.
        let mut lanes = Lanes::new(lanes(10, Overflow::Coalesce), AGE_LIMIT);
        let mut newest = HashMap::new();
        for (number, value) in values.iter().enumerate() {
            let event = number as u64 * 5 + value % 5;
            newest.insert(event % 5, event);
            lanes.push(delivery(Class::Detect, event, Moment::ZERO));
        }
        let mut out = Vec::new();
        lanes.drain(&mut out, 100, Moment::ZERO);
        let seen: HashMap<_, _> = out.iter().map(|it| (it.event.0 % 5, it.event.0)).collect();
        prop_assert_eq!(out.len(), newest.len());
        prop_assert_eq!(seen, newest);
    }

    #[test]
    fn batches_keep_their_order_whether_the_reader_sleeps_or_not(
        batches in proptest::collection::vec((proptest::collection::vec(0usize..5, 1..12), 0usize..4), 1..40),
    ) {
        // Would break: a batch handed on whole that overtakes what came before it, is counted twice, or is forgotten at the end.
        let queue = Queue::new(lanes(8, Overflow::Block), AGE_LIMIT, ManualClock::new().clock());
        let mut context = Context::from_waker(Waker::noop());
        let (mut out, mut lost, mut number) = (Vec::new(), Vec::new(), 0);
        for (classes, reads) in batches {
            let mut batch: Vec<_> = classes
                .into_iter()
                .map(|class| {
                    number += 1;
                    delivery(Class::ALL[class], number, Moment::ZERO)
                })
                .collect();
            queue.push_all_elastic(&mut batch, &mut lost);
            prop_assert!(batch.is_empty());
            let waiting: usize = queue.snapshot().iter().map(|(_, (lane, _))| lane.depth).sum();
            prop_assert_eq!((waiting, queue.depth()), (number as usize - out.len(), number as usize - out.len()));
            for _ in 0..reads {
                let mut taken = Vec::new();
                let _ = queue.poll_drain(&mut context, &mut taken, 7);
                out.append(&mut taken);
            }
        }
        queue.drain_rest(&mut out);
        prop_assert!(lost.is_empty());
        prop_assert_eq!(out.len() as u64, number);
        prop_assert_eq!(queue.snapshot().iter().map(|(_, (lane, _))| lane.taken).sum::<u64>(), number);
        for class in Class::ALL {
            let numbers: Vec<_> = out.iter().filter(|it| it.class == class).map(|it| it.event.0).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
        }
    }

    #[test]
    fn a_batch_is_lost_as_its_classes_have_it_also_when_the_reader_sleeps(
        size in 1usize..40, capacity in 1usize..20, overflow in overflows(),
    ) {
        // Would break: a batch handed on whole past a limit that it should have met.
        let handed_on = Queue::new(lanes(capacity, overflow), AGE_LIMIT, ManualClock::new().clock());
        let one_by_one = Queue::new(lanes(capacity, overflow), AGE_LIMIT, ManualClock::new().clock());
        let batch = || (0..size as u64).map(|number| delivery(Class::Sense, number, Moment::ZERO)).collect::<Vec<_>>();
        let mut context = Context::from_waker(Waker::noop());
        prop_assert!(handed_on.poll_drain(&mut context, &mut Vec::new(), 1).is_pending());
        let went = [&handed_on, &one_by_one].map(|queue| {
            let (mut lost, mut out) = (Vec::new(), Vec::new());
            let over = queue.push_all_elastic(&mut batch(), &mut lost);
            queue.drain_rest(&mut out);
            let numbers = |them: Vec<Delivery<Number>>| them.into_iter().map(|it| it.event.0).collect::<Vec<_>>();
            (over, numbers(out), numbers(lost.into_iter().map(|(victim, _)| victim).collect()))
        });
        prop_assert_eq!(&went[0], &went[1]);
    }
}
