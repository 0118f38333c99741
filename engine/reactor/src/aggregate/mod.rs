//! Aggregates that take one value at a time, can be merged, saved and restored.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Moment;

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
