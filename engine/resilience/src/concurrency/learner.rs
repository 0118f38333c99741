//! The pure core of the adaptive limit: calls in, limit out. Time and chance come in as arguments.
//!
//! What always holds: the limit is within its bounds whatever latencies and clocks say; it changes at most once in two latencies,
//! so that each step is judged by calls that felt it; and the least latency is measured anew again and again, at a half of the
//! limit or less, so that one lucky or false measurement, or a service that became slower for good, is not held against it for ever.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::algorithm::{Algorithm, View};
use super::settings::{Bounds, ConcurrencySettings};
use super::window::{Latency, Window, logarithm};

/// What part of the limit, divided by the slowdown of late, is let in while the least latency is measured. Half drains the queue
/// that is seen, and most of one that is not; what is left of it is drained by the next measurement, from a lower limit.
const PROBE_SHARE: f64 = 0.5;

/// The slowdown that a measurement allows for: a least latency that was far too low must not stop everything.
const PROBE_SLOWDOWN_MAX: f64 = 4.0;

/// So many windows at least from one measurement to the next: it never takes more than a tenth of the time.
const WINDOWS_A_PROBE_MIN: u32 = 40;

/// How many windows' worth a measurement of the least latency takes: all limits until the next one lean on it.
const PROBE_WEIGHT: u32 = 2;

/// For how many latencies calls pass unmeasured after a step of the limit: until most of those began under it.
const STEP_SETTLE_LATENCIES: f64 = 1.0;

/// The same where the limit falls to a half or comes back: of calls that vary a lot the slowest third would otherwise be measured
/// without the fast ones that ended before, or these without them.
const JUMP_SETTLE_LATENCIES: f64 = 6.0;

/// From how many times the usual latency on a call without a good end counts as overload. A fast failure says that something is
/// broken, which is for a breaker; a slow one, or one that the caller gave up, that there is too much.
const LOST_AFTER_LATENCIES: f64 = 2.0;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Good,
    /// The other side had no room for it.
    Full,
    /// With a failure, or the caller gave it up.
    Lost,
    /// In a way that says nothing about load.
    Ignored,
}

/// A call that ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub ended: Moment,
    /// How long it took, in seconds. May be anything.
    pub latency_secs: f64,
    /// How many calls were under way when it began, with itself.
    pub in_flight: usize,
    /// How.
    pub ending: Ending,
}

/// Learns a limit from calls.
#[derive(Debug)]
pub struct Learner {
    algorithm: Box<dyn Algorithm>,
    bounds: Bounds,
    probe_every: Duration,
    limit: f64,
    window: Window,
    /// The least latency, from the last measurement, or what was faster since.
    base: Option<Latency>,
    last: Option<Latency>,
    is_probing: bool,
    probe_share: f64,
    probe_due: Moment,
    windows: u32,
    /// Whether the limit comes from before a restart.
    is_recalled: bool,
}

impl Learner {
    /// Begins with a measurement.
    pub fn new(settings: &ConcurrencySettings, now: Moment) -> Self {
        let bounds = settings.bounds();
        Self {
            algorithm: settings.algorithm.algorithm(),
            bounds,
            probe_every: settings.probe_every(),
            limit: bounds.hold(settings.limit_at_start as f64, 1.0),
            window: Window::open(now, Duration::ZERO, 0.0, 1),
            base: None,
            last: None,
            is_probing: true,
            probe_share: PROBE_SHARE,
            probe_due: now,
            windows: 0,
            is_recalled: false,
        }
    }

    /// With an algorithm of your own.
    #[must_use]
    pub fn with_algorithm(mut self, algorithm: Box<dyn Algorithm>) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Goes on with other settings; what was learned stays, as far as it is within the bounds.
    pub fn change(&mut self, settings: &ConcurrencySettings) {
        self.algorithm = settings.algorithm.algorithm();
        self.bounds = settings.bounds();
        self.probe_every = settings.probe_every();
        self.limit = self.bounds.hold(self.limit, self.limit);
    }

    /// How many calls may be under way now.
    pub fn limit(&self) -> usize {
        let share = if self.is_probing { self.probe_share } else { 1.0 };
        self.bounds.hold(self.limit * share, self.limit) as usize
    }

    /// The limit that was learned, whether or not it is lowered for a measurement.
    pub const fn learned(&self) -> f64 {
        self.limit
    }

    /// Whether the limit was learned, now or before a restart, and is not just the one to begin with.
    pub const fn has_learned(&self) -> bool {
        self.last.is_some() || self.is_recalled
    }

    /// Begins with a limit of before, within the bounds.
    pub(super) fn begin_with(&mut self, limit: f64) {
        self.limit = self.bounds.hold(limit, self.limit);
        self.is_recalled = true;
    }

    /// Whether the least latency is being measured.
    pub const fn is_probing(&self) -> bool {
        self.is_probing
    }

    /// The least latency; `None` before the first measurement.
    pub const fn least_latency(&self) -> Option<Latency> {
        self.base
    }

    /// The latency of the last window.
    pub const fn latency(&self) -> Option<Latency> {
        self.last
    }

    /// The name of the algorithm.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }

    /// Learns from a call that ended. `chance`, from 0 to 1, spreads the next measurement, so that many limiters of one service do
    /// not make way at once.
    pub fn observe(&mut self, sample: &Sample, chance: f64) {
        let now = sample.ended;
        if self.window.is_ahead_of(now) {
            // The clock went back: a window that waits for the time before would never end.
            self.window = self.next_window(now, JUMP_SETTLE_LATENCIES);
            self.schedule_probe(now, chance);
        }
        self.window.in_flight_max = self.window.in_flight_max.max(sample.in_flight);
        if !self.window.is_settled(now) {
            return;
        }
        let taken = logarithm(sample.latency_secs);
        match sample.ending {
            Ending::Good => self.window.count_good(taken),
            Ending::Full => self.window.count_overloaded(),
            Ending::Lost if self.is_too_slow(taken) => self.window.count_overloaded(),
            Ending::Lost | Ending::Ignored => return,
        }
        if self.window.is_full(now) {
            self.close(now, chance);
        }
    }

    /// Whether time lies before what was seen last.
    pub(super) fn is_ahead_of(&self, now: Moment) -> bool {
        self.window.is_ahead_of(now)
    }

    fn is_too_slow(&self, taken: f64) -> bool {
        self.base.is_some_and(|base| taken - base.mean > LOST_AFTER_LATENCIES.ln())
    }

    fn close(&mut self, now: Moment, chance: f64) {
        let seen = self.window.latency();
        let (is_first, was_probing) = (self.last.is_none(), self.is_probing);
        self.last = seen.or(self.last);
        let view = self.view(seen);
        if is_first && seen.is_some() {
            // It began with nothing under way, and so saw the fastest calls first: it only tells how long to wait before measuring.
        } else if self.is_probing {
            self.base = seen.or(self.base);
            self.is_probing = false;
            self.windows = 0;
            self.schedule_probe(now, chance);
            if view.is_overloaded() {
                self.step(&view);
            }
        } else {
            self.learn_faster(seen);
            self.step(&view);
            self.windows = self.windows.saturating_add(1);
            self.is_probing = self.windows >= WINDOWS_A_PROBE_MIN && now >= self.probe_due;
            self.probe_share = PROBE_SHARE / view.slowdown.min(PROBE_SLOWDOWN_MAX);
        }
        let is_jump = was_probing || self.is_probing;
        self.window = self.next_window(now, if is_jump { JUMP_SETTLE_LATENCIES } else { STEP_SETTLE_LATENCIES });
    }

    fn next_window(&self, now: Moment, settle_latencies: f64) -> Window {
        let latency = self.last.map_or(Duration::ZERO, |latency| latency.duration());
        Window::open(now, latency, settle_latencies, if self.is_probing { PROBE_WEIGHT } else { 1 })
    }

    fn view(&self, seen: Option<Latency>) -> View {
        let slowdown = match (seen, self.base) {
            (Some(seen), Some(base)) => seen.slowdown(&base),
            _ => 1.0,
        };
        View {
            limit: self.limit,
            in_flight_max: self.window.in_flight_max,
            slowdown,
            overloaded_share: self.window.overloaded_share(),
        }
    }

    fn learn_faster(&mut self, seen: Option<Latency>) {
        if let Some(seen) = seen
            && self.base.is_none_or(|base| seen.is_below(&base))
        {
            self.base = Some(seen);
        }
    }

    fn step(&mut self, view: &View) {
        self.limit = self.bounds.hold(self.algorithm.next(view), self.limit);
    }

    fn schedule_probe(&mut self, now: Moment, chance: f64) {
        let chance = if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) };
        let spread = 0.75 + 0.5 * chance;
        self.probe_due = now + self.probe_every.mul_f64(spread);
    }
}
