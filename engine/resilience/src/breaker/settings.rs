//! What can be set about a breaker, and what cannot: each value with its reason, checked once, when a breaker is made or reloaded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many calls a window can hold: a byte each, so that a breaker never takes more than some kilobytes.
pub const WINDOW_CALLS_MAX: u32 = 10_000;

/// How many trials a half-open breaker can ask for. More would be traffic and not a trial.
pub const TRIALS_MAX: u32 = 1_000;

/// What a breaker looks back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowShape {
    /// The last so many calls, however long ago. For steady traffic: after a quiet night it still remembers the evening.
    Calls(u32),
    /// The last so many milliseconds, in ten steps.
    TimeMs(u64),
}

/// When a breaker opens, for how long, and what it takes to close it.
///
/// ```
/// # use homeostat_resilience::breaker::{BreakerSettings, WindowShape};
/// let settings = BreakerSettings { window: WindowShape::Calls(50), ..BreakerSettings::default() };
/// assert_eq!((settings.calls_min, settings.trials), (10, 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// What it looks back on; by default the last 30 seconds.
    pub window: WindowShape,
    /// It does not judge by fewer answers than this: one failure of one call is no rate. By default 10.
    pub calls_min: u32,
    /// It opens when this share of the answers failed, above 0 and at most 1. By default half.
    pub failure_rate: f64,
    /// A call is slow from so many milliseconds on, also one that was given up by then. By default no call is.
    pub slow_after_ms: Option<u64>,
    /// It opens when this share of the calls was slow, above 0 and at most 1. By default 0.8.
    pub slow_rate: f64,
    /// How many milliseconds it stays open before the first trial; twice as long after each round of trials that failed. By
    /// default 5 s. Up to a tenth more comes by chance, so that many breakers do not come back as one.
    pub open_ms: u64,
    /// How many milliseconds it stays open at most; by default 60 s. A round of trials that hangs for so long has failed.
    pub open_ms_max: u64,
    /// How many calls make up a trial: so many may be under way when half open, and so many must answer before it closes. By
    /// default 3.
    pub trials: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            window: WindowShape::TimeMs(30_000),
            calls_min: 10,
            failure_rate: 0.5,
            slow_after_ms: None,
            slow_rate: 0.8,
            open_ms: 5_000,
            open_ms_max: 60_000,
            trials: 3,
        }
    }
}

/// Settings that make no breaker.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidBreaker {
    /// A window of nothing, or of too much.
    #[error("a window holds 1 to {WINDOW_CALLS_MAX} calls, or at least 10 ms")]
    Window,
    /// A minimum that is never reached.
    #[error("`calls_min` is {calls_min}: it must be at least 1 and fit into the window")]
    CallsMin {
        /// What was asked for.
        calls_min: u32,
    },
    /// A share that no calls can have, or that all have.
    #[error("`{key}` is {rate}: a share above 0 and at most 1 is needed")]
    Rate {
        /// Which.
        key: &'static str,
        /// What was asked for.
        rate: f64,
    },
    /// A pause of nothing, or one above its own limit.
    #[error("`open_ms` must be at least 1 and at most `open_ms_max`")]
    Open,
    /// No trials, or too many.
    #[error("`trials` is {trials}: 1 to {TRIALS_MAX} are possible")]
    Trials {
        /// What was asked for.
        trials: u32,
    },
}

impl BreakerSettings {
    /// Whether a breaker can be made of them.
    ///
    /// # Errors
    /// With the first that cannot be.
    pub fn check(&self) -> Result<(), InvalidBreaker> {
        let (fits, room) = match self.window {
            WindowShape::Calls(calls) => ((1..=WINDOW_CALLS_MAX).contains(&calls), calls),
            WindowShape::TimeMs(span_ms) => (span_ms >= 10, u32::MAX),
        };
        if !fits {
            return Err(InvalidBreaker::Window);
        }
        if self.calls_min == 0 || self.calls_min > room {
            return Err(InvalidBreaker::CallsMin { calls_min: self.calls_min });
        }
        for (key, rate) in [("failure_rate", self.failure_rate), ("slow_rate", self.slow_rate)] {
            if !(rate > 0.0 && rate <= 1.0) {
                return Err(InvalidBreaker::Rate { key, rate });
            }
        }
        if self.open_ms == 0 || self.open_ms > self.open_ms_max {
            return Err(InvalidBreaker::Open);
        }
        match self.trials {
            1..=TRIALS_MAX => Ok(()),
            trials => Err(InvalidBreaker::Trials { trials }),
        }
    }

    /// Whether a call that took so long was slow.
    pub fn is_slow(&self, took: Duration) -> bool {
        self.slow_after_ms.is_some_and(|millis| took >= Duration::from_millis(millis))
    }
}
