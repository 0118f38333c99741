//! Traffic: how the requests for a service went, in one span of time, as the gateway saw them. Told often, never journaled.

use crate::{Millis, ServiceName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests went in one span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// When the span ended.
    pub at: Timestamp,
    /// How long it was.
    pub span: Millis,
    /// Requests that ended in it.
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
    /// Half of them took no longer.
    pub p50: Millis,
    /// All but one in a hundred took no longer.
    pub p99: Millis,
    /// Requests under way at its end, and those that wait for an instance.
    pub under_way: u64,
}

/// The traffic of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficReport {
    /// Which service.
    pub service: ServiceName,
    /// How its requests went.
    pub traffic: Traffic,
}

impl Traffic {
    /// Whether anybody wanted anything.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.requests == 0 && self.under_way == 0
    }

    /// Requests a second, rounded to the nearest whole number.
    #[must_use]
    pub const fn per_second(&self) -> u64 {
        let span = if self.span.0 == 0 { 1 } else { self.span.0 };
        self.requests.saturating_mul(1_000).saturating_add(span / 2) / span
    }

    /// The share of requests that failed, in thousandths.
    #[must_use]
    pub fn errors_permille(&self) -> u16 {
        let share = self.errors.min(self.requests).saturating_mul(1_000).checked_div(self.requests).unwrap_or(0);
        u16::try_from(share).expect("at most a thousand thousandths")
    }
}
