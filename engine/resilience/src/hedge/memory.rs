//! How long good answers took, kept over a restart, so that the first calls after it are hedged as the last ones before.

use std::time::Duration;

use super::Hedge;
use crate::latency::{LatencyHistogram, Weights};
use crate::predictor::left_after;

/// After this time without the process, what is remembered counts half as much: latencies change with releases, not with minutes.
const LATENCIES_HALF_LIFE: Duration = Duration::from_secs(6 * 3_600);

impl Hedge {
    /// How long good answers take, to be kept for the next start.
    pub fn memory(&self) -> Weights {
        let now = self.0.clock.now();
        self.0.latencies.with(|histogram| histogram.weights(now))
    }

    /// How long good answers took this long ago, before the last stop. What is known by now stays.
    pub fn recall(&self, weights: &Weights, age: Duration) {
        let now = self.0.clock.now();
        let left = left_after(age, LATENCIES_HALF_LIFE);
        self.0.latencies.with(|histogram: &mut LatencyHistogram| histogram.recall(weights, left, now));
    }
}
