//! A call under way, as the limiter counts it. It is counted until this is dropped, whichever way that happens.

use std::borrow::Borrow;
use std::time::Duration;

use homeostat_reactor::Moment;

use super::learner::{Ending, Sample};
use super::limiter::ConcurrencyLimiter;
use crate::Verdict;

/// A call under way. Dropped without a word it counts as given up: a sign of overload if it had taken far too long.
#[derive(Debug)]
#[must_use = "a call that is not kept counts as given up at once"]
pub struct Running<L: Borrow<ConcurrencyLimiter> = ConcurrencyLimiter> {
    /// A limiter of its own for whoever takes this along; within a call the limiter is only borrowed, because threads that count
    /// clones of it wait for each other.
    limiter: L,
    started: Moment,
    in_flight: usize,
    ending: Ending,
    /// How long it took, if that is not the time that it was under way.
    took: Option<Duration>,
    /// When it ended, where somebody has looked at the clock already.
    ended: Option<Moment>,
}

impl<L: Borrow<ConcurrencyLimiter>> Running<L> {
    pub(super) const fn new(limiter: L, started: Moment, in_flight: usize) -> Self {
        Self { limiter, started, in_flight, ending: Ending::Lost, took: None, ended: None }
    }

    /// The call ended like this, and what it says of the other side took this long: where a call makes several attempts, how long
    /// the one took that was answered.
    pub fn finish_after(self, verdict: Verdict, took: Duration) {
        self.finish_at(None, verdict, took);
    }

    /// The same for whoever may just have looked at the clock.
    pub(crate) fn finish_at(mut self, ended: Option<Moment>, verdict: Verdict, took: Duration) {
        (self.took, self.ended) = (Some(took), ended);
        self.finish(verdict);
    }

    /// The call ended like this.
    pub fn finish(mut self, verdict: Verdict) {
        self.ending = match verdict {
            Verdict::Good => Ending::Good,
            Verdict::Full => Ending::Full,
            Verdict::Failed => Ending::Lost,
            Verdict::Ignored => Ending::Ignored,
        };
    }
}

impl<L: Borrow<ConcurrencyLimiter>> Drop for Running<L> {
    fn drop(&mut self) {
        let limiter = self.limiter.borrow();
        let ended = self.ended.unwrap_or_else(|| limiter.shared.clock.now());
        let latency_secs = self.took.unwrap_or_else(|| ended.since(self.started)).as_secs_f64();
        limiter.ended(Sample { ended, latency_secs, in_flight: self.in_flight, ending: self.ending });
    }
}
