//! How far numbers lie apart: mean, variance and standard deviation in one pass, without keeping a number and without the loss of
//! digits that the plain formula suffers far from zero.

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::reading::{Reading, Tally};
use crate::clock::Moment;

/// What numbers lie around, and how far from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// The variance of what they are a sample of: the squares of the distances from the mean, over one less than their count.
    pub variance: f64,
    /// Its root.
    pub standard_deviation: f64,
}

/// Mean, variance and standard deviation; it takes two numbers to have them.
///
/// Each number moves the mean and the squares about it (Welford), two of them merge through the distance of their means (Chan), so
/// nothing large is ever subtracted from something large: of 16 digits as many are lost as the mean is longer than the spread, not
/// twice as many. The order of adding and merging matters no more than that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Variance {
    tally: Tally,
    mean: f64,
    squares: f64,
}

impl Variance {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Aggregator for Variance {
    type Input = f64;
    type Output = Reading<Spread>;

    fn add(&mut self, _at: Moment, value: &f64) {
        if self.tally.admits(*value) {
            let before = value - self.mean;
            self.mean += before / self.tally.taken as f64;
            self.squares += before * (value - self.mean);
        }
    }

    fn merge(&mut self, other: &Self) {
        let (own, new) = (self.tally.taken as f64, other.tally.taken as f64);
        self.tally.merge(other.tally);
        if new > 0.0 {
            let share = new / (own + new);
            let distance = other.mean - self.mean;
            self.mean += distance * share;
            self.squares += other.squares + distance * distance * own * share;
        }
    }

    fn output(&self) -> Reading<Spread> {
        self.tally.reading((self.tally.taken >= 2).then(|| {
            let variance = self.squares / (self.tally.taken - 1) as f64;
            Spread { mean: self.mean, variance, standard_deviation: variance.sqrt() }
        }))
    }
}
