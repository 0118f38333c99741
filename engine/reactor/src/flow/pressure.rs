//! The rules of backpressure, without anybody who waits: a level, two marks, and the pauses between them.
//!
//! Pure: [`super::backpressure`] keeps it under its lock and tells it the time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Moment, nanos};

/// The level at which producers are paused, and the lower one at which they go on. The space between keeps the two from
/// alternating with every item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    low: u64,
    high: u64,
}

/// Marks between which there is no space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the low mark ({low}) must lie below the high mark ({high})")]
pub struct InvalidMarks {
    /// Where producers would go on.
    pub low: u64,
    /// Where they would be paused.
    pub high: u64,
}

impl Marks {
    /// Pauses at `high`, goes on at `low`.
    ///
    /// # Errors
    /// When `low` does not lie below `high`.
    pub const fn new(low: u64, high: u64) -> Result<Self, InvalidMarks> {
        if low < high { Ok(Self { low, high }) } else { Err(InvalidMarks { low, high }) }
    }

    /// Where producers go on.
    pub const fn low(self) -> u64 {
        self.low
    }

    /// Where they are paused.
    pub const fn high(self) -> u64 {
        self.high
    }
}

/// Whether producers may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum FlowState {
    /// They may.
    Flowing {
        /// Since when.
        since: Moment,
    },
    /// They wait until the level is down at the low mark.
    Paused {
        /// Since when.
        since: Moment,
        /// Whose item reached the high mark.
        by: String,
    },
}

impl FlowState {
    /// Whether producers wait.
    pub const fn is_paused(&self) -> bool {
        matches!(self, Self::Paused { .. })
    }
}

impl fmt::Display for FlowState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flowing { .. } => formatter.write_str("flowing"),
            Self::Paused { by, .. } => write!(formatter, "paused by {by}"),
        }
    }
}

/// One producer at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerSnapshot {
    /// Its name.
    pub name: String,
    /// Its part of the level.
    pub level: u64,
    /// How many of its items wait to be let in.
    pub waiting: usize,
    /// How many pauses its items have caused.
    pub pauses: u64,
}

/// A controller at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackpressureSnapshot {
    /// Its name.
    pub name: String,
    /// Its marks.
    pub marks: Marks,
    /// The level now.
    pub level: u64,
    /// The highest level so far.
    pub level_max: u64,
    /// Whether producers wait, since when, and who brought that about.
    pub state: FlowState,
    /// How often they were paused.
    pub pauses: u64,
    /// How long they were paused in all, a pause under way included, in nanoseconds.
    pub paused_total_ns: u64,
    /// The longest pause, one under way included, in nanoseconds.
    pub paused_max_ns: u64,
    /// Who produces, in the order of arrival.
    pub producers: Vec<ProducerSnapshot>,
}

/// What a change of the level has brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    Paused,
    Resumed { after: Duration },
}

/// The level, the state, and the account of pauses.
#[derive(Debug)]
pub(super) struct Pressure {
    pub(super) marks: Marks,
    pub(super) level: u64,
    pub(super) level_max: u64,
    pub(super) state: FlowState,
    pub(super) pauses: u64,
    paused_total: Duration,
    paused_max: Duration,
}

impl Pressure {
    pub(super) fn new(marks: Marks, now: Moment) -> Self {
        Self {
            marks,
            level: 0,
            level_max: 0,
            state: FlowState::Flowing { since: now },
            pauses: 0,
            paused_total: Duration::ZERO,
            paused_max: Duration::ZERO,
        }
    }

    /// Takes a new level, at which `by` has brought it.
    pub(super) fn move_to(&mut self, level: u64, now: Moment, by: &str) -> Option<Turned> {
        self.level = level;
        self.level_max = self.level_max.max(level);
        match self.state {
            FlowState::Flowing { .. } if level >= self.marks.high => {
                self.pauses += 1;
                self.state = FlowState::Paused { since: now, by: by.to_owned() };
                Some(Turned::Paused)
            }
            FlowState::Paused { since, .. } if level <= self.marks.low => {
                let after = now.since(since);
                self.paused_total += after;
                self.paused_max = self.paused_max.max(after);
                self.state = FlowState::Flowing { since: now };
                Some(Turned::Resumed { after })
            }
            _ => None,
        }
    }

    /// Total and longest pause in nanoseconds, with the one under way.
    pub(super) fn paused(&self, now: Moment) -> (u64, u64) {
        let running = match self.state {
            FlowState::Paused { since, .. } => now.since(since),
            FlowState::Flowing { .. } => Duration::ZERO,
        };
        (nanos(self.paused_total + running), nanos(self.paused_max.max(running)))
    }
}
