//! The token bucket: counts the tokens that are there.

use std::time::Duration;

use super::meter::Meter;
use super::rate::Scale;

/// Fills with time up to a full burst; starts full.
#[derive(Debug)]
pub(super) struct TokenBucket {
    scale: Scale,
    level: u128,
}

impl TokenBucket {
    pub(super) fn full(scale: Scale) -> Self {
        Self { scale, level: scale.full() }
    }
}

impl Meter for TokenBucket {
    fn name(&self) -> &'static str {
        "token_bucket"
    }

    fn pass(&mut self, elapsed: Duration) {
        self.level = (self.level + self.scale.earned(elapsed)).min(self.scale.full());
    }

    fn wait(&self, tokens: u64) -> Duration {
        self.scale.time_to_earn(self.scale.cost(tokens).saturating_sub(self.level))
    }

    fn take(&mut self, tokens: u64) {
        debug_assert!(self.wait(tokens).is_zero(), "only what is there is taken");
        self.level = self.level.saturating_sub(self.scale.cost(tokens));
    }

    fn headroom(&self) -> u128 {
        self.scale.full() - self.level
    }

    fn put_back(&mut self, units: u128) {
        self.level = (self.level + units).min(self.scale.full());
    }

    fn rescale(&mut self, scale: Scale) {
        self.level = scale.convert(self.level, &self.scale).min(scale.full());
        self.scale = scale;
    }
}
