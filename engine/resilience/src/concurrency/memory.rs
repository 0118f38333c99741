//! The limit that was learned, kept over a restart. The latencies it was learned from are not: they are measured anew at once, and a
//! least latency of another time would hold the limit down until the next measurement.

use std::time::Duration;

use super::learner::Learner;
use super::limiter::ConcurrencyLimiter;
use crate::predictor::left_after;

/// After this time without the process, half of the way back to the limit to begin with is gone: capacity changes with deployments
/// and with the load that others bring, within hours.
const LIMIT_HALF_LIFE: Duration = Duration::from_secs(3_600);

impl ConcurrencyLimiter {
    /// The limit that was learned, to be kept for the next start; `None` as long as nothing was.
    pub fn memory(&self) -> Option<f64> {
        let learner = &self.shared.lock().learner;
        learner.has_learned().then(|| learner.learned())
    }

    /// The limit that was learned this long ago, before the last stop. What was learned by now stays.
    pub fn recall(&self, limit: f64, age: Duration) {
        let mut state = self.shared.lock();
        state.learner.recall(limit, age);
        self.shared.apply(&state);
    }
}

impl Learner {
    /// Begins between the limit to begin with and the one learned this long ago: the older, the nearer to the first. Halfway is half
    /// of the ratio, because limits are found in ratios. What is no limit is passed over.
    pub fn recall(&mut self, limit: f64, age: Duration) {
        if self.has_learned() || !limit.is_finite() || limit < 1.0 {
            return;
        }
        let ratio = (limit / self.learned()).powf(f64::from(left_after(age, LIMIT_HALF_LIFE)));
        self.begin_with(self.learned() * ratio);
    }
}
