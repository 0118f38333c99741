//! How much in all. What rounding would lose is kept in a second number, so that the sum of millions is right to the last digit and
//! does not depend on how it was split and merged.

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::reading::{Reading, Tally};
use crate::clock::Moment;

/// The sum, compensated: what rounding takes away is kept aside and given back at the end.
///
/// The error is at most the last digit of the sum, and 2e-32 n² of the sum of magnitudes for n values: of a million values that
/// cancel, 2e-20. The order of adding and merging matters no more than that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    tally: Tally,
    rounded: f64,
    lost: f64,
}

impl Sum {
    /// Nothing summed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number without rounding anything away (Knuth's two-sum: the loss of an addition is itself a number).
    fn take(&mut self, number: f64) {
        let sum = self.rounded + number;
        let grown = sum - self.rounded;
        self.lost += (self.rounded - (sum - grown)) + (number - grown);
        self.rounded = sum;
    }
}

impl Aggregator for Sum {
    type Input = f64;
    type Output = Reading;

    fn add(&mut self, _at: Moment, value: &f64) {
        if self.tally.admits(*value) {
            self.take(*value);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.tally.merge(other.tally);
        self.take(other.rounded);
        self.lost += other.lost;
    }

    fn output(&self) -> Reading {
        self.tally.reading((self.tally.taken > 0).then_some(self.rounded + self.lost))
    }
}
