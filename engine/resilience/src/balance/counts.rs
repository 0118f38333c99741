//! What became of attempts, counted: for each endpoint, and for all that ever were. Kept by the core under its lock; for people and
//! metrics only, nothing is decided by it.

use serde::Serialize;

use crate::predictor::Outcome;

/// What became of attempts, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AttemptCounts {
    /// Well answered.
    pub good: u64,
    /// Failed.
    pub failed: u64,
    /// Told that there is no room.
    pub full: u64,
    /// Answered with something that says nothing of the endpoint.
    pub ignored: u64,
    /// Given up: another attempt was faster, or the caller went away.
    pub given_up: u64,
    /// How often an endpoint was left out for a while.
    pub ejections: u64,
}

impl AttemptCounts {
    /// Attempts that have ended.
    pub const fn ended(&self) -> u64 {
        self.good + self.failed + self.full + self.ignored + self.given_up
    }

    pub(super) const fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Good => &mut self.good,
            Outcome::Failed => &mut self.failed,
            Outcome::Full(_) => &mut self.full,
            Outcome::Ignored => &mut self.ignored,
            Outcome::GivenUp => &mut self.given_up,
        };
        *counter += 1;
    }

    pub(crate) const fn add(&mut self, other: &Self) {
        self.good += other.good;
        self.failed += other.failed;
        self.full += other.full;
        self.ignored += other.ignored;
        self.given_up += other.given_up;
        self.ejections += other.ejections;
    }
}
