//! How many, of anything: the one aggregate that looks neither at the value nor at its moment. Exact until 2^64, and there it stays.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::anything::takes_anything;
use crate::clock::Moment;

/// Counts whatever it is given. Exact; the order of adding and merging does not matter.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Count<T> {
    counted: u64,
    #[serde(skip)]
    of: PhantomData<fn(&T)>,
}

takes_anything!(Count { counted });

impl<T> Count<T> {
    /// Nothing counted yet.
    pub const fn new() -> Self {
        Self { counted: 0, of: PhantomData }
    }
}

impl<T> Default for Count<T> {
    fn default() -> Self {
        Self::new()
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
