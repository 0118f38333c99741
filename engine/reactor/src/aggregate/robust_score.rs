//! The detector that is here: how many spreads from the usual a number lies, with both learned so that outliers do not spoil them.

use serde::{Deserialize, Serialize};

use crate::aggregate::detector::{Detector, Verdict};
use crate::clock::Moment;

/// How many numbers the usual is made of, unless chosen otherwise: long enough for a steady spread, short enough to follow a day.
const MEMORY: u32 = 100;

/// How many spreads from the usual is unusual, unless chosen otherwise: of normal noise about one number in 100,000 is.
const THRESHOLD: f64 = 5.0;

/// How many numbers are learned before one is judged.
const LEARNED_MIN: u64 = 30;

/// From how many numbers on the usual is good enough to cut outliers by.
const SETTLED_MIN: u64 = 8;

/// A number farther off than this many spreads is learned as if it were no farther, so that an outlier hardly moves the usual; a
/// new level is still learned, in about as many numbers as the memory holds.
const LEARNED_SPREADS_MAX: f64 = 3.0;

/// The least spread, as a share of the usual: that much off is nothing to be told about, even if nothing ever moved before.
const SPREAD_SHARE_MIN: f64 = 1e-3;

/// Scores end here, also where the usual never moved and anything is infinitely unusual.
const SCORE_MAX: f64 = 1e6;

/// A normal distribution's standard deviation for each unit of its mean absolute deviation: the root of half of pi.
const DEVIATION_OF_NORMAL: f64 = 1.253_314_137_315_500_3;

/// Judges a number by its distance from a fading mean, in fading mean distances: a z-score that outliers can neither hide in nor
/// spoil, because they are learned as if they lay nearer.
///
/// Merged, it takes the means by how many numbers each remembers, and a spread that covers both and the distance between them. That
/// depends on the order only as far as the numbers themselves drift; it is commutative, and associative until the memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RobustScore {
    memory: u32,
    threshold: f64,
    learned: u64,
    usual: f64,
    /// The mean distance from the usual.
    distance: f64,
}

impl Default for RobustScore {
    fn default() -> Self {
        Self { memory: MEMORY, threshold: THRESHOLD, learned: 0, usual: 0.0, distance: 0.0 }
    }
}

impl RobustScore {
    /// Remembers 100 numbers and finds unusual what is five spreads off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers about this many numbers, at least two.
    #[must_use]
    pub fn memory(mut self, numbers: u32) -> Self {
        self.memory = numbers.max(2);
        self
    }

    /// Finds unusual what is this many spreads off.
    #[must_use]
    pub fn threshold(mut self, spreads: f64) -> Self {
        self.threshold = spreads;
        self
    }

    /// How far numbers usually lie from the usual, as a standard deviation.
    fn spread(&self) -> f64 {
        (self.distance * DEVIATION_OF_NORMAL).max(self.usual.abs() * SPREAD_SHARE_MIN)
    }

    /// What the numbers so far weigh when something is averaged with them.
    fn weight(&self) -> f64 {
        self.learned.min(u64::from(self.memory)) as f64
    }

    fn score(&self, number: f64) -> f64 {
        let (off, spread) = (number - self.usual, self.spread());
        if off == 0.0 {
            return 0.0;
        }
        if spread > 0.0 { (off / spread).clamp(-SCORE_MAX, SCORE_MAX) } else { SCORE_MAX.copysign(off) }
    }

    fn learn(&mut self, number: f64) {
        let reach = self.spread() * LEARNED_SPREADS_MAX;
        let mut off = number - self.usual;
        // without any spread nothing could ever be learned
        if self.learned >= SETTLED_MIN && reach > 0.0 {
            off = off.clamp(-reach, reach);
        }
        let memory = f64::from(self.memory);
        // the first number has nothing to be off from, so there is one distance less
        if self.learned > 0 {
            self.distance += (off.abs() - self.distance) / self.weight();
        }
        self.usual += off / (self.weight() + 1.0).min(memory);
        self.learned = self.learned.saturating_add(1);
    }
}

impl Detector for RobustScore {
    fn judge(&mut self, _at: Moment, number: f64) -> Option<Verdict> {
        let score = self.score(number);
        let judged = self.learned >= LEARNED_MIN;
        self.learn(number);
        judged.then_some(Verdict { score, unusual: score.abs() >= self.threshold })
    }

    fn merge(&mut self, other: &Self) {
        if other.learned == 0 {
            return;
        }
        let (own, new) = (self.weight(), other.weight());
        let usual = (self.usual * own + other.usual * new) / (own + new);
        let squares = |of: &Self| of.distance * of.distance + ((of.usual - usual) / DEVIATION_OF_NORMAL).powi(2);
        self.distance = ((squares(self) * own + squares(other) * new) / (own + new)).sqrt();
        self.usual = usual;
        self.learned = self.learned.saturating_add(other.learned);
    }
}
