//! The generic cell rate algorithm: keeps one moment, the one at which everything let through so far would have been due had it
//! come evenly spaced. Whoever comes is let through unless that moment lies more than a burst ahead.

use std::time::Duration;

use super::meter::Meter;
use super::rate::Scale;

#[derive(Debug)]
pub(super) struct Gcra {
    scale: Scale,
    /// Time that has passed since the start, in units.
    now: u128,
    /// The theoretical arrival time, in units; behind `now` when everything let through has been paid for.
    due: u128,
}

impl Gcra {
    pub(super) fn idle(scale: Scale) -> Self {
        Self { scale, now: 0, due: 0 }
    }

    /// When everything let through would have been due, had so many tokens more been taken now.
    fn due_after(&self, tokens: u64) -> u128 {
        self.due.max(self.now).saturating_add(self.scale.cost(tokens))
    }
}

impl Meter for Gcra {
    fn name(&self) -> &'static str {
        "gcra"
    }

    fn pass(&mut self, elapsed: Duration) {
        self.now += self.scale.earned(elapsed);
    }

    fn wait(&self, tokens: u64) -> Duration {
        self.scale.time_to_earn(self.due_after(tokens).saturating_sub(self.now + self.scale.full()))
    }

    fn take(&mut self, tokens: u64) {
        debug_assert!(self.wait(tokens).is_zero(), "only what conforms is let through");
        self.due = self.due_after(tokens);
    }

    fn headroom(&self) -> u128 {
        self.due.saturating_sub(self.now)
    }

    fn put_back(&mut self, units: u128) {
        self.due = self.due.saturating_sub(units);
    }

    fn rescale(&mut self, scale: Scale) {
        let level = scale.convert(self.scale.full() - self.headroom(), &self.scale).min(scale.full());
        *self = Self { scale, now: 0, due: scale.full() - level };
    }
}
