//! What most numbers stay below, within a stated relative error: the sketch that windows and groups keep in place of the numbers.
//! Its memory has a limit; where that costs exactness it says so.

use serde::{Deserialize, Serialize};

use crate::aggregate::buckets::Buckets;
use crate::aggregate::{Aggregator, MinMax, Reading};
use crate::clock::Moment;

/// Nearer to zero than this a number counts as zero: far below anything measured, far above where an f64 runs out of digits.
const MAGNITUDE_MIN: f64 = 1e-100;

/// The usual percentiles. Each is the number itself at that place of the sorted ones, within
/// [`RELATIVE_ERROR`](crate::aggregate::RELATIVE_ERROR).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half of the numbers are not greater.
    pub p50: f64,
    /// 90 % are not greater.
    pub p90: f64,
    /// 95 % are not greater.
    pub p95: f64,
    /// 99 % are not greater.
    pub p99: f64,
    /// How many numbers are more than 1e19 times nearer to zero than the farthest on their side. They are known to lie between
    /// zero and there but no more, and the stated error does not hold for a percentile that is one of them.
    pub lumped: u64,
}

/// The percentiles, from a sketch: counts in buckets, so that what is said of a number is off by at most
/// [`RELATIVE_ERROR`](crate::aggregate::RELATIVE_ERROR) (0.78 %) of it, on any data. Zero, the least and the greatest are exact.
///
/// It grows with the span of the numbers, not their count: 64 buckets for each doubling between the nearest to zero and the
/// farthest, at most 4096 on either side of zero, 8 bytes each. The sketch depends only on the numbers: the order of adding and
/// merging does not matter at all.
///
/// ```
/// use homeostat_reactor::Moment;
/// use homeostat_reactor::aggregate::{Aggregator, Percentiles, RELATIVE_ERROR};
///
/// let mut percentiles = Percentiles::new();
/// for millis in 0..=1000 {
///     percentiles.add(Moment::ZERO, &f64::from(millis));
/// }
/// let p99 = percentiles.output().value.unwrap().p99;
/// assert!((p99 - 990.0).abs() <= 990.0 * RELATIVE_ERROR);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    extent: MinMax,
    negative: Buckets,
    zeros: u64,
    positive: Buckets,
}

impl Percentiles {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number that at least this share of the numbers are not greater than: of n sorted numbers the one at the place
    /// `share * (n - 1)`, rounded down and counted from 0. `None` without numbers, or when the share is not one from 0 to 1.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let extent = self.extent.output();
        let (taken, extent) = (extent.taken, extent.value?);
        if !(0.0..=1.0).contains(&share) {
            return None;
        }
        let last = taken - 1;
        let rank = (share * last as f64) as u64;
        if rank == 0 {
            return Some(extent.least);
        }
        if rank >= last {
            return Some(extent.greatest);
        }
        let found = self.at(rank).unwrap_or(extent.greatest);
        // not `clamp`, which panics over the bounds of a damaged snapshot
        Some(found.max(extent.least).min(extent.greatest))
    }

    /// How many buckets there are, which is what its memory depends on.
    pub fn buckets(&self) -> usize {
        self.negative.buckets() + self.positive.buckets()
    }

    fn at(&self, rank: u64) -> Option<f64> {
        let negative = self.negative.counted();
        if rank < negative {
            return self.negative.at(negative - 1 - rank).map(|magnitude| -magnitude);
        }
        match (rank - negative).checked_sub(self.zeros) {
            None => Some(0.0),
            Some(rank) => self.positive.at(rank),
        }
    }
}

impl Aggregator for Percentiles {
    type Input = f64;
    type Output = Reading<Quantiles>;

    fn add(&mut self, _at: Moment, value: &f64) {
        if !self.extent.admits(*value) {
            return;
        }
        let magnitude = value.abs();
        if magnitude < MAGNITUDE_MIN {
            self.zeros = self.zeros.saturating_add(1);
        } else if *value > 0.0 {
            self.positive.add(magnitude);
        } else {
            self.negative.add(magnitude);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.extent.merge(&other.extent);
        self.negative.merge(&other.negative);
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.positive.merge(&other.positive);
    }

    fn output(&self) -> Reading<Quantiles> {
        let quantile = |share| self.quantile(share).unwrap_or_default();
        self.extent.output().map(|_| Quantiles {
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            lumped: self.negative.lumped().saturating_add(self.positive.lumped()),
        })
    }
}

/// One quantile, whichever is wanted, from the same sketch as [`Percentiles`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    share: f64,
    sketch: Percentiles,
}

impl Quantile {
    /// The quantile at this share: 0.999 for the number that 99.9 % are not greater than. There is none below 0 or above 1.
    pub fn at(share: f64) -> Self {
        Self { share, sketch: Percentiles::new() }
    }
}

impl Aggregator for Quantile {
    type Input = f64;
    type Output = Reading;

    fn add(&mut self, at: Moment, value: &f64) {
        self.sketch.add(at, value);
    }

    fn merge(&mut self, other: &Self) {
        self.sketch.merge(&other.sketch);
    }

    fn output(&self) -> Reading {
        let extent = self.sketch.extent.output();
        Reading { value: self.sketch.quantile(self.share), taken: extent.taken, refused: extent.refused }
    }
}
