//! A call under way, as the limiter counts it. It is counted until this is dropped, whichever way that happens.

use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Moment;

use super::learner::{Ending, Sample};
use super::limiter::Shared;
use crate::Verdict;

/// A call under way. Dropped without a word it counts as given up: a sign of overload if it had taken far too long.
#[derive(Debug)]
#[must_use = "a call that is not kept counts as given up at once"]
pub struct Running {
    shared: Arc<Shared>,
    started: Moment,
    in_flight: usize,
    ending: Ending,
    /// How long it took, if that is not the time that it was under way.
    took: Option<Duration>,
}

impl Running {
    pub(super) fn new(shared: &Arc<Shared>, started: Moment, in_flight: usize) -> Self {
        Self { shared: Arc::clone(shared), started, in_flight, ending: Ending::Lost, took: None }
    }

    /// The call ended like this, and what it says of the other side took this long: where a call makes several attempts, how long
    /// the one took that was answered.
    pub fn finish_after(mut self, verdict: Verdict, took: Duration) {
        self.took = Some(took);
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

impl Drop for Running {
    fn drop(&mut self) {
        let ended = self.shared.clock.now();
        let latency_secs = self.took.unwrap_or_else(|| ended.since(self.started)).as_secs_f64();
        self.shared.end(&Sample { ended, latency_secs, in_flight: self.in_flight, ending: self.ending });
    }
}
