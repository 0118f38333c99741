//! What an endpoint will probably do, learned from what it did: the probability that a call succeeds there within its deadline.
//!
//! Called by [`balance`](crate::balance), and by whoever wants to decide on his own. It is a pure core: time comes in as an
//! argument, nothing waits, nothing is random. An endpoint costs at most 1 KiB whatever its traffic. Three kinds of evidence:
//! what became of its calls ([`Belief`]), how long the good ones took ([`Sketch`]), and how long the calls under way have been
//! silent, weighed against how long good and bad answers take to come. No evidence is for ever: it fades with time and is pushed
//! out by new calls, so what was learned wrongly is unlearned.

mod belief;
mod flight;
mod learned;
mod pool;
mod sketch;
mod streak;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use belief::Count;
pub use belief::{Belief, Prior};
pub use learned::{Learned, Outcome};
pub use pool::Pool;
pub use sketch::Sketch;
pub(crate) use sketch::left_after;

/// How an endpoint is judged. The defaults suit calls of a millisecond to some seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PredictorSettings {
    /// After this time an outcome counts half as much. Longer trusts in old failures where everything has moved meanwhile (in the
    /// example `massive_failure`, 40 s cost four points of success); shorter asks broken endpoints more often.
    pub outcome_half_life: Duration,
    /// After this time a latency counts half as much. Latencies change less often than health.
    pub latency_half_life: Duration,
    /// Under this probability of working, an endpoint is asked only if no better one is at hand, and now and then to see.
    pub doubted_below: f32,
    /// Attempts that begin at once are added until one of them succeeds with this probability. Low, because one attempt after the
    /// other is cheaper wherever failures show soon: at once only where the best endpoint is a poor one.
    pub sure_enough: f32,
    /// At most this many attempts begin at once, for calls that may be made twice.
    pub parallel_max: usize,
}

impl Default for PredictorSettings {
    fn default() -> Self {
        Self {
            outcome_half_life: Duration::from_secs(10),
            latency_half_life: Duration::from_secs(120),
            doubted_below: 0.5,
            sure_enough: 0.4,
            parallel_max: 3,
        }
    }
}
