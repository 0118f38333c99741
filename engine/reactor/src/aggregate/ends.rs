//! The first and the last value, by the moments they hold at and not by the order they came in: a late event never takes the place
//! of a later one.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::clock::Moment;

/// The value of the earliest moment; of several at that moment the one added first. Adding and merging in another order matters
/// only among those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct First<T> {
    held: Option<(Moment, T)>,
}

impl<T> First<T> {
    /// Of nothing yet.
    pub const fn new() -> Self {
        Self { held: None }
    }
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> Aggregator for First<T> {
    type Input = T;
    type Output = Option<T>;

    fn add(&mut self, at: Moment, value: &T) {
        if self.held.as_ref().is_none_or(|(earliest, _)| at < *earliest) {
            self.held = Some((at, value.clone()));
        }
    }

    fn merge(&mut self, other: &Self) {
        if let Some((at, value)) = &other.held {
            self.add(*at, value);
        }
    }

    fn output(&self) -> Option<T> {
        self.held.as_ref().map(|(_, value)| value.clone())
    }
}

/// The value of the latest moment; of several at that moment the one added last. Adding and merging in another order matters only
/// among those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last<T> {
    held: Option<(Moment, T)>,
}

impl<T> Last<T> {
    /// Of nothing yet.
    pub const fn new() -> Self {
        Self { held: None }
    }
}

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> Aggregator for Last<T> {
    type Input = T;
    type Output = Option<T>;

    fn add(&mut self, at: Moment, value: &T) {
        if self.held.as_ref().is_none_or(|(latest, _)| at >= *latest) {
            self.held = Some((at, value.clone()));
        }
    }

    fn merge(&mut self, other: &Self) {
        if let Some((at, value)) = &other.held {
            self.add(*at, value);
        }
    }

    fn output(&self) -> Option<T> {
        self.held.as_ref().map(|(_, value)| value.clone())
    }
}
