//! How fast: a rate and a burst, and the integers that limiters count in.
//!
//! A rate of 3 a second has no whole number of nanoseconds between two tokens. So limiters count in units that both time and
//! tokens convert to without rounding: a nanosecond earns as many units as the rate has permits, a token costs as many units as
//! the rate's period has nanoseconds. Only a wait is rounded, up, so that it is never too short.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::nanos;

/// So many permits a period, spread evenly over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub permits: u32,
    /// In how long.
    pub per: Duration,
}

impl Rate {
    /// So many in a period of its own.
    pub const fn new(permits: u32, per: Duration) -> Self {
        Self { permits, per }
    }

    /// So many a second.
    pub const fn per_second(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(1))
    }

    /// So many a minute.
    pub const fn per_minute(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(60))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} per {:?}", self.permits, self.per)
    }
}

/// A limit that lets nothing through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimit {
    /// No permits.
    #[error("a rate of no permits lets nothing through: at least 1 is needed")]
    NoPermits,
    /// No period, or one that no clock can measure.
    #[error("a rate needs a period between one nanosecond and 584 years")]
    NoPeriod,
    /// No burst.
    #[error("a burst of 0 lets nothing through: at least 1 is needed")]
    NoBurst,
}

/// A rate and a burst in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Units that a nanosecond earns; below 2^32.
    earned_a_nano: u128,
    /// Units that a token costs; below 2^64.
    token: u128,
    /// Units of a full burst; below 2^96.
    full: u128,
}

impl Scale {
    pub(super) fn new(rate: Rate, burst: u32) -> Result<Self, InvalidLimit> {
        let token = u64::try_from(rate.per.as_nanos()).map_err(|_| InvalidLimit::NoPeriod)?;
        match (rate.permits, token, burst) {
            (0, _, _) => Err(InvalidLimit::NoPermits),
            (_, 0, _) => Err(InvalidLimit::NoPeriod),
            (_, _, 0) => Err(InvalidLimit::NoBurst),
            _ => {
                let (earned_a_nano, token) = (u128::from(rate.permits), u128::from(token));
                Ok(Self { earned_a_nano, token, full: token * u128::from(burst) })
            }
        }
    }

    pub(super) const fn full(&self) -> u128 {
        self.full
    }

    pub(super) fn cost(&self, tokens: u64) -> u128 {
        self.token.saturating_mul(u128::from(tokens))
    }

    pub(super) fn earned(&self, elapsed: Duration) -> u128 {
        u128::from(nanos(elapsed)) * self.earned_a_nano
    }

    /// How long it takes to earn this many units.
    pub(super) fn time_to_earn(&self, units: u128) -> Duration {
        let nanos = units.div_ceil(self.earned_a_nano);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(super) fn tokens(&self, units: u128) -> u64 {
        u64::try_from(units / self.token).unwrap_or(u64::MAX)
    }

    /// Units of another scale in units of this one, worth the same in tokens; rounded down.
    pub(super) fn convert(&self, units: u128, from: &Self) -> u128 {
        let (whole, rest) = (units / from.token, units % from.token);
        whole.saturating_mul(self.token) + rest * self.token / from.token
    }
}
