//! How much on average: the sum over the count, and so as exact as the sum, with the same numbers refused.

use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregator, Reading, Sum};
use crate::clock::Moment;

/// The mean, as exact as [`Sum`] is: order and merging matter no more than the last digit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mean(Sum);

impl Mean {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Aggregator for Mean {
    type Input = f64;
    type Output = Reading;

    fn add(&mut self, at: Moment, value: &f64) {
        self.0.add(at, value);
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn output(&self) -> Reading {
        let sum = self.0.output();
        Reading { value: sum.value.map(|total| total / sum.taken as f64), ..sum }
    }
}
