//! What a stack shows of itself: the numbers of all its policies, together. Made on demand, not on the path of a call.

use serde::Serialize;

use super::calls::CallsSnapshot;
use super::layers::Layers;
use super::settings::StackSettings;
use crate::balance::BalanceSnapshot;
use crate::breaker::BreakerSnapshot;
use crate::budget::BudgetSnapshot;
use crate::bulkhead::BulkheadSnapshot;
use crate::concurrency::ConcurrencySnapshot;
use crate::eternal::EternalSnapshot;
use crate::fallback::FallbackSnapshot;
use crate::hedge::HedgeSnapshot;
use crate::line::LineSnapshot;
use crate::rate::RateSnapshot;
use crate::retry::RetrySnapshot;

/// The numbers of a stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackSnapshot {
    /// Its name.
    pub name: String,
    /// The settings in force.
    pub settings: StackSettings,
    /// What became of its calls.
    pub calls: CallsSnapshot,
    /// The fallback, unless the call is essential: then eternal mode counts.
    pub fallback: FallbackSnapshot,
    /// The rate, where one was agreed on.
    pub rate: Option<RateSnapshot>,
    /// The breaker, unless calls are essential.
    pub breaker: Option<BreakerSnapshot>,
    /// Eternal mode, where calls are essential.
    pub eternal: Option<EternalSnapshot>,
    /// The learned limit, where it is learned.
    pub limiter: Option<ConcurrencySnapshot>,
    /// Who waits for a place under the learned limit.
    pub line: LineSnapshot,
    /// The given limit, where one is given.
    pub bulkhead: Option<BulkheadSnapshot>,
    /// Attempts after a pause.
    pub retry: RetrySnapshot,
    /// Attempts at once.
    pub hedge: HedgeSnapshot,
    /// After how many milliseconds an attempt is hedged now.
    pub hedge_after_ms: Option<f64>,
    /// What extra attempts are paid from.
    pub budget: BudgetSnapshot,
    /// The endpoints.
    pub endpoints: BalanceSnapshot,
}

impl StackSnapshot {
    pub(super) fn of<T>(layers: &Layers<T>) -> Self {
        use super::Limit;
        let settings = layers.settings();
        Self {
            name: layers.name.to_string(),
            settings,
            calls: layers.calls.snapshot(),
            fallback: layers.fallback.snapshot(),
            rate: settings.rate_per_s.map(|_| layers.rate.snapshot()),
            breaker: (!settings.essential).then(|| layers.breaker.snapshot()),
            eternal: settings.essential.then(|| layers.eternal.snapshot()),
            limiter: (settings.limit == Limit::Learned).then(|| layers.limiter.snapshot()),
            line: layers.line.snapshot(),
            bulkhead: matches!(settings.limit, Limit::AtMost(_)).then(|| layers.bulkhead.snapshot()),
            retry: layers.retry.snapshot(),
            hedge: layers.hedge.snapshot(),
            hedge_after_ms: layers.hedge.patience().map(|patience| patience.as_secs_f64() * 1e3),
            budget: layers.budget.snapshot(layers.clock.now()),
            endpoints: layers.balancer.snapshot(),
        }
    }
}
