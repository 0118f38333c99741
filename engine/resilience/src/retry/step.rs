//! What follows an attempt, and after which pause: the part of a retry that knows neither clock nor chance nor budget.

use std::time::Duration;

use homeostat_reactor::Moment;
use serde::{Deserialize, Serialize};

use crate::Call;
use crate::attempt::Advice;
use crate::pause::doubled;

/// Decorrelated jitter grows at most to this multiple of the pause before (Brooker, "Exponential Backoff And Jitter", 2015).
const DECORRELATED_GROWTH: f64 = 3.0;

/// How pauses grow and spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Anything between the first pause and three times the one before: spreads callers that failed together the best.
    #[default]
    Decorrelated,
    /// Anything between nothing and a bound that doubles: shorter pauses, and sometimes none at all.
    Exponential,
}

/// When and how often to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySettings {
    /// Attempts in all. 3 by default: what failed three times in a row fails the fourth time too, and layers multiply.
    pub attempts_max: u32,
    /// The shortest pause in milliseconds. 50 by default: longer than a connection takes, shorter than a person notices.
    pub pause_min_ms: u64,
    /// The longest pause in milliseconds, 5,000 by default.
    pub pause_max_ms: u64,
    /// How pauses grow and spread.
    pub jitter: Jitter,
    /// The longest time to be left alone that is honoured, in milliseconds; asked for more, the call ends with the answer it has.
    /// 30,000 by default: nobody waits longer.
    pub retry_after_max_ms: u64,
    /// How long an attempt may take, in milliseconds. 0, the default, for as long as the call has: a limit under what good answers
    /// take kills the good ones, and hedging finds the slow ones sooner.
    pub attempt_limit_ms: u64,
    /// Whether a call waits when the budget is spent, as long as it has time, and goes on when there is something again. It costs
    /// the other side nothing: what goes out is what the budget allows. Off by default: a caller that has something else to do
    /// learns of its failure at once.
    pub waits_for_budget: bool,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            pause_min_ms: 50,
            pause_max_ms: 5_000,
            jitter: Jitter::Decorrelated,
            retry_after_max_ms: 30_000,
            attempt_limit_ms: 0,
            waits_for_budget: false,
        }
    }
}

/// The pauses of one call, without clock or chance.
#[derive(Debug, Clone)]
pub struct Pauses {
    settings: RetrySettings,
    bound_ms: f64,
    made: u32,
}

impl Pauses {
    /// Before the first pause.
    pub const fn new(settings: RetrySettings) -> Self {
        Self { settings, bound_ms: settings.pause_min_ms as f64, made: 0 }
    }

    /// The next pause; `fraction`, from 0 to 1, is chance.
    pub fn next(&mut self, fraction: f64) -> Duration {
        self.made = self.made.saturating_add(1);
        match self.settings.jitter {
            Jitter::Decorrelated => {
                let (least, most) = (self.settings.pause_min_ms as f64, self.settings.pause_max_ms as f64);
                self.bound_ms = least + fraction * (self.bound_ms * DECORRELATED_GROWTH - least);
                self.bound_ms = self.bound_ms.min(most);
                Duration::from_secs_f64(self.bound_ms / 1e3)
            }
            Jitter::Exponential => {
                let millis = Duration::from_millis;
                let (first, longest) = (millis(self.settings.pause_min_ms), millis(self.settings.pause_max_ms));
                doubled(first, self.made - 1, longest).mul_f64(fraction.clamp(0.0, 1.0))
            }
        }
    }
}

/// Why no other attempt follows, or after which pause one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Again, after this pause, if the budget pays.
    Again(Duration),
    /// It was the last attempt.
    NoAttemptsLeft,
    /// It may have begun, and may not be done twice.
    NotRepeatable,
    /// The pause would not end before the deadline, or is longer than anybody waits.
    NoTimeLeft,
}

/// What follows an attempt that failed. Pure: `fraction` is chance, and the budget has not been asked yet.
pub fn step(settings: &RetrySettings, pauses: &mut Pauses, after: After<'_>, fraction: f64) -> Step {
    if after.number >= settings.attempts_max {
        return Step::NoAttemptsLeft;
    }
    if !after.advice.allows_another(after.call.is_idempotent) {
        return Step::NotRepeatable;
    }
    let asked_for = after.advice.retry_after.unwrap_or_default();
    // Added and not the greater of the two: everybody was told the same time, and would come back in the same instant.
    let pause = asked_for.saturating_add(pauses.next(fraction));
    let is_in_time = after.call.remaining(after.now).is_none_or(|remaining| pause < remaining);
    if asked_for > Duration::from_millis(settings.retry_after_max_ms) || !is_in_time {
        return Step::NoTimeLeft;
    }
    Step::Again(pause)
}

/// An attempt that has failed, as [`step`] sees it.
#[derive(Debug, Clone, Copy)]
pub struct After<'a> {
    /// What its result advises.
    pub advice: &'a Advice,
    /// The call, with the deadline of the whole of it.
    pub call: &'a Call,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// What time it is.
    pub now: Moment,
}

impl RetrySettings {
    /// The call as one attempt sees it, which may be given less time than the whole.
    #[must_use]
    pub fn limit(&self, call: &Call, now: Moment) -> Call {
        match self.attempt_limit_ms {
            0 => *call,
            limit_ms => call.until(now + Duration::from_millis(limit_ms)),
        }
    }
}
