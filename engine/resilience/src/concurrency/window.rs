//! A window of calls: first it lets those pass that still feel the limit before, then it measures.
//!
//! Latencies are averaged as logarithms. A limit is found from ratios, and so one call that took a thousand times as long moves
//! the mean of a hundred by 7 %, not by a thousand. Rejected: quantiles, which need every latency kept and sorted.

use std::time::Duration;

use homeostat_reactor::Moment;

/// What latencies are held between, in seconds: below, clocks do not tell; above, nobody waits. Also what is no number ends here.
const LATENCY_SECS: (f64, f64) = (1e-6, 3_600.0);

/// How many calls make a window: with fewer the mean of usual latencies is off by more than a quarter.
const CALLS_MIN: u32 = 20;

/// By how many standard errors another latency must be lower to be lower beyond doubt. Thousands of windows are compared before the
/// next measurement: with two, the least latency would become the luckiest one.
const DOUBT_ERRORS: f64 = 4.0;

/// The mean of latencies, and how sure it is, both as natural logarithms of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// The mean of the logarithms.
    pub mean: f64,
    /// The standard error of that mean.
    pub error: f64,
}

impl Latency {
    /// In plain time.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.mean.exp().clamp(LATENCY_SECS.0, LATENCY_SECS.1))
    }

    /// How many times slower than `base` this is, as far as that is beyond one standard error of both; at least 1.
    pub fn slowdown(&self, base: &Self) -> f64 {
        (self.mean - base.mean - self.error.hypot(base.error)).max(0.0).exp()
    }

    /// Whether this is faster than `base` beyond doubt.
    pub fn is_below(&self, base: &Self) -> bool {
        base.mean - self.mean > DOUBT_ERRORS * self.error.hypot(base.error)
    }
}

/// A latency in seconds as a logarithm, whatever it was.
pub(super) fn logarithm(latency_secs: f64) -> f64 {
    let latency = if latency_secs.is_nan() { LATENCY_SECS.1 } else { latency_secs };
    latency.clamp(LATENCY_SECS.0, LATENCY_SECS.1).ln()
}

/// Counts calls.
#[derive(Debug)]
pub(super) struct Window {
    opened: Moment,
    /// From then on it measures.
    settled: Moment,
    /// It is full from then on, with enough calls: calls that end in a shorter span than one takes would all be answers to the
    /// same moment.
    full_from: Moment,
    calls_min: u32,
    good: u32,
    overloaded: u32,
    mean: f64,
    squares: f64,
    pub(super) in_flight_max: usize,
}

impl Window {
    /// A window after calls took `latency`: it lets calls pass for so many of it, and measures so many times as much as it must.
    pub(super) fn open(now: Moment, latency: Duration, settle_latencies: f64, weight: u32) -> Self {
        let settled = now + latency.mul_f64(settle_latencies);
        Self {
            opened: now,
            settled,
            full_from: settled + latency * weight,
            calls_min: CALLS_MIN * weight,
            good: 0,
            overloaded: 0,
            mean: 0.0,
            squares: 0.0,
            in_flight_max: 0,
        }
    }

    /// Whether time lies before its beginning: the clock went back.
    pub(super) fn is_ahead_of(&self, now: Moment) -> bool {
        now < self.opened
    }

    pub(super) fn is_settled(&self, now: Moment) -> bool {
        now >= self.settled
    }

    /// A good call, with the logarithm of its latency (Welford's running mean and squares).
    pub(super) fn count_good(&mut self, logarithm: f64) {
        self.good = self.good.saturating_add(1);
        let off = logarithm - self.mean;
        self.mean += off / f64::from(self.good);
        self.squares += off * (logarithm - self.mean);
    }

    /// A call there was no room for.
    pub(super) fn count_overloaded(&mut self) {
        self.overloaded = self.overloaded.saturating_add(1);
    }

    /// Whether it has enough calls, and has measured for as long as a call took in the window before.
    pub(super) fn is_full(&self, now: Moment) -> bool {
        self.good.saturating_add(self.overloaded) >= self.calls_min && now >= self.full_from
    }

    /// How long good calls took; `None` with too few to tell.
    pub(super) fn latency(&self) -> Option<Latency> {
        let count = f64::from(self.good);
        (self.good >= CALLS_MIN / 2)
            .then(|| Latency { mean: self.mean, error: (self.squares / (count - 1.0) / count).max(0.0).sqrt() })
    }

    pub(super) fn overloaded_share(&self) -> f64 {
        f64::from(self.overloaded) / f64::from(self.good.saturating_add(self.overloaded).max(1))
    }
}
