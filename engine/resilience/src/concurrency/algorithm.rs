//! The three ways to find a limit: pure functions from what a window of calls looked like to the next limit.
//!
//! Called by [`super::learner`], which measures, keeps the result within bounds, and sees to it that the least latency is fresh.
//! What they return may be anything: no number at all leaves the limit as it is.

use std::fmt::Debug;

/// What became of the calls of a window, in the terms that limits are found with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// The limit that was in force.
    pub limit: f64,
    /// The most calls that were under way.
    pub in_flight_max: usize,
    /// How many times the least latency the calls took, as far as that is beyond noise; at least 1.
    pub slowdown: f64,
    /// The share of calls that the other side had no room for, or that were lost after taking far too long; from 0 to 1.
    pub overloaded_share: f64,
}

/// What part of the limit must have been in use for the window to say something about it. Below, latency is made by something
/// else, and a limit that nobody reaches must not grow without end. Less than the least of the default shares that a priority may fill.
const IN_USE_SHARE_MIN: f64 = 0.45;

/// How much overload is taken for noise where latency is the main sign: single refusals happen in healthy pools.
const OVERLOADED_SHARE_MAX: f64 = 0.1;

impl View {
    /// Whether the limit was what held calls back, or nearly so.
    pub fn is_in_use(&self) -> bool {
        self.in_flight_max as f64 >= self.limit * IN_USE_SHARE_MIN
    }

    /// Whether so much was refused or lost that latency need not be asked.
    pub fn is_overloaded(&self) -> bool {
        self.overloaded_share > OVERLOADED_SHARE_MAX
    }
}

/// Finds a limit.
pub trait Algorithm: Debug + Send {
    /// Its name in snapshots.
    fn name(&self) -> &'static str;

    /// The limit after such a window.
    fn next(&self, view: &View) -> f64;
}

/// Additive increase, multiplicative decrease.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aimd {
    /// What is added after a window without overload, in calls.
    pub increase: f64,
    /// What the limit is multiplied by after a window with overload.
    pub decrease: f64,
    /// From which slowdown on calls count as too many.
    pub slowdown_max: f64,
}

impl Default for Aimd {
    /// The tenth of TCP's successors rather than its half: a limit moves a whole service, not one sender of many.
    fn default() -> Self {
        Self { increase: 1.0, decrease: 0.9, slowdown_max: 1.5 }
    }
}

impl Algorithm for Aimd {
    fn name(&self) -> &'static str {
        "aimd"
    }

    fn next(&self, view: &View) -> f64 {
        // Any refusal counts: where the other side refuses, that is the only sign there is, and the loss of a tenth is soon regained.
        if view.overloaded_share > 0.0 || (view.is_in_use() && view.slowdown > self.slowdown_max) {
            view.limit * self.decrease
        } else if view.is_in_use() {
            view.limit + self.increase
        } else {
            view.limit
        }
    }
}

/// Keeps the number of calls that queue at the other side between two marks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vegas {
    /// Fewer queueing than this many logarithms of the limit: it grows.
    pub queue_min: f64,
    /// More queueing than this many logarithms of the limit: it shrinks.
    pub queue_max: f64,
    /// What the limit is multiplied by after an overloaded window.
    pub decrease: f64,
}

impl Default for Vegas {
    /// Three and six logarithms: 6 to 12 queueing calls at a limit of 100, enough to see a queue, few enough not to be felt.
    fn default() -> Self {
        Self { queue_min: 3.0, queue_max: 6.0, decrease: 0.9 }
    }
}

impl Algorithm for Vegas {
    fn name(&self) -> &'static str {
        "vegas"
    }

    fn next(&self, view: &View) -> f64 {
        if view.is_overloaded() {
            return view.limit * self.decrease;
        }
        if !view.is_in_use() {
            return view.limit;
        }
        // At least 1, so that small limits move too.
        let step = view.limit.log10().max(1.0);
        let queueing = view.limit * (1.0 - 1.0 / view.slowdown);
        if queueing > self.queue_max * step {
            // At once by half of what is too much: a step at a time would take minutes after capacity is lost.
            view.limit - step.max((queueing - self.queue_max * step) / 2.0)
        } else if queueing < self.queue_min * step {
            view.limit + step
        } else {
            view.limit
        }
    }
}

/// Multiplies the limit with the ratio of the least to the present latency, and adds room for a short queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gradient {
    /// How much slower than at best calls may be without the limit shrinking, as a factor.
    pub tolerance: f64,
    /// The least that the limit is multiplied by at once.
    pub gradient_min: f64,
    /// What part of the way to the new limit it goes in one window.
    pub smoothing: f64,
    /// What the limit is multiplied by after an overloaded window.
    pub decrease: f64,
}

impl Default for Gradient {
    /// A tenth slower is no queue yet. Half the way a window halves the swing that noise makes, and costs one window of delay.
    fn default() -> Self {
        Self { tolerance: 1.1, gradient_min: 0.5, smoothing: 0.5, decrease: 0.9 }
    }
}

impl Algorithm for Gradient {
    fn name(&self) -> &'static str {
        "gradient"
    }

    fn next(&self, view: &View) -> f64 {
        if view.is_overloaded() {
            return view.limit * self.decrease;
        }
        if !view.is_in_use() {
            return view.limit;
        }
        let gradient = (self.tolerance / view.slowdown).clamp(self.gradient_min, 1.0);
        // The square root: room to grow that never dies out, and never dominates.
        let wanted = view.limit * gradient + view.limit.sqrt();
        view.limit + (wanted - view.limit) * self.smoothing
    }
}
