//! How many.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::clock::Moment;

/// Counts whatever it is given. Exact; the order of adding and merging does not matter.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Count<T> {
    counted: u64,
    /// It takes a `T` and holds none.
    #[serde(skip)]
    of: PhantomData<fn(&T)>,
}

impl<T> Count<T> {
    /// Nothing counted yet.
    pub const fn new() -> Self {
        Self { counted: 0, of: PhantomData }
    }
}

impl<T: 'static> Aggregator for Count<T> {
    type Input = T;
    type Output = u64;

    fn add(&mut self, _at: Moment, _value: &T) {
        self.counted = self.counted.saturating_add(1);
    }

    fn merge(&mut self, other: &Self) {
        self.counted = self.counted.saturating_add(other.counted);
    }

    fn output(&self) -> u64 {
        self.counted
    }
}

// By hand, because derived they would ask the same of `T`.
impl<T> Clone for Count<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Count<T> {}

impl<T> Default for Count<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> PartialEq for Count<T> {
    fn eq(&self, other: &Self) -> bool {
        self.counted == other.counted
    }
}

impl<T> fmt::Debug for Count<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Count").field(&self.counted).finish()
    }
}
