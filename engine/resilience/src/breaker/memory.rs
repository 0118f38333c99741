//! What a breaker was, kept over a restart: an open one stays open for what is left of its pause, and one that was opened or closed
//! by hand stays so until it is released. What it had counted is not kept: its window is shorter than most restarts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Breaker;
use super::core::{Core, SPREAD, millis};
use super::state::State;
use homeostat_reactor::Moment;

/// What was wrong longer ago than this may well be right now: then it begins closed. The longest pause is far shorter.
const AGE_MAX: Duration = Duration::from_secs(10 * 60);

/// What a breaker was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BreakerMemory {
    /// It let everything through.
    #[default]
    Closed,
    /// It let nothing through, or only trials.
    Open {
        /// Milliseconds until the next trial.
        left_ms: u64,
        /// Rounds of trials that had failed: they lengthen the next pause.
        rounds_failed: u32,
    },
    /// It was opened by hand.
    ForcedOpen,
    /// It was closed by hand.
    ForcedClosed,
}

impl Breaker {
    /// What it is, to be kept for the next start.
    pub fn memory(&self) -> BreakerMemory {
        self.turn(|core, clock, _| core.memory(clock.now()))
    }

    /// What it was this long ago, before the last stop; nothing changes if it has moved since the start.
    pub fn recall(&self, memory: &BreakerMemory, age: Duration) {
        self.turn(|core, clock, _| core.recall(memory, age, clock.now()));
    }
}

impl Core {
    /// What it is, to be kept. One that is half open is remembered as one whose pause is over.
    pub fn memory(&mut self, now: Moment) -> BreakerMemory {
        self.advance(now);
        match self.state {
            State::Closed => BreakerMemory::Closed,
            State::Open { .. } | State::HalfOpen(_) => BreakerMemory::Open {
                left_ms: u64::try_from(self.retry_in().as_millis()).unwrap_or(u64::MAX),
                rounds_failed: self.rounds_failed,
            },
            State::ForcedOpen => BreakerMemory::ForcedOpen,
            State::ForcedClosed => BreakerMemory::ForcedClosed,
        }
    }

    /// Is again what it was this long ago, unless it has moved meanwhile. No pause becomes longer than its settings allow.
    pub fn recall(&mut self, memory: &BreakerMemory, age: Duration, now: Moment) {
        self.advance(now);
        if self.generation > 0 {
            return;
        }
        match *memory {
            BreakerMemory::Closed => {}
            BreakerMemory::Open { left_ms, rounds_failed } if age <= AGE_MAX => {
                let longest = (millis(self.settings.open_ms_max) as f64 * (1.0 + SPREAD)) as u64;
                let left = Duration::from_millis(left_ms).saturating_sub(age);
                let left = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX).min(longest);
                self.rounds_failed = rounds_failed;
                let until = self.passed.saturating_add(left);
                self.go(State::Open { until }, || "it was open before the restart".to_owned());
            }
            BreakerMemory::Open { .. } => {}
            // An order does not fade: it holds until whoever gave it takes it back.
            BreakerMemory::ForcedOpen => self.force_open(),
            BreakerMemory::ForcedClosed => self.force_closed(),
        }
    }
}
