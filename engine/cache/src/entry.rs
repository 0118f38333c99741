//! What the store holds for a key: a value with its deadlines, and what makes it invalid before them.
//!
//! Shared by everybody who was given it: nothing in it changes but three numbers that say how it is used.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use homeostat_reactor::Moment;

use crate::life::Deadlines;
use crate::tags::Tag;

/// An entry as it is given away: the value, and until when it is good. Cloning copies a pointer.
#[derive(Debug)]
pub struct Hit<K, V>(pub(crate) Arc<Entry<K, V>>);

#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    pub key: K,
    pub value: V,
    pub deadlines: Deadlines,
    /// When its fetch began: of two fetches the one that began later is right.
    pub begun: Moment,
    /// How long the fetch took.
    pub cost: Duration,
    pub weight: u64,
    pub is_negative: bool,
    pub tags: Box<[Arc<Tag>]>,
    /// The last purge that had happened when its fetch began: later ones may concern it.
    pub as_of: u64,
    /// The last purge that is known not to concern it.
    pub checked: AtomicU64,
    pub uses: AtomicU32,
    /// Nothing is fetched in the background before this, in nanoseconds of the clock: the last attempt failed.
    pub retry_at: AtomicU64,
}

impl<K, V> Hit<K, V> {
    /// Its key.
    pub fn key(&self) -> &K {
        &self.0.key
    }

    /// When it changes what it is good for.
    pub fn deadlines(&self) -> &Deadlines {
        &self.0.deadlines
    }

    /// How long its fetch took.
    pub fn cost(&self) -> Duration {
        self.0.cost
    }

    /// What it counts for, in bytes: value, key and overhead.
    pub fn bytes(&self) -> u64 {
        self.0.weight
    }

    /// Whether it says that there is nothing.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative
    }

    /// Whether both are the same entry, not just equal ones.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether fetching it again has failed a moment ago: an origin that is down is not asked by every caller in turn.
    pub fn has_failed_lately(&self, now: Moment) -> bool {
        now.0 < self.0.retry_at.load(Ordering::Relaxed)
    }
}

impl<K, V> Clone for Hit<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Deref for Hit<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0.value
    }
}

impl<K, V> Entry<K, V> {
    pub fn are_tags_valid(&self) -> bool {
        self.tags.iter().all(|tag| tag.purged_at() <= self.as_of)
    }
}
