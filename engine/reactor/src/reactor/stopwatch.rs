//! Times the calls of a handler without reading the clock for each: calls that never wait are timed together and each takes the
//! mean of its group; a call that waits is timed by itself.
//!
//! Reading the clock twice for every event would cost more than the whole way of an event through the loop.

use std::future::{Future, poll_fn};

use super::subscriber::Inbox;
use crate::class::{Class, PerClass};
use crate::clock::Moment;
use crate::delivery::Delivery;
use crate::event::Event;

/// Calls that are timed together at most.
const GROUP_MAX: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct Stopwatch {
    /// Since when the group is timed; `None` while nothing is.
    since: Option<Moment>,
    group: PerClass<u32>,
    calls: u32,
}

impl Stopwatch {
    /// The next event. The group ends before the handler has to wait for one: waiting is not its work.
    pub(super) async fn next<E: Event>(&mut self, inbox: &mut Inbox<E>) -> Option<Delivery<E>> {
        poll_fn(|context| {
            let next = inbox.poll_next(context);
            if next.is_pending() {
                self.stop(inbox);
            }
            next
        })
        .await
    }

    /// A call begins.
    pub(super) fn start<E: Event>(&mut self, inbox: &Inbox<E>) {
        if self.since.is_none() {
            self.since = Some(inbox.core.clock.now());
        }
    }

    /// It has ended without having waited.
    pub(super) fn ended_at_once<E: Event>(&mut self, inbox: &Inbox<E>, class: Class) {
        self.group[class] += 1;
        self.calls += 1;
        if self.calls >= GROUP_MAX {
            self.stop(inbox);
        }
    }

    /// It waits: from here on it is timed by itself.
    pub(super) async fn time_waiting<E: Event, F: Future>(
        &mut self,
        inbox: &Inbox<E>,
        class: Class,
        rest: F,
    ) -> F::Output {
        // Alone in its group it began with it; else the group has taken in what it did before it waited.
        let alone = if self.calls == 0 { self.since } else { None };
        self.stop(inbox);
        let since = alone.unwrap_or_else(|| inbox.core.clock.now());
        let output = rest.await;
        inbox.subscriber.times[class].take(inbox.core.clock.now().since(since), 1);
        output
    }

    /// Ends the group.
    pub(super) fn stop<E: Event>(&mut self, inbox: &Inbox<E>) {
        let Some(since) = self.since.take() else { return };
        if self.calls > 0 {
            let each = inbox.core.clock.now().since(since) / self.calls;
            for (class, calls) in self.group.iter_mut().filter(|(_, calls)| **calls > 0) {
                inbox.subscriber.times[class].take(each, u64::from(std::mem::take(calls)));
            }
        }
        self.calls = 0;
    }
}
