//! The queue under every interleaving of a few tasks: its source is compiled here once more, with primitives that are checked
//! exhaustively in the place of the machine's.
//!
//! A binary of its own, because the queue names its primitives as `crate::sync`, and this crate's are others.
#![allow(clippy::unwrap_used)] // in tests a panic is the report
#![allow(dead_code)] // the queue offers more than the model needs

mod class {
    pub use homeostat_reactor::class::*;
}
mod clock {
    pub use homeostat_reactor::clock::*;
}
mod delivery {
    pub use homeostat_reactor::delivery::*;
}
mod event {
    pub use homeostat_reactor::event::*;
}
mod overflow {
    pub use homeostat_reactor::overflow::*;
}
#[path = "../../src/queue/mod.rs"]
mod queue;
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
}

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use homeostat_reactor::{Class, Delivery, Event, ManualClock, Moment, Overflow, PerClass};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use queue::Queue;
use queue::lanes::Lane;

#[derive(Clone, Debug, PartialEq)]
struct Number(u64);

impl Event for Number {
    fn kind(&self) -> &'static str {
        "Number"
    }
}

fn queue(capacity: usize) -> Arc<Queue<Number>> {
    let lane = Lane { capacity, overflow: Overflow::Block };
    Arc::new(Queue::new(PerClass::from_fn(|_| lane), Duration::from_secs(1), ManualClock::new().clock()))
}

fn delivery(class: Class, number: u64) -> Delivery<Number> {
    Delivery::new(Number(number), class, Moment::ZERO)
}

/// Reads until the queue is closed and empty.
fn read_all(queue: &Queue<Number>) -> Vec<u64> {
    block_on(async {
        let mut out = Vec::new();
        while poll_fn(|context| queue.poll_drain(context, &mut out, 1)).await.is_some() {}
        out.into_iter().map(|delivery| delivery.event.0).collect()
    })
}

/// All interleavings with up to this many forced switches: enough for every known race of a lock and a wake-up.
fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

#[test]
fn a_reader_never_sleeps_over_an_event_nor_over_the_close() {
    // Would break: a lost wake-up between looking and going to sleep.
    model(|| {
        let queue = queue(1);
        let reader = {
            let queue = queue.clone();
            thread::spawn(move || read_all(&queue))
        };
        block_on(queue.push(delivery(Class::Act, 1))).unwrap();
        block_on(queue.push(delivery(Class::Act, 2))).unwrap();
        queue.close();
        assert_eq!(reader.join().unwrap(), [1, 2]);
    });
}

#[test]
fn pushes_that_wait_all_get_their_room() {
    // Would break: room given to nobody, or to two.
    model(|| {
        let queue = queue(1);
        let pushing: Vec<_> = (0..2)
            .map(|number| {
                let queue = queue.clone();
                thread::spawn(move || block_on(queue.push(delivery(Class::Act, number))).map(drop).unwrap())
            })
            .collect();
        let mut out = Vec::new();
        block_on(async {
            while out.len() < 2 {
                poll_fn(|context| queue.poll_drain(context, &mut out, 1)).await.unwrap();
            }
        });
        pushing.into_iter().for_each(|thread| thread.join().unwrap());
        let mut numbers: Vec<_> = out.into_iter().map(|delivery| delivery.event.0).collect();
        numbers.sort_unstable();
        assert_eq!((numbers, queue.depth()), (vec![0, 1], 0));
    });
}

#[test]
fn a_cancelled_push_never_takes_room_along() {
    // Would break: a grant that is lost when its push is dropped at that very moment.
    model(|| {
        let queue = queue(1);
        block_on(queue.push(delivery(Class::Act, 0))).unwrap();
        let cancelled = {
            let queue = queue.clone();
            thread::spawn(move || {
                block_on(async {
                    let mut push = pin!(queue.push(delivery(Class::Act, 1)));
                    poll_fn(|context| Poll::Ready(push.as_mut().poll(context).is_ready())).await
                })
            })
        };
        let waiting = {
            let queue = queue.clone();
            thread::spawn(move || block_on(queue.push(delivery(Class::Act, 2))).map(drop).unwrap())
        };
        let mut out = Vec::new();
        block_on(poll_fn(|context| queue.poll_drain(context, &mut out, 1)));
        let went_through = cancelled.join().unwrap();
        if went_through {
            block_on(poll_fn(|context| queue.poll_drain(context, &mut out, 1)));
        }
        waiting.join().unwrap();
        block_on(poll_fn(|context| queue.poll_drain(context, &mut out, 9)));
        let mut numbers: Vec<_> = out.into_iter().map(|delivery| delivery.event.0).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, if went_through { vec![0, 1, 2] } else { vec![0, 2] });
    });
}

#[test]
fn a_hold_and_its_release_may_meet_a_push_and_a_drain_anywhere() {
    // Would break: a class held for ever because a release overtook its hold, or a push that sleeps through the release.
    model(|| {
        let queue = queue(1);
        let holding = {
            let queue = queue.clone();
            thread::spawn(move || {
                queue.hold(Class::Act);
                queue.release(Class::Act);
            })
        };
        let pushing = {
            let queue = queue.clone();
            thread::spawn(move || block_on(queue.push(delivery(Class::Act, 1))).map(drop).unwrap())
        };
        let mut out = Vec::new();
        block_on(poll_fn(|context| queue.poll_drain(context, &mut out, 1)));
        holding.join().unwrap();
        pushing.join().unwrap();
        assert_eq!(out.len(), 1);
    });
}

#[test]
fn a_close_reaches_everyone_who_waits() {
    // Would break: a task that waits for room in a queue that nobody will ever drain.
    model(|| {
        let queue = queue(1);
        block_on(queue.push(delivery(Class::Act, 0))).unwrap();
        let pushing = {
            let queue = queue.clone();
            thread::spawn(move || block_on(queue.push(delivery(Class::Act, 1))).is_err())
        };
        queue.close();
        assert!(pushing.join().unwrap());
        assert_eq!(read_all(&queue), [0]);
    });
}

#[test]
fn a_batch_reaches_a_reader_that_may_be_asleep_or_not() {
    // Would break: a batch handed on whole to a reader that is just going to sleep, or one that a second batch overtakes.
    model(|| {
        let queue = queue(4);
        let reader = {
            let queue = queue.clone();
            thread::spawn(move || read_all(&queue))
        };
        for numbers in [[1, 2], [3, 4]] {
            let mut batch = numbers.map(|number| delivery(Class::Act, number)).to_vec();
            queue.push_all_elastic(&mut batch, &mut Vec::new());
        }
        queue.close();
        assert_eq!(reader.join().unwrap(), [1, 2, 3, 4]);
    });
}
