//! What metrics are made of: the snapshots of the policies that there are, of a stack or one by one.

use crate::balance::BalanceSnapshot;
use crate::breaker::BreakerSnapshot;
use crate::budget::BudgetSnapshot;
use crate::bulkhead::BulkheadSnapshot;
use crate::coalesce::CoalesceSnapshot;
use crate::concurrency::ConcurrencySnapshot;
use crate::deadline::DeadlineSnapshot;
use crate::eternal::EternalSnapshot;
use crate::fallback::FallbackSnapshot;
use crate::hedge::HedgeSnapshot;
use crate::rate::RateSnapshot;
use crate::retry::RetrySnapshot;
use crate::stack::{CallsSnapshot, StackSnapshot};

/// Snapshots under one name. A policy that stands alone is the only one that is there:
///
/// ```
/// # use homeostat_reactor::Clock;
/// # use homeostat_resilience::{Breaker, metrics::{Numbers, PolicyMetrics}};
/// # fn main() -> Result<(), homeostat_resilience::breaker::InvalidBreaker> {
/// let breaker = Breaker::builder("orders", &Clock::machine()).build()?;
/// let look = move || vec![Numbers { breaker: Some(breaker.snapshot()), ..Numbers::named("orders") }];
/// let mut registry = prometheus_client::registry::Registry::default();
/// registry.register_collector(Box::new(PolicyMetrics::of(look)));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    /// The name: the label `stack`.
    pub name: String,
    /// What became of calls.
    pub calls: Option<CallsSnapshot>,
    /// A deadline.
    pub deadline: Option<DeadlineSnapshot>,
    /// A coalescer.
    pub coalesce: Option<CoalesceSnapshot>,
    /// A fallback.
    pub fallback: Option<FallbackSnapshot>,
    /// A rate.
    pub rate: Option<RateSnapshot>,
    /// A breaker, or the one of eternal mode.
    pub breaker: Option<BreakerSnapshot>,
    /// Eternal mode.
    pub eternal: Option<EternalSnapshot>,
    /// A learned limit.
    pub limiter: Option<ConcurrencySnapshot>,
    /// A given limit.
    pub bulkhead: Option<BulkheadSnapshot>,
    /// A retry.
    pub retry: Option<RetrySnapshot>,
    /// A hedge.
    pub hedge: Option<HedgeSnapshot>,
    /// After how many milliseconds it hedges now.
    pub hedge_after_ms: Option<f64>,
    /// A budget.
    pub budget: Option<BudgetSnapshot>,
    /// A balancer.
    pub endpoints: Option<BalanceSnapshot>,
}

impl Numbers {
    /// None yet, under this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl From<StackSnapshot> for Numbers {
    fn from(stack: StackSnapshot) -> Self {
        let breaker = stack.breaker.or_else(|| stack.eternal.as_ref().map(|eternal| eternal.breaker.clone()));
        Self {
            name: stack.name,
            calls: Some(stack.calls),
            deadline: None,
            coalesce: None,
            fallback: Some(stack.fallback),
            rate: stack.rate,
            breaker,
            eternal: stack.eternal,
            limiter: stack.limiter,
            bulkhead: stack.bulkhead,
            retry: Some(stack.retry),
            hedge: Some(stack.hedge),
            hedge_after_ms: stack.hedge_after_ms,
            budget: Some(stack.budget),
            endpoints: Some(stack.endpoints),
        }
    }
}
