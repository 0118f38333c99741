//! What is learned over all endpoints of a balancer: how long good and bad answers take, and how often calls go well. It is what is
//! assumed of an endpoint that has not told anything of itself yet.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::belief::{Count, Prior};
use super::{PredictorSettings, Sketch, sketch};

/// A call leaves this of all before it: the pool's share of good calls is that of the last hundred or so.
const KEEPS: f32 = 0.99;
/// Even where all fail, somebody unknown may work; and even where all work, he may not.
const ASSUMED_MIN: f32 = 0.25;
const ASSUMED_MAX: f32 = 0.9;
/// Before anything is known: most endpoints that are configured work.
const ASSUMED_FIRST: f32 = 0.8;
/// How many failures are assumed that never answer, before any is known: silence must be possible in a broken endpoint.
const SILENT_FAILURES_ASSUMED: f32 = 2.0;
const QUICK_FAILURES_ASSUMED: f32 = 2.0;
/// Where no latency is known at all: the middle of what calls over a network take, in seconds.
const LATENCY_UNKNOWN_SECS: f32 = 0.02;
/// However long one call is silent, it is taken for this likely at an endpoint that works: the longest calls are longer than any
/// sketch of the usual ones knows, and one of them says nothing yet. Several together do.
const LONELY_SILENCE_MIN: f32 = 0.05;
/// As long as so few good answers are known, how long the next one may take is mostly a guess: the first one says hardly anything
/// of the longest. (Without it, the first answer of all had every endpoint taken for dead that had not answered yet.)
const LATENCIES_UNSEEN: f32 = 1.0;
/// No silence makes good or bad more than this many times as likely: the sketches are coarse.
const RATIO_MIN: f32 = 1e-4;
const RATIO_MAX: f32 = 4.0;

/// What is known of all endpoints together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pool {
    good: Sketch,
    bad: Sketch,
    count: Count,
    /// The middle of the good calls, or 0.
    settled_secs: f32,
}

impl Pool {
    /// Takes note of a good answer.
    pub fn good(&mut self, now: Moment, took: Duration, settings: &PredictorSettings) {
        self.good.record(now, took, 1.0, settings.latency_half_life);
        self.count = self.count.scaled(KEEPS);
        self.count.add(true, 1.0);
        self.read_sketch();
    }

    /// Takes note of a failure that showed after this time.
    pub fn bad(&mut self, now: Moment, took: Duration, weight: f32, settings: &PredictorSettings) {
        self.bad.record(now, took, weight, settings.latency_half_life);
        self.count = self.count.scaled(KEEPS);
        self.count.add(false, weight);
    }

    /// How long good calls take; `None` as long as there was none.
    pub fn good_within(&self, share: f32) -> Option<Duration> {
        self.good.quantile(share)
    }

    /// The time within which half of them are done; `None` as long as there was none.
    pub(crate) fn typical(&self) -> Option<Duration> {
        (self.settled_secs > 0.0).then(|| Duration::from_secs_f32(self.settled_secs))
    }

    /// What is assumed of an endpoint of which nothing is known.
    pub fn prior(&self) -> Prior {
        Prior::of(self.count.share(Prior { share: ASSUMED_FIRST, weight: 4.0 }).clamp(ASSUMED_MIN, ASSUMED_MAX))
    }

    /// The share of good calls that are done within this time: an endpoint's own calls, with the pool's in the place of what is
    /// missing; `None` as long as nobody knows.
    pub fn done_within(&self, own: &Sketch, limit: Duration) -> Option<f32> {
        /// The pool counts like this many calls of the endpoint's own.
        const POOL_WEIGHT: f32 = 4.0;
        let place = sketch::place(limit);
        match (own.share_at(place), self.good.share_at(place)) {
            (Some(own_share), Some(pooled)) => {
                Some((own_share * own.weight() + pooled * POOL_WEIGHT) / (own.weight() + POOL_WEIGHT))
            }
            (None, share) | (share, None) => share,
        }
    }

    /// How many times as likely it is that these calls are all silent if the endpoint works than if it is broken.
    ///
    /// The calls of a working endpoint are slow each on its own account. A broken one is broken in one way: it hangs always, or
    /// never; so for it only the longest silence counts.
    pub fn silence_ratio(&self, now: Moment, own: &Sketch, silent: &[Moment]) -> f32 {
        let Some(oldest) = silent.first() else { return 1.0 };
        let if_good: f32 = silent.iter().map(|since| self.still_silent(own, now.since(*since))).product();
        let known = self.bad.weight();
        let still_silent = 1.0 - self.bad.share_within(now.since(*oldest)).unwrap_or(0.0);
        let if_bad = (still_silent * known + SILENT_FAILURES_ASSUMED)
            / (known + SILENT_FAILURES_ASSUMED + QUICK_FAILURES_ASSUMED);
        (if_good / if_bad).clamp(RATIO_MIN, RATIO_MAX)
    }

    /// How likely a call at an endpoint that works is silent for so long.
    fn still_silent(&self, own: &Sketch, silence: Duration) -> f32 {
        let known = self.good.weight();
        let done = self.done_within(own, silence).unwrap_or(0.0) * known / (known + LATENCIES_UNSEEN);
        (1.0 - done).max(LONELY_SILENCE_MIN)
    }

    /// The middle of how long good calls take, or a guess.
    pub(crate) const fn settled_secs(&self) -> f32 {
        if self.settled_secs > 0.0 { self.settled_secs } else { LATENCY_UNKNOWN_SECS }
    }

    fn read_sketch(&mut self) {
        self.settled_secs = self.good.quantile_secs(0.5).unwrap_or_default();
    }

    pub(crate) const fn good_sketch(&self) -> &Sketch {
        &self.good
    }

    pub(crate) fn recall(&mut self, good: Sketch) {
        // Only where nothing is known yet.
        if self.good.weight() <= f32::EPSILON {
            self.good = good;
            self.read_sketch();
        }
    }
}
