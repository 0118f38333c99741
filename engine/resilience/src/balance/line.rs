//! Those who wait for a place at an endpoint that works, while all such are full: the most important first.
//!
//! A place that becomes free is offered to the one who has waited longest among the most important, who offers on what is left. Who
//! is dropped while waiting offers on too. Calls that come later do not pass by those who wait and are as important. Each also looks
//! by himself once a second, for what nobody offers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use homeostat_reactor::Moment;
use serde::Serialize;
use tokio::sync::Notify;

use super::Balancer;
use crate::tally::count;
use crate::{Call, PerPriority, PolicyEvent, Priority, Refusal};

/// Who waits.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: PerPriority<AtomicUsize>,
    offers: PerPriority<Notify>,
    entered: PerPriority<AtomicU64>,
    refused: PerPriority<AtomicU64>,
}

/// The line before endpoints that are all full. Counts are of all time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LineSnapshot {
    /// Attempts that wait.
    pub waiting: PerPriority<usize>,
    /// Attempts that had to wait.
    pub entered: PerPriority<u64>,
    /// Attempts refused because they would have waited in vain.
    pub refused: PerPriority<u64>,
}

/// A place in the line; dropped, it is given up, and what was offered goes on to another.
#[derive(Debug)]
pub(super) struct Place<'a> {
    line: &'a Line,
    priority: Priority,
    is_served: bool,
}

impl Line {
    pub(super) fn enter(&self, priority: Priority) -> Place<'_> {
        self.waiting[priority].fetch_add(1, Ordering::Relaxed);
        count(&self.entered[priority]);
        Place { line: self, priority, is_served: false }
    }

    /// How many wait that are as important, or more.
    pub(super) fn ahead_of(&self, priority: Priority) -> usize {
        let before = Priority::ALL.into_iter().filter(|other| *other <= priority);
        before.map(|other| self.waiting[other].load(Ordering::Relaxed)).sum()
    }

    /// Somebody was not let into the line.
    pub(super) fn note_refused(&self, priority: Priority) {
        count(&self.refused[priority]);
    }

    pub(super) fn snapshot(&self) -> LineSnapshot {
        let read = |counts: &PerPriority<AtomicU64>| PerPriority::from_fn(|p| counts[p].load(Ordering::Relaxed));
        LineSnapshot {
            waiting: PerPriority::from_fn(|priority| self.waiting[priority].load(Ordering::Relaxed)),
            entered: read(&self.entered),
            refused: read(&self.refused),
        }
    }

    /// Offers a place to the most important of those who wait.
    pub(super) fn offer(&self) {
        let waits = |priority: &Priority| self.waiting[*priority].load(Ordering::Relaxed) > 0;
        if let Some(priority) = Priority::ALL.into_iter().find(waits) {
            self.offers[priority].notify_one();
        }
    }
}

impl Place<'_> {
    /// Waits for an offer. One that is made before this is awaited is kept.
    pub(super) async fn offered(&self) {
        self.line.offers[self.priority].notified().await;
    }

    /// It is not needed any more; whether there is something to offer on is for others to say.
    pub(super) fn served(mut self) {
        self.is_served = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line.waiting[self.priority].fetch_sub(1, Ordering::Relaxed);
        if !self.is_served {
            self.line.offer();
        }
    }
}

impl<T> Balancer<T> {
    /// Offers on, if there is still room.
    pub(super) fn offer_on(&self, now: Moment) {
        if self.0.with(|core| core.has_room(now)) {
            self.0.line.offer();
        }
    }

    /// Refuses who has waited so long that an answer would hardly come in time.
    pub(super) fn check_time(&self, call: &Call, now: Moment) -> Result<(), Refusal> {
        let has_time = |within| self.0.with(|core| core.is_time_enough(within));
        if call.remaining(now).is_none_or(has_time) { Ok(()) } else { Err(Refusal::DeadlinePassed) }
    }

    /// Refuses who would wait in vain: for more places than become free while there is time.
    pub(super) fn check_line(&self, call: &Call) -> Result<(), Refusal> {
        /// At most so many wait, with or without a deadline.
        const WAITING_MAX: usize = 100_000;
        let ahead = self.0.line.ahead_of(call.priority);
        let Some((room, takes)) = self.0.with(|core| core.room()) else {
            return if ahead < WAITING_MAX { Ok(()) } else { Err(self.refuse_full(call, 0, ahead)) };
        };
        let waits = takes.mul_f64(ahead as f64 / f64::from(room.max(1.0)));
        let has_time = call.remaining(self.0.clock.now()).is_none_or(|remaining| waits + takes <= remaining);
        if has_time && ahead < WAITING_MAX { Ok(()) } else { Err(self.refuse_full(call, room as usize, ahead)) }
    }

    fn refuse_full(&self, call: &Call, in_flight: usize, waiting: usize) -> Refusal {
        let (name, priority) = (&self.0.name, call.priority);
        self.0.line.note_refused(priority);
        let refusal = Refusal::Full { name: name.to_string(), in_flight, waiting };
        let told = || PolicyEvent::Refused { name: Arc::clone(name), refusal: refusal.clone(), priority };
        self.0.listener.tell(told);
        refusal
    }
}
