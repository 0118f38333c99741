//! What became of calls, as their callers see it: counted from the first layer to the last, whatever happens between.
//!
//! Called by [`Stack`](super::Stack) alone. A call costs four relaxed atomic steps, and a look at the clock where nobody knows when it ended; it is counted
//! once however it ends, also by being dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use serde::Serialize;

use crate::shares::PerPriority;
use crate::tally::{count, tally};
use crate::{Call, Failure, Priority, Refusal, Verdict};

/// Upper bounds of the buckets of how long calls took, in milliseconds. From what the same machine answers to what nobody waits
/// for, in steps of about two: with coarser ones a percentile between them is a guess.
pub const WAIT_BOUNDS_MS: [u64; 14] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

tally! {
    /// What became of the calls of one priority.
    pub struct CallCounts, Counts {
        /// Begun.
        begun,
        /// Well answered.
        good,
        /// Failed, with all their attempts.
        failed,
        /// Told by who was asked last that there is no room.
        full,
        /// Answered with something that says nothing of the endpoints: a caller's mistake.
        ignored,
        /// Refused by a policy before anybody was asked.
        refused,
        /// Without an answer by their deadline.
        late,
        /// Answered by the fallback.
        instead,
        /// Given up by the caller.
        given_up,
    }
}

impl CallCounts {
    /// Calls under way.
    pub const fn under_way(&self) -> u64 {
        let answered = self.good + self.failed + self.full + self.ignored + self.instead;
        self.begun.saturating_sub(answered + self.refused + self.late + self.given_up)
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallEnd {
    Judged(Verdict),
    Refused,
    Late,
    Instead,
    GivenUp,
}

impl CallEnd {
    pub(super) const fn of<R, E>(result: &Result<R, Failure<E>>, verdict: Verdict) -> Self {
        match result {
            Err(Failure::Refused(refusal)) => Self::of_refusal(refusal),
            Ok(_) | Err(Failure::Inner(_)) => Self::Judged(verdict),
        }
    }

    pub(super) const fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::DeadlinePassed | Refusal::TimedOut { .. } => Self::Late,
            _ => Self::Refused,
        }
    }

    /// Whether how long it took says how long callers wait: a refusal is quick, and whoever went away did not wait for the end.
    const fn was_waited_for(self) -> bool {
        !matches!(self, Self::Refused | Self::GivenUp)
    }
}

/// The counters of a stack.
#[derive(Debug, Default)]
pub(super) struct Calls {
    counts: PerPriority<Counts>,
    waits: Waits,
}

impl Calls {
    /// A call begins.
    pub(super) fn begin<'a>(&'a self, call: &Call, clock: &'a Clock, now: Moment) -> Ongoing<'a> {
        count(&self.counts[call.priority].begun);
        Ongoing { calls: self, clock, priority: call.priority, begun: now, end: CallEnd::GivenUp, ended: None }
    }

    pub(super) fn snapshot(&self) -> CallsSnapshot {
        CallsSnapshot {
            by_priority: PerPriority::from_fn(|priority| self.counts[priority].snapshot()),
            waits: self.waits.snapshot(),
        }
    }
}

/// What became of the calls of a stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CallsSnapshot {
    /// By priority.
    pub by_priority: PerPriority<CallCounts>,
    /// How long those took that were neither refused nor given up.
    pub waits: WaitsSnapshot,
}

/// A call under way. Dropped without an end, it was given up.
#[derive(Debug)]
pub(super) struct Ongoing<'a> {
    calls: &'a Calls,
    clock: &'a Clock,
    priority: Priority,
    begun: Moment,
    end: CallEnd,
    ended: Option<Moment>,
}

impl Ongoing<'_> {
    /// It has ended like this; when, if that is known.
    pub(super) fn end(mut self, end: CallEnd, ended: Option<Moment>) {
        (self.end, self.ended) = (end, ended);
    }
}

impl Drop for Ongoing<'_> {
    fn drop(&mut self) {
        let counts = &self.calls.counts[self.priority];
        count(match self.end {
            CallEnd::Judged(Verdict::Good) => &counts.good,
            CallEnd::Judged(Verdict::Failed) => &counts.failed,
            CallEnd::Judged(Verdict::Full) => &counts.full,
            CallEnd::Judged(Verdict::Ignored) => &counts.ignored,
            CallEnd::Refused => &counts.refused,
            CallEnd::Late => &counts.late,
            CallEnd::Instead => &counts.instead,
            CallEnd::GivenUp => &counts.given_up,
        });
        if self.end.was_waited_for() {
            let ended = self.ended.unwrap_or_else(|| self.clock.now());
            self.calls.waits.take(ended.since(self.begun));
        }
    }
}

#[derive(Debug, Default)]
struct Waits {
    total_us: AtomicU64,
    buckets: [AtomicU64; WAIT_BOUNDS_MS.len() + 1],
}

impl Waits {
    fn take(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = WAIT_BOUNDS_MS.partition_point(|bound| bound * 1_000 < took_us);
        count(&self.buckets[bucket]);
        self.total_us.fetch_add(took_us, Ordering::Relaxed);
    }

    fn snapshot(&self) -> WaitsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WaitsSnapshot {
            total_us: read(&self.total_us),
            buckets: std::array::from_fn(|bucket| read(&self.buckets[bucket])),
        }
    }
}

/// How long calls took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WaitsSnapshot {
    /// All of them together, in microseconds.
    pub total_us: u64,
    /// How many took no longer than each of [`WAIT_BOUNDS_MS`] but longer than the one before; the last holds the rest.
    pub buckets: [u64; WAIT_BOUNDS_MS.len() + 1],
}
