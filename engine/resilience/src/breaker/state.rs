//! What a breaker can be, and the small values that go in and out of its core.

use std::time::Duration;

use super::window::Tally;
use crate::Verdict;

/// What a breaker is. Moments are nanoseconds of its own time.
#[derive(Debug)]
pub enum State {
    /// Everything goes through.
    Closed,
    /// Nothing goes through, until then.
    Open {
        /// When a trial is due.
        until: u64,
    },
    /// A few go through, to see.
    HalfOpen(Trials),
    /// Nothing goes through, until somebody releases it.
    ForcedOpen,
    /// Everything goes through, until somebody releases it.
    ForcedClosed,
}

impl State {
    /// Its name, as in events and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen(_) => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
        }
    }
}

/// A round of trials.
#[derive(Debug)]
pub struct Trials {
    /// How many are under way.
    pub(super) under_way: u32,
    /// What the others said.
    pub(super) answered: Tally,
    /// When one last began or ended.
    pub(super) stirred: u64,
}

impl Trials {
    /// The first is under way.
    pub(super) fn first(now: u64) -> Self {
        Self { under_way: 1, answered: Tally::default(), stirred: now }
    }

    /// How many are under way.
    pub const fn under_way(&self) -> u32 {
        self.under_way
    }
}

/// Whom a breaker lets through, as far as that can be said without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Everybody.
    Open,
    /// Whoever its core lets through.
    Guarded,
    /// Nobody, by hand.
    Shut,
}

/// Says when a call was let through, so that it counts where it belongs. Whoever has one ends it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// How often the breaker had moved by then.
    pub generation: u64,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// What it says; `None` when it was given up without an answer.
    pub verdict: Option<Verdict>,
    /// How long it was under way.
    pub took: Duration,
}

/// A breaker went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What it was.
    pub from: &'static str,
    /// What it is.
    pub to: &'static str,
    /// Why.
    pub because: String,
}
