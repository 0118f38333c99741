//! The loop itself: takes events by urgency and puts a copy of each into the mailbox of everyone who wants it.
//!
//! Always holds: it never waits for a handler and runs nothing of the user's but predicates, copies, keys and drops of events, so
//! that no handler can delay another; a panic in one of these costs its event at most; every event it takes is passed on, or settled.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::core::{Core, SHUT_DOWN, Subscribers};
use super::emitter::trace_end;
use super::guard::{caught, discard};
use super::subscriber::HANDLER_GONE;
use super::timing::add;
use super::turn::come_again;
use crate::ack::Outcome;
use crate::class::{Class, PerClass};
use crate::delivery::Delivery;
use crate::event::Event;
use crate::queue::lanes::Loss;

/// Events that the loop takes at a time: at some 50 ns each it looks for critical ones again after about 10 µs.
const DISPATCH_MAX: usize = 256;

struct Dispatcher<E: Event> {
    core: Arc<Core<E>>,
    generation: u64,
    subscribers: Subscribers<E>,
    /// What goes to each subscriber at the end of the turn.
    parcels: Vec<Vec<Delivery<E>>>,
    lost: Vec<(Delivery<E>, Loss)>,
}

/// Runs until the inlet is closed and empty; then nobody's mailbox gets anything more.
pub(super) async fn run<E: Event>(core: Arc<Core<E>>) {
    let mut dispatcher = Dispatcher {
        generation: core.generation(),
        subscribers: core.subscribers(),
        parcels: Vec::new(),
        lost: Vec::new(),
        core,
    };
    let mut batch = Vec::with_capacity(DISPATCH_MAX);
    loop {
        let core = &dispatcher.core;
        let drained = poll_fn(|context| core.inlet.poll_drain(context, &mut batch, DISPATCH_MAX)).await;
        if drained.is_none() {
            break;
        }
        // All that is the user's is guarded where it runs. What else panics (whoever is woken by a settlement) must not end the
        // loop for everybody either.
        if let Err(cause) = caught(|| dispatcher.turn(&mut batch)) {
            tracing::error!(target: "homeostat_reactor", %cause, "a turn of the loop was cut short");
        }
        give_way().await;
    }
    for subscriber in dispatcher.core.subscribers().iter() {
        subscriber.mailbox.close();
    }
}

/// Lets others run.
async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        come_again(context);
        Poll::Pending
    })
    .await;
}

impl<E: Event> Dispatcher<E> {
    fn turn(&mut self, batch: &mut Vec<Delivery<E>>) {
        let generation = self.core.generation();
        if generation != self.generation {
            self.generation = generation;
            self.subscribers = self.core.subscribers();
        }
        self.parcels.resize_with(self.subscribers.len(), Vec::new);
        let mut dispatched = PerClass([0_u64; Class::COUNT]);
        for delivery in batch.drain(..) {
            dispatched[delivery.class] += 1;
            self.sort(delivery);
        }
        for (class, more) in dispatched.iter() {
            add(&self.core.dispatched[class], *more);
        }
        self.send();
    }

    /// Lays an event into the parcel of each who wants it: the last one gets the event itself, the others copies.
    fn sort(&mut self, delivery: Delivery<E>) {
        let mut last = None;
        for (place, subscriber) in self.subscribers.iter().enumerate() {
            if !subscriber.wants(&delivery.event) {
                continue;
            }
            if let Some(previous) = last.replace(place) {
                match caught(|| delivery.clone()) {
                    Ok(copy) => self.parcels[previous].push(copy),
                    Err(cause) => self.subscribers[previous].miss(&delivery, &cause),
                }
            }
        }
        match last {
            Some(place) => self.parcels[place].push(delivery),
            None => {
                add(&self.core.unwanted, 1);
                trace_end(&delivery.span(), "unwanted");
                discard(delivery.settle(Outcome::Skipped));
            }
        }
    }

    fn send(&mut self) {
        for (subscriber, parcel) in self.subscribers.iter().zip(&mut self.parcels) {
            if parcel.is_empty() {
                continue;
            }
            let Some(over) = subscriber.mailbox.push_all_elastic(parcel, &mut self.lost) else {
                let cause = if self.core.is_closed() { SHUT_DOWN } else { HANDLER_GONE };
                self.core.drop_all(parcel.drain(..), cause);
                continue;
            };
            if over != PerClass::default() {
                self.core.hold(&over);
            }
            for (victim, loss) in self.lost.drain(..) {
                subscriber.settle_lost(&self.core, victim, loss);
            }
        }
    }
}
