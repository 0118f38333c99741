//! All that can be set about a stack, in one flat section of a configuration. Everything else is learned, or is a constant beside the
//! code that it tunes.
//!
//! The doc comments are the manual. Values that no stack can be made of are refused with the key's name and what is possible,
//! before anything changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limit::Limit;
use crate::breaker::WindowShape;
use crate::{
    BalanceSettings, BreakerSettings, BudgetSettings, BulkheadSettings, ConcurrencySettings, EternalSettings,
    FallbackSettings, HedgeSettings, RateSettings, RetrySettings,
};

/// The longest pause between attempts: a call with five seconds still gets several.
const PAUSE_MAX_MS: u64 = 1_000;
/// The breaker does not judge by fewer calls: failures are quicker than good answers, so the first to end say too little.
pub(super) const BREAKER_CALLS_MIN: u32 = 20;
/// The pause of the breaker grows to so many times the first. With five times there are hardly fewer trials, as a round of calls that
/// hang takes its deadline as well; and after an outage of a minute recovery was seen up to ten seconds late for nothing.
const BREAKER_PAUSES_MAX: u64 = 2;
/// No call waits longer than a day: more is taken for a mistake in the unit.
const MILLIS_MAX: u64 = 86_400_000;
/// More attempts at one call than this are a broadcast.
const ATTEMPTS_MAX: u32 = 100;
/// More calls at once than this no process makes.
const CALLS_MAX: usize = 1_000_000;
/// The learned limit never grows beyond this: what is more at once is a leak somewhere.
const LEARNED_LIMIT_MAX: usize = 100_000;

/// The settings of a stack: `[resilience]` in a configuration. The defaults are right for most services with several endpoints.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackSettings {
    /// Milliseconds until an answer is of no use any more; an earlier deadline of the call stays. 5,000 by default: about as long
    /// as a person waits.
    pub deadline_ms: u64,
    /// Attempts at one call in all: retries, failovers and hedges. 6 by default; the budget usually ends it sooner, and so do three
    /// endpoints, or all there are, that answer with an error of their own.
    pub attempts_max: u32,
    /// Extra attempts for each call, over any ten seconds: what retries, failovers and hedges share. 0.4 by default: whatever
    /// fails, the services never get more than 1.4 times what they are asked.
    pub extra_share: f64,
    /// Extra attempts a second where that comes to less, so that a quiet service can retry at all. 1 by default.
    pub extra_min_per_s: f64,
    /// Whether a call waits when that budget is spent, as long as it has time and there is an endpoint left that may well answer. On by
    /// default: it adds no load. Off, it ends, or falls back, as soon as the budget is spent.
    pub waits_for_budget: bool,
    /// The shortest pause in milliseconds before an attempt at an endpoint that has failed this call; they grow, by chance, up to a
    /// second. 50 by default. Another endpoint is tried at once.
    pub retry_pause_ms: u64,
    /// The share of good answers that are there before another attempt starts beside the first. 0.96 by default: one call in
    /// twenty-five is made twice, which takes most of the tail away. 1 leaves hedging to the prediction alone.
    pub hedge_percentile: f64,
    /// Attempts at one call at once. 3 by default: a fourth gains next to nothing. 1 switches hedging off.
    pub parallel_max: u32,
    /// An endpoint that keeps failing is left out, but never more than this share of them. 0.5 by default: if more fail, the view
    /// is more likely wrong than all of them.
    pub eject_share_max: f64,
    /// The breaker opens when this share of the calls failed, with all their attempts, in the last 30 seconds, if those were 20 at
    /// least. 0.95 by default: next to nothing works any more. For a single endpoint 0.5 is usual. Single endpoints of several are the balancer's affair.
    pub breaker_failure_share: f64,
    /// Calls that take longer than so many milliseconds are slow, and the breaker opens when eight of ten are. By default none is.
    pub breaker_slow_ms: Option<u64>,
    /// Milliseconds that the breaker stays open before the first trial; twice as long after one that failed, and never longer.
    /// 2,000 by default: three calls in four seconds cost nobody anything, and recovery is seen soon.
    pub breaker_pause_ms: u64,
    /// For calls that must have an answer, if only the fallback's: instead of an open breaker that refuses, eternal mode, which
    /// keeps probing. Off by default.
    pub essential: bool,
    /// Probes a second in eternal mode, for all calls together. 2 by default.
    pub probes_per_s: u32,
    /// How many calls may be under way at once: `"learned"` (the default), `"off"`, or a number. When it is reached, calls wait in line,
    /// the most important first, and are refused when none would be answered in time.
    pub limit: Limit,
    /// Where a learned limit begins. 100 by default: enough for most, and what is too much is learned within seconds.
    pub limit_at_start: usize,
    /// Milliseconds that a call may wait in line when a limit given as a number is reached. 500 by default.
    pub wait_ms_max: u64,
    /// Calls a second, as agreed with the other side. By default any number.
    pub rate_per_s: Option<u32>,
    /// Calls that may come at once under that rate after a quiet time. 10 by default.
    pub rate_burst: u32,
    /// Milliseconds that the fallback may take. 100 by default: a fallback is at hand, or it is none.
    pub fallback_ms: u64,
}

impl Default for StackSettings {
    fn default() -> Self {
        Self {
            deadline_ms: 5_000,
            attempts_max: 6,
            extra_share: 0.4,
            extra_min_per_s: 1.0,
            waits_for_budget: true,
            retry_pause_ms: 50,
            hedge_percentile: 0.96,
            parallel_max: 3,
            eject_share_max: 0.5,
            breaker_failure_share: 0.95,
            breaker_slow_ms: None,
            breaker_pause_ms: 2_000,
            essential: false,
            probes_per_s: 2,
            limit: Limit::Learned,
            limit_at_start: 100,
            wait_ms_max: 500,
            rate_per_s: None,
            rate_burst: 10,
            fallback_ms: 100,
        }
    }
}

/// A setting that no stack can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value}: {least} to {most} is possible")]
pub struct InvalidStack {
    /// Which.
    pub key: &'static str,
    /// What was asked for.
    pub value: String,
    /// The least that is possible.
    pub least: String,
    /// The most that is possible.
    pub most: String,
}

impl StackSettings {
    /// Whether a stack can be made of them.
    ///
    /// # Errors
    /// With the first that cannot be.
    pub fn check(&self) -> Result<(), InvalidStack> {
        let millis = [
            ("deadline_ms", self.deadline_ms),
            ("breaker_pause_ms", self.breaker_pause_ms),
            ("breaker_slow_ms", self.breaker_slow_ms.unwrap_or(1)),
            ("fallback_ms", self.fallback_ms),
        ];
        millis.iter().try_for_each(|(key, value)| within(key, *value, 1, MILLIS_MAX))?;
        within("wait_ms_max", self.wait_ms_max, 0, MILLIS_MAX)?;
        within("retry_pause_ms", self.retry_pause_ms, 1, PAUSE_MAX_MS)?;
        within("attempts_max", self.attempts_max, 1, ATTEMPTS_MAX)?;
        within("parallel_max", self.parallel_max, 1, ATTEMPTS_MAX)?;
        within("probes_per_s", self.probes_per_s, 1, 1_000)?;
        within("limit_at_start", self.limit_at_start, 1, LEARNED_LIMIT_MAX)?;
        within("rate_per_s", self.rate_per_s.unwrap_or(1), 1, u32::MAX)?;
        within("rate_burst", self.rate_burst, 1, u32::MAX)?;
        if let Limit::AtMost(calls) = self.limit {
            within("limit", calls, 1, CALLS_MAX)?;
        }
        within("extra_share", self.extra_share, 0.0, 10.0)?;
        within("extra_min_per_s", self.extra_min_per_s, 0.0, 1e6)?;
        within("hedge_percentile", self.hedge_percentile, 0.5, 1.0)?;
        within("eject_share_max", self.eject_share_max, 0.0, 1.0)?;
        within("breaker_failure_share", self.breaker_failure_share, 0.01, 1.0)
    }

    pub(super) const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    pub(super) const fn budget(&self) -> BudgetSettings {
        BudgetSettings { ratio: self.extra_share, minimum_per_s: self.extra_min_per_s }
    }

    pub(super) fn retry(&self) -> RetrySettings {
        RetrySettings {
            attempts_max: self.attempts_max,
            pause_min_ms: self.retry_pause_ms,
            pause_max_ms: PAUSE_MAX_MS,
            waits_for_budget: self.waits_for_budget,
            ..RetrySettings::default()
        }
    }

    pub(super) fn hedge(&self) -> HedgeSettings {
        HedgeSettings {
            percentile: self.hedge_percentile,
            in_flight_max: self.parallel_max,
            attempts_max: self.attempts_max,
            ..HedgeSettings::default()
        }
    }

    pub(super) fn balance(&self) -> BalanceSettings {
        BalanceSettings { eject_share_max: self.eject_share_max as f32, ..BalanceSettings::default() }
    }

    pub(super) fn breaker(&self) -> BreakerSettings {
        BreakerSettings {
            window: WindowShape::TimeMs(30_000),
            calls_min: BREAKER_CALLS_MIN,
            failure_rate: self.breaker_failure_share,
            slow_after_ms: self.breaker_slow_ms,
            open_ms: self.breaker_pause_ms,
            open_ms_max: self.breaker_pause_ms.saturating_mul(BREAKER_PAUSES_MAX),
            ..BreakerSettings::default()
        }
    }

    pub(super) fn eternal(&self) -> EternalSettings {
        EternalSettings {
            breaker: self.breaker(),
            timeout_ms: self.deadline_ms,
            probes_per_s: self.probes_per_s,
            ..EternalSettings::default()
        }
    }

    pub(super) fn limiter(&self) -> ConcurrencySettings {
        ConcurrencySettings {
            limit_at_start: self.limit_at_start,
            limit_max: LEARNED_LIMIT_MAX,
            ..ConcurrencySettings::default()
        }
    }

    pub(super) fn bulkhead(&self) -> BulkheadSettings {
        let permits = if let Limit::AtMost(calls) = self.limit { calls } else { BulkheadSettings::default().permits };
        BulkheadSettings {
            permits,
            waiting_max: permits.saturating_mul(2),
            wait_ms_max: self.wait_ms_max,
            ..BulkheadSettings::default()
        }
    }

    /// Those of a rate; with none agreed on, some that are not used.
    pub(super) fn rate(&self) -> RateSettings {
        let usual = RateSettings::default();
        RateSettings { permits: self.rate_per_s.unwrap_or(usual.permits), burst: self.rate_burst, ..usual }
    }

    pub(super) const fn fallback(&self) -> FallbackSettings {
        FallbackSettings { limit_ms: self.fallback_ms }
    }
}

fn within<V: Copy + PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: V,
    least: V,
    most: V,
) -> Result<(), InvalidStack> {
    // What is not a number is not within either.
    if value >= least && value <= most {
        return Ok(());
    }
    Err(InvalidStack { key, value: value.to_string(), least: least.to_string(), most: most.to_string() })
}
