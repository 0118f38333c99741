//! Aggregates that take one value at a time, can be merged, saved and restored.
//!
//! An [`Aggregator`] is the state itself: plain data, its snapshot is what serde makes of it. A [`Recipe`] joins it to events: which
//! figure of them, which of them, several aggregates at once. Windows and groups take recipes, and every aggregator is one.
//!
//! Numbers are finite and of a magnitude up to [`MAGNITUDE_MAX`]; any other is refused and counted, so that none can spoil a figure
//! unseen. As long as nothing was taken in a figure is `None`: no value is not zero.

mod anomaly;
mod anything;
mod buckets;
mod collect;
mod count;
mod detector;
mod distinct;
mod ends;
mod extent;
mod mean;
mod percentiles;
mod rate;
mod reading;
mod recent;
mod recipe;
mod robust_score;
mod sum;
mod trend;
mod variance;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Moment;

pub use anomaly::{Anomalies, Anomaly, Finding};
pub use buckets::RELATIVE_ERROR;
pub use collect::{Collect, Collected};
pub use count::Count;
pub use detector::{Detector, Verdict};
pub use distinct::Distinct;
pub use ends::{First, Last};
pub use extent::{Extent, Max, Min, MinMax};
pub use mean::Mean;
pub use percentiles::{Percentiles, Quantile, Quantiles};
pub use rate::{Pace, Rate};
pub use reading::{MAGNITUDE_MAX, Reading};
pub use recent::RecentRate;
pub use recipe::{Of, OfSome, Recipe, When};
pub use robust_score::RobustScore;
pub use sum::Sum;
pub use trend::{CONFIDENCE, Direction, Slope, Trend};
pub use variance::{Spread, Variance};

/// A running summary of values: each is taken in O(1) or O(log n), and the memory it needs does not grow with their number.
///
/// It is saved and restored by serde: a snapshot is the aggregate itself, serialised.
pub trait Aggregator: Clone + Send + Serialize + DeserializeOwned + 'static {
    /// What it takes in.
    type Input;
    /// What it says.
    type Output;

    /// Takes in a value that holds at a moment.
    fn add(&mut self, at: Moment, value: &Self::Input);

    /// Takes in everything another one has taken in.
    fn merge(&mut self, other: &Self);

    /// What can be said of everything taken in so far.
    fn output(&self) -> Self::Output;
}
