//! How long calls take, in less than 400 bytes: weights in logarithmic buckets that fade with age. Used for each endpoint and, pooled,
//! for all of them.
//!
//! The weights are kept summed up from the left, so that the question of the hot path ("which share is done within this time?")
//! reads two numbers; recording pays instead, with one pass over 92 floats. The sums never decrease from left to right.

use std::time::Duration;

use homeostat_reactor::Moment;

/// Four to a doubling from 64 microseconds to nine minutes: a reading is off by less than a tenth, the noise of any latency.
pub(crate) const BUCKETS: usize = 92;
const BUCKETS_A_DOUBLING: f32 = 4.0;
const LOWEST_MICROS: f32 = 64.0;
/// At this weight everything is halved: under heavy traffic the last thousand calls count, whatever the half-life.
const WEIGHT_MAX: f32 = 1_024.0;
/// Fading is done in steps of this share of the half-life: finer ones cost a pass over the buckets and change nothing.
const STEPS_A_HALF_LIFE: u32 = 32;

/// A fading distribution of durations.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    up_to: [f32; BUCKETS],
    faded_at: Moment,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { up_to: [0.0; BUCKETS], faded_at: Moment::ZERO }
    }
}

impl Sketch {
    /// Takes note of a call that took this long.
    pub fn record(&mut self, now: Moment, took: Duration, weight: f32, half_life: Duration) {
        self.fade(now, half_life);
        if self.weight() + weight > WEIGHT_MAX {
            self.scale(0.5);
        }
        let bucket = place(took) as usize;
        for sum in &mut self.up_to[bucket..] {
            *sum += weight;
        }
    }

    /// How many calls it knows of, the old ones counting less.
    pub fn weight(&self) -> f32 {
        self.up_to[BUCKETS - 1]
    }

    /// The share that took at most this long; `None` as long as nothing is known.
    pub fn share_within(&self, limit: Duration) -> Option<f32> {
        self.share_at(place(limit))
    }

    /// The same for a place that is known: to find it costs a logarithm.
    pub(super) fn share_at(&self, place: f32) -> Option<f32> {
        let weight = self.weight();
        if weight <= f32::EPSILON {
            return None;
        }
        let bucket = place as usize;
        let below = if bucket == 0 { 0.0 } else { self.up_to[bucket - 1] };
        let inside = (self.up_to[bucket] - below) * (place - bucket as f32);
        Some(((below + inside) / weight).clamp(0.0, 1.0))
    }

    /// The time within which this share was done; `None` as long as nothing is known.
    pub fn quantile(&self, share: f32) -> Option<Duration> {
        self.quantile_secs(share).map(Duration::from_secs_f32)
    }

    /// The same in seconds, for what is reckoned after each call: to make a duration and to take it apart costs as much again.
    pub(crate) fn quantile_secs(&self, share: f32) -> Option<f32> {
        let weight = self.weight();
        if weight <= f32::EPSILON {
            return None;
        }
        let wanted = weight * share.clamp(0.0, 1.0);
        let bucket = self.up_to.partition_point(|sum| *sum < wanted).min(BUCKETS - 1);
        let below = if bucket == 0 { 0.0 } else { self.up_to[bucket - 1] };
        let inside = self.up_to[bucket] - below;
        let part = if inside > 0.0 { ((wanted - below) / inside).clamp(0.0, 1.0) } else { 0.0 };
        Some(LOWEST_MICROS * doubled((bucket as f32 + part) / BUCKETS_A_DOUBLING) / 1e6)
    }

    /// Lets what is known count this many times as much.
    pub(crate) fn scale(&mut self, factor: f32) {
        for sum in &mut self.up_to {
            *sum *= factor;
        }
    }

    /// The weights, bucket by bucket, without the empty ones at the end.
    pub(crate) fn weights(&self) -> Vec<f32> {
        let mut before = 0.0;
        let mut weights: Vec<f32> =
            self.up_to.iter().map(|sum| (sum - std::mem::replace(&mut before, *sum)).max(0.0)).collect();
        let used = weights.iter().rposition(|weight| *weight > 0.0).map_or(0, |last| last + 1);
        weights.truncate(used);
        weights
    }

    /// From weights, bucket by bucket; what is no weight, or has no bucket, counts nothing.
    pub(crate) fn from_weights(weights: &[f32], now: Moment) -> Self {
        let mut sketch = Self { faded_at: now, ..Self::default() };
        let mut sum = 0.0;
        for (bucket, up_to) in sketch.up_to.iter_mut().enumerate() {
            let weight = weights.get(bucket).copied().unwrap_or(0.0);
            sum += if weight.is_finite() { weight.clamp(0.0, WEIGHT_MAX) } else { 0.0 };
            *up_to = sum;
        }
        if sum > WEIGHT_MAX {
            sketch.scale(WEIGHT_MAX / sum);
        }
        sketch
    }

    fn fade(&mut self, now: Moment, half_life: Duration) {
        let age = now.since(self.faded_at);
        if age >= half_life / STEPS_A_HALF_LIFE {
            self.scale(left_after(age, half_life));
            self.faded_at = now;
        }
    }
}

/// What is left of a weight of 1 after this time.
pub(crate) fn left_after(age: Duration, half_life: Duration) -> f32 {
    /// Below this many half-lives a straight line is as near as the number can tell, and costs no power: under heavy traffic,
    /// where it matters, calls follow each other so closely.
    const STRAIGHT_BELOW: f32 = 2e-4;
    if half_life.is_zero() {
        return 0.0;
    }
    let half_lives = age.as_secs_f32() / half_life.as_secs_f32();
    if half_lives < STRAIGHT_BELOW { 1.0 - half_lives * std::f32::consts::LN_2 } else { (-half_lives).exp2() }
}

/// Where a duration lies among the buckets.
pub(super) fn place(took: Duration) -> f32 {
    let micros = took.as_secs_f32() * 1e6;
    if micros <= LOWEST_MICROS {
        return 0.0;
    }
    let place = doublings(micros / LOWEST_MICROS) * BUCKETS_A_DOUBLING;
    place.min(BUCKETS as f32 - 0.01)
}

/// A number between two powers of two has its bits in the order of its size: read as an integer they are a logarithm whose curve is
/// a straight line from each power to the next. Bent by one square it is off by less than a hundredth, and calls no function for it.
const BITS_OF_ONE: u32 = 1.0_f32.to_bits();
const BITS_A_DOUBLING: f32 = (1_u32 << (f32::MANTISSA_DIGITS - 1)) as f32;
const BEND: f32 = 0.346;

/// How often 1 was doubled to come to this, which is not less.
fn doublings(number: f32) -> f32 {
    let straight = number.to_bits().saturating_sub(BITS_OF_ONE) as f32 / BITS_A_DOUBLING;
    let part = straight - (straight as u32) as f32;
    straight + BEND * part * (1.0 - part)
}

/// 1, doubled so often: the way back.
fn doubled(times: f32) -> f32 {
    const BENT: f32 = 1.0 + BEND;
    let whole = (times as u32) as f32;
    let part = (BENT - (BENT * BENT - 4.0 * BEND * (times - whole)).sqrt()) / (2.0 * BEND);
    f32::from_bits(BITS_OF_ONE + ((whole + part) * BITS_A_DOUBLING) as u32)
}
