//! What answers took lately: a histogram that forgets, small enough to keep one for each route or endpoint.
//!
//! Hedging asks it for a percentile; whoever predicts may keep one of its own. There are eight buckets to the octave, so a
//! percentile is at most nine per cent too high, and never too low. Old answers lose half of their weight in every half-life;
//! nothing has to be swept.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::Moment;
use serde::{Deserialize, Serialize};

/// Buckets to an octave: eight are nine per cent apart.
const BUCKETS_AN_OCTAVE: f64 = 8.0;
/// The upper edge of the first bucket in microseconds. What is faster than this needs no hedge.
const EDGE_MIN_US: f64 = 16.0;
/// Octaves up to the last edge: 2^25 times 16 microseconds are nine minutes.
const BUCKETS: usize = 25 * BUCKETS_AN_OCTAVE as usize + 1;
/// When the weight of a new answer has doubled this often, all weights are made small again; far from the end of an `f32`.
const DOUBLINGS_MAX: f64 = 60.0;

/// So many answers of before a restart count at most: ten times what a percentile needs, and soon outweighed by new ones.
const RECALLED_MAX: f64 = 200.0;

/// Numbers of answers, by bucket of their latency: what is kept of a histogram over a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weights(pub Vec<f32>);

/// Answers by their latency, newer ones with more weight; 820 bytes.
#[derive(Debug, Clone)]
pub struct LatencyHistogram {
    weights: [f32; BUCKETS],
    total: f64,
    half_life: Duration,
    /// The binary logarithm of what an answer weighs that comes now.
    doublings: f64,
    seen: Moment,
}

impl LatencyHistogram {
    /// Empty; an answer counts half after `half_life`.
    pub const fn new(half_life: Duration) -> Self {
        Self { weights: [0.0; BUCKETS], total: 0.0, half_life, doublings: 0.0, seen: Moment::ZERO }
    }

    /// An answer took this long.
    pub fn record(&mut self, latency: Duration, now: Moment) {
        self.pass(now);
        let weight = self.doublings.exp2();
        self.weights[bucket(latency)] += weight as f32;
        self.total += weight;
    }

    /// How many answers there are, older ones counting less.
    pub fn count(&mut self, now: Moment) -> f64 {
        self.pass(now);
        self.total / self.doublings.exp2()
    }

    /// What this fraction of the answers did not exceed; `None` without answers.
    pub fn quantile(&self, fraction: f64) -> Option<Duration> {
        if self.total <= 0.0 {
            return None;
        }
        // From above, because hedging asks for high percentiles: there are few buckets to pass.
        let mut above = self.total * (1.0 - fraction.clamp(0.0, 1.0));
        let mut least = None;
        for (index, &weight) in self.weights.iter().enumerate().rev().filter(|(_, weight)| **weight > 0.0) {
            least = Some(edge(index));
            above -= f64::from(weight);
            if above < 0.0 {
                break;
            }
        }
        least
    }

    /// The answers by bucket, in numbers of answers that came now; without the empty buckets at the end.
    pub(crate) fn weights(&mut self, now: Moment) -> Weights {
        self.pass(now);
        let one = self.doublings.exp2();
        let used = self.weights.iter().rposition(|weight| *weight > 0.0).map_or(0, |last| last + 1);
        Weights(self.weights[..used].iter().map(|weight| (f64::from(*weight) / one) as f32).collect())
    }

    /// Begins with answers of before, of which each counts `left`; only where there is none yet. What cannot be a number of answers
    /// counts nothing, and all together count no more than a few new ones outweigh.
    pub(crate) fn recall(&mut self, weights: &Weights, left: f32, now: Moment) {
        if self.total > 0.0 {
            return;
        }
        self.pass(now);
        let sound = weights.0.iter().map(|weight| if weight.is_finite() { f64::from(weight.max(0.0)) } else { 0.0 });
        let sound: Vec<f64> = sound.take(BUCKETS).collect();
        let all: f64 = sound.iter().sum();
        let factor = f64::from(left.clamp(0.0, 1.0)) * (RECALLED_MAX / all.max(RECALLED_MAX)) * self.doublings.exp2();
        for (weight, count) in self.weights.iter_mut().zip(sound) {
            *weight = (count * factor) as f32;
        }
        self.total = self.weights.iter().map(|weight| f64::from(*weight)).sum();
    }

    /// Time goes on. Who read the clock before others and comes after them sets nothing back, or the next would let the same time
    /// pass again; a clock that really goes back is waited for.
    fn pass(&mut self, now: Moment) {
        let elapsed_s = now.since(self.seen).as_secs_f64();
        self.seen = self.seen.max(now);
        self.doublings += elapsed_s / self.half_life.as_secs_f64().max(f64::MIN_POSITIVE);
        if self.doublings > DOUBLINGS_MAX {
            let factor = (-self.doublings).exp2();
            self.weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
            self.total = self.weights.iter().map(|weight| f64::from(*weight)).sum();
            self.doublings = 0.0;
        }
    }
}

/// The first bucket whose upper edge the latency does not exceed; an edge lies in its own bucket.
fn bucket(latency: Duration) -> usize {
    let latency_us = latency.as_secs_f64() * 1e6;
    let place = (latency_us / EDGE_MIN_US).log2() * BUCKETS_AN_OCTAVE;
    // Less a little, so that the rounding of an edge to nanoseconds does not lift it into the next bucket.
    ((place - 1e-3).ceil().max(0.0) as usize).min(BUCKETS - 1)
}

fn edge(index: usize) -> Duration {
    Duration::from_secs_f64(EDGE_MIN_US / 1e6 * (index as f64 / BUCKETS_AN_OCTAVE).exp2())
}

/// A histogram that many tasks share; the lock is held for the arithmetic alone.
#[derive(Debug)]
pub struct Latencies(Mutex<LatencyHistogram>);

impl Latencies {
    /// Empty; an answer counts half after `half_life`.
    pub const fn new(half_life: Duration) -> Self {
        Self(Mutex::new(LatencyHistogram::new(half_life)))
    }

    /// An answer took this long.
    pub fn record(&self, latency: Duration, now: Moment) {
        self.histogram().record(latency, now);
    }

    /// What these fractions of the answers did not exceed; `None` when there are fewer than `count_min`.
    pub fn quantiles<const N: usize>(&self, fractions: [f64; N], count_min: f64, now: Moment) -> Option<[Duration; N]> {
        let mut histogram = self.histogram();
        if histogram.count(now) < count_min {
            return None;
        }
        Some(fractions.map(|fraction| histogram.quantile(fraction).unwrap_or_default()))
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut LatencyHistogram) -> T) -> T {
        act(&mut self.histogram())
    }

    fn histogram(&self) -> MutexGuard<'_, LatencyHistogram> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
