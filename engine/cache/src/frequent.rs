//! Which keys are asked for most, in bounded memory: what to fetch first after a restart.
//!
//! Hits count on the entries themselves; a sweep carries the counts here, and halves what is old when it has gone round. The table
//! holds twice as many keys as are wanted and drops the lesser half when it is full: a key that is asked for steadily stays.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many keys can be named.
pub const FREQUENT_MAX: usize = 10_000;

/// One use counts for so many, so that halving keeps the order of what differs by one.
const USE: u64 = 256;

#[derive(Debug)]
pub(crate) struct Frequent<K>(Mutex<HashMap<K, u64>>);

impl<K: Hash + Eq + Clone> Frequent<K> {
    pub fn new() -> Self {
        Self(Mutex::default())
    }

    pub fn add(&self, key: &K, uses: u32) {
        if uses == 0 {
            return;
        }
        let mut counts = self.counts();
        *counts.entry(key.clone()).or_default() += USE * u64::from(uses);
        if counts.len() >= 2 * FREQUENT_MAX {
            let mut all: Vec<u64> = counts.values().copied().collect();
            let (_, least, _) = all.select_nth_unstable_by(FREQUENT_MAX, |one, other| other.cmp(one));
            let least = *least;
            counts.retain(|_, uses| *uses > least);
        }
    }

    /// A round is over: what was before counts half.
    pub fn fade(&self) {
        self.counts().retain(|_, uses| {
            *uses /= 2;
            *uses > 0
        });
    }

    /// The most frequent first; of equals, in no order that can be relied on.
    pub fn top(&self, keys_max: usize) -> Vec<(K, u64)> {
        let mut all: Vec<(K, u64)> = self.counts().iter().map(|(key, uses)| (key.clone(), *uses)).collect();
        all.sort_by_key(|(_, uses)| std::cmp::Reverse(*uses));
        all.truncate(keys_max.min(FREQUENT_MAX));
        all.into_iter().map(|(key, uses)| (key, uses.div_ceil(USE))).collect()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<K, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
