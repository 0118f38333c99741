//! Those who wait for a place, at an endpoint or under a limit, while there is none: the most important first.
//!
//! A place that becomes free is offered to the one who has waited longest among the most important, who offers on what is left. Who
//! is dropped while waiting offers on too. Calls that come later do not pass by those who wait and are as important. Each also looks
//! by himself once a second, for what nobody offers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;

use crate::tally::count;
use crate::{PerPriority, Priority};

/// Who waits looks by himself after this time: an offer may be taken by somebody who comes just then.
pub(crate) const OFFERED_WITHIN: Duration = Duration::from_secs(1);
/// At most so many wait, with or without a deadline.
const WAITING_MAX: usize = 100_000;

/// Who waits.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: PerPriority<AtomicUsize>,
    offers: PerPriority<Notify>,
    entered: PerPriority<AtomicU64>,
    refused: PerPriority<AtomicU64>,
}

/// A line. Counts are of all time.
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
pub(crate) struct Place<'a> {
    line: &'a Line,
    priority: Priority,
    is_served: bool,
}

impl Line {
    pub(crate) fn enter(&self, priority: Priority) -> Place<'_> {
        self.waiting[priority].fetch_add(1, Ordering::Relaxed);
        count(&self.entered[priority]);
        Place { line: self, priority, is_served: false }
    }

    /// How many wait that are as important, or more.
    pub(crate) fn ahead_of(&self, priority: Priority) -> usize {
        let before = Priority::ALL.into_iter().filter(|other| *other <= priority);
        before.map(|other| self.waiting[other].load(Ordering::Relaxed)).sum()
    }

    /// Whether one more would wait in vain: for more places than become free in the time it has left, by how many there are and how
    /// long a call takes there, if that is known.
    pub(crate) fn is_in_vain(
        &self,
        priority: Priority,
        places: Option<(f64, Duration)>,
        remaining: Option<Duration>,
    ) -> bool {
        let ahead = self.ahead_of(priority);
        let ends_after = |(count, takes): (f64, Duration)| takes.mul_f64(ahead as f64 / count.max(1.0)) + takes;
        let is_late = places.zip(remaining).is_some_and(|(places, remaining)| ends_after(places) > remaining);
        is_late || ahead >= WAITING_MAX
    }

    /// Somebody was not let into the line.
    pub(crate) fn note_refused(&self, priority: Priority) {
        count(&self.refused[priority]);
    }

    pub(crate) fn snapshot(&self) -> LineSnapshot {
        let read = |counts: &PerPriority<AtomicU64>| PerPriority::from_fn(|p| counts[p].load(Ordering::Relaxed));
        LineSnapshot {
            waiting: PerPriority::from_fn(|priority| self.waiting[priority].load(Ordering::Relaxed)),
            entered: read(&self.entered),
            refused: read(&self.refused),
        }
    }

    /// Offers a place to the most important of those who wait.
    pub(crate) fn offer(&self) {
        let waits = |priority: &Priority| self.waiting[*priority].load(Ordering::Relaxed) > 0;
        if let Some(priority) = Priority::ALL.into_iter().find(waits) {
            self.offers[priority].notify_one();
        }
    }
}

impl Place<'_> {
    /// Waits for an offer. One that is made before this is awaited is kept.
    pub(crate) async fn offered(&self) {
        self.line.offers[self.priority].notified().await;
    }

    /// It is not needed any more; whether there is something to offer on is for others to say.
    pub(crate) fn served(mut self) {
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
