//! What a router counts, and the sampling and limits of its rules, which are counts too.
//!
//! Written by the dispatcher and the targets' workers, read by whoever takes a snapshot. Two sums always hold once nothing is on its
//! way: every event received was routed, unmatched or withheld; every copy offered to a target was delivered, dropped, or became a
//! dead letter.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rules::Limit;
use crate::clock::Moment;

const NANOS_A_SECOND: u64 = 1_000_000_000;

/// A count that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What became of an event at a rule that matched it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// It goes on.
    On,
    /// Sampling left it out.
    SampledOut,
    /// The limit was reached.
    OverLimit,
}

/// Of one rule. Outlives an exchange of rules when the new ones have the same name, so that neither counts nor limits begin anew.
#[derive(Debug, Default)]
pub(super) struct RuleTally {
    pub(super) matched: Count,
    pub(super) routed: Count,
    pub(super) sampled_out: Count,
    pub(super) over_limit: Count,
    /// When the next event would be due if they came at the limit's pace exactly.
    due_nanos: AtomicU64,
}

impl RuleTally {
    /// Counts a match and says whether the event goes on. Sampling comes first: a limit is for what is left.
    pub(super) fn pass(&self, sample: Option<NonZeroU32>, limit: Option<Limit>, now: Moment) -> Passed {
        let before = self.matched.0.fetch_add(1, Ordering::Relaxed);
        if sample.is_some_and(|one_in| !before.is_multiple_of(u64::from(one_in.get()))) {
            self.sampled_out.add(1);
            return Passed::SampledOut;
        }
        if limit.is_some_and(|limit| !self.within(limit, now)) {
            self.over_limit.add(1);
            return Passed::OverLimit;
        }
        self.routed.add(1);
        Passed::On
    }

    /// The generic cell rate algorithm: one number instead of a bucket that somebody would have to fill.
    fn within(&self, limit: Limit, now: Moment) -> bool {
        let pace = NANOS_A_SECOND / u64::from(limit.per_second.get());
        let burst = pace.saturating_mul(u64::from(limit.burst.unwrap_or(limit.per_second).get()));
        let due = |due: u64| {
            // Further ahead than a full burst can push it means that the clock went back: begin anew instead of standing still.
            let due = if due > now.0.saturating_add(burst) { now.0 } else { due.max(now.0) };
            let next = due.saturating_add(pace);
            (next <= now.0.saturating_add(burst)).then_some(next)
        };
        self.due_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }
}

/// Of one target, in copies of events.
#[derive(Debug, Default)]
pub(super) struct TargetTally {
    pub(super) offered: Count,
    pub(super) delivered: Count,
    /// Lost to the queue's limit or to the end of the target.
    pub(super) dropped: Count,
    /// Replaced by a newer event with the same key, which took the acknowledgement over.
    pub(super) coalesced: Count,
    pub(super) dead: Count,
    pub(super) retries: Count,
    /// Taken out of the queue and not settled yet.
    pub(super) in_flight: AtomicU64,
}

/// Of the whole router, in events.
#[derive(Debug, Default)]
pub(super) struct RouterTally {
    pub(super) received: Count,
    pub(super) routed: Count,
    pub(super) by_default: Count,
    pub(super) unmatched: Count,
    pub(super) sampled_out: Count,
    pub(super) over_limit: Count,
}
