//! The values themselves, in the order of adding, up to a limit that whoever makes it must name: it never keeps more, and what it
//! had no room for is counted.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::clock::Moment;

/// Values that were kept, and how many were not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected<T> {
    /// Those kept, in the order of adding.
    pub values: Vec<T>,
    /// How many came when there was no room any more.
    pub missed: u64,
}

/// Keeps values in the order of adding until it has as many as it may; later ones are only counted. Merging adds those of the other
/// after its own, and keeps to its own limit; it is associative where the limits are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collect<T> {
    values_max: usize,
    values: Vec<T>,
    missed: u64,
}

impl<T> Collect<T> {
    /// Keeps this many.
    pub const fn up_to(values_max: usize) -> Self {
        Self { values_max, values: Vec::new(), missed: 0 }
    }
}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> Aggregator for Collect<T> {
    type Input = T;
    type Output = Collected<T>;

    fn add(&mut self, _at: Moment, value: &T) {
        if self.values.len() < self.values_max {
            self.values.push(value.clone());
        } else {
            self.missed = self.missed.saturating_add(1);
        }
    }

    fn merge(&mut self, other: &Self) {
        let room = self.values_max.saturating_sub(self.values.len()).min(other.values.len());
        self.values.extend_from_slice(&other.values[..room]);
        self.missed = self.missed.saturating_add((other.values.len() - room) as u64).saturating_add(other.missed);
    }

    fn output(&self) -> Collected<T> {
        Collected { values: self.values.clone(), missed: self.missed }
    }
}
