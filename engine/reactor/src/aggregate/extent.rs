//! How little and how much at the extremes: least, greatest and both. Exact, and the same in any order, down to the sign of zero.

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::reading::{Reading, Tally};
use crate::clock::Moment;

/// From the least number to the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Extent {
    /// The least extent that holds both. By total order, so that of 0 and -0 the same is taken whichever comes first.
    fn joined(self, other: Self) -> Self {
        Self {
            least: if other.least.total_cmp(&self.least).is_lt() { other.least } else { self.least },
            greatest: if other.greatest.total_cmp(&self.greatest).is_gt() { other.greatest } else { self.greatest },
        }
    }
}

/// The least and the greatest number. Exact; the order of adding and merging does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MinMax {
    tally: Tally,
    extent: Option<Extent>,
}

impl MinMax {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a number in and says whether it was one to take.
    pub(super) fn admits(&mut self, number: f64) -> bool {
        let fits = self.tally.admits(number);
        if fits {
            self.widen(Extent { least: number, greatest: number });
        }
        fits
    }

    fn widen(&mut self, other: Extent) {
        self.extent = Some(self.extent.map_or(other, |extent| extent.joined(other)));
    }
}

impl Aggregator for MinMax {
    type Input = f64;
    type Output = Reading<Extent>;

    fn add(&mut self, _at: Moment, value: &f64) {
        self.admits(*value);
    }

    fn merge(&mut self, other: &Self) {
        self.tally.merge(other.tally);
        if let Some(extent) = other.extent {
            self.widen(extent);
        }
    }

    fn output(&self) -> Reading<Extent> {
        self.tally.reading(self.extent)
    }
}

/// The least number. Exact; the order of adding and merging does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Min(MinMax);

impl Min {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Aggregator for Min {
    type Input = f64;
    type Output = Reading;

    fn add(&mut self, at: Moment, value: &f64) {
        self.0.add(at, value);
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn output(&self) -> Reading {
        self.0.output().map(|extent| extent.least)
    }
}

/// The greatest number. Exact; the order of adding and merging does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Max(MinMax);

impl Max {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Aggregator for Max {
    type Input = f64;
    type Output = Reading;

    fn add(&mut self, at: Moment, value: &f64) {
        self.0.add(at, value);
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn output(&self) -> Reading {
        self.0.output().map(|extent| extent.greatest)
    }
}
