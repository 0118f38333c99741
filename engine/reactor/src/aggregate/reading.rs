//! What every aggregate of numbers says: the figure, of how many numbers it was made, and how many it refused.

use serde::{Deserialize, Serialize};

/// Numbers beyond this are refused as infinite ones are. The sum of 2^64 squares of differences of numbers up to it still fits an
/// f64, so no aggregate can overflow, whatever the order and however they are merged.
pub const MAGNITUDE_MAX: f64 = 1e100;

/// A figure made of numbers, and how far it can be trusted to stand for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading<T = f64> {
    /// The figure; `None` when too few numbers were taken in to make it.
    pub value: Option<T>,
    /// How many numbers were taken in.
    pub taken: u64,
    /// How many were refused: not a number, infinite, or beyond [`MAGNITUDE_MAX`].
    pub refused: u64,
}

impl<T> Reading<T> {
    /// The reading of something made of the figure.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Reading<U> {
        Reading { value: self.value.map(make), taken: self.taken, refused: self.refused }
    }
}

/// Counts the numbers at the door of an aggregate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) taken: u64,
    pub(super) refused: u64,
}

impl Tally {
    /// Counts a number and says whether it may come in.
    pub(super) fn admits(&mut self, number: f64) -> bool {
        // false for NaN too
        let fits = number.abs() <= MAGNITUDE_MAX;
        let count = if fits { &mut self.taken } else { &mut self.refused };
        *count = count.saturating_add(1);
        fits
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.taken = self.taken.saturating_add(other.taken);
        self.refused = self.refused.saturating_add(other.refused);
    }

    /// The reading of a figure that the numbers taken in so far have made.
    pub(super) fn reading<T>(self, value: Option<T>) -> Reading<T> {
        Reading { value, taken: self.taken, refused: self.refused }
    }
}
