//! The keys that are alive, each with a state, the least recently used at hand; and what limits them.
//!
//! Used by [`super::core`] and [`super::scan`]. A key is hashed once an event; the table holds slot numbers only, and its order is
//! never seen from outside. The hash is seeded at random for each table, so that whoever chooses keys cannot choose collisions
//! without first learning the seed, and the cap on keys bounds what even that could cost.

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

use super::recency::Recency;
use super::windows::length;

/// How many keys may be alive, and for how long: without such limits a stream of ever new keys fills the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLimits {
    pub(super) keys_max: usize,
    pub(super) when_full: WhenFull,
    pub(super) ttl_nanos: Option<u64>,
}

/// What happens to an event with a new key when there are as many keys as may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The least recently used key leaves, and what it has is told early.
    #[default]
    EvictOldest,
    /// The new key is refused.
    RefuseNew,
}

impl KeyLimits {
    /// At most so many keys (at least one); when there are as many, the least recently used makes room.
    pub fn at_most(keys_max: usize) -> Self {
        let keys_max = keys_max.clamp(1, u32::MAX as usize - 1);
        Self { keys_max, when_full: WhenFull::EvictOldest, ttl_nanos: None }
    }

    /// Chooses what happens when there are as many keys as may be.
    #[must_use]
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// A key that no event had for so long leaves, in the time of the stream (its clock, or its watermark). Longer than windows and
    /// lateness together, it cuts no window of time short.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl_nanos = Some(length(ttl));
        self
    }
}

/// A key that is alive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry<K, S> {
    pub key: K,
    /// Its number among all keys that ever came: what is told at the same moment is told in this order.
    pub born: u64,
    /// The time of the stream when it last had an event, in nanoseconds.
    pub touched_at: u64,
    pub state: S,
}

/// Where a key is, or what is needed to add it.
pub(super) enum Found {
    Slot(u32),
    Missing { hash: u64 },
}

/// The keys that are alive.
#[derive(Debug)]
pub(super) struct Keys<K, S> {
    hasher: DefaultHashBuilder,
    index: HashTable<u32>,
    slots: Vec<Option<Entry<K, S>>>,
    free: Vec<u32>,
    recency: Recency,
}

const ALIVE: &str = "a slot that is in the table or the list holds a key";

impl<K: Hash + Eq, S> Keys<K, S> {
    pub fn new() -> Self {
        let (index, recency) = (HashTable::new(), Recency::new());
        Self { hasher: DefaultHashBuilder::default(), index, slots: Vec::new(), free: Vec::new(), recency }
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn find(&self, key: &K) -> Found {
        let hash = self.hasher.hash_one(key);
        let slots = &self.slots;
        let same = |slot: &u32| slots[*slot as usize].as_ref().is_some_and(|entry| entry.key == *key);
        self.index.find(hash, same).map_or(Found::Missing { hash }, |slot| Found::Slot(*slot))
    }

    /// Adds a key that is missing, as the most recently used.
    pub fn add(&mut self, hash: u64, entry: Entry<K, S>) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("there are fewer keys than 2^32")
        });
        self.slots[slot as usize] = Some(entry);
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash = |slot: &u32| hasher.hash_one(&slots[*slot as usize].as_ref().expect(ALIVE).key);
        self.index.insert_unique(hash, slot, rehash);
        self.recency.add(slot);
        slot
    }

    /// Adds a key that comes back from a saved state; a second one of the same name is left out.
    pub fn restore(&mut self, entry: Entry<K, S>) -> Option<u32> {
        match self.find(&entry.key) {
            Found::Slot(_) => None,
            Found::Missing { hash } => Some(self.add(hash, entry)),
        }
    }

    pub fn remove(&mut self, slot: u32) -> Entry<K, S> {
        let entry = self.slots[slot as usize].take().expect(ALIVE);
        let hash = self.hasher.hash_one(&entry.key);
        self.index.find_entry(hash, |other| *other == slot).expect(ALIVE).remove();
        self.recency.remove(slot);
        self.free.push(slot);
        entry
    }

    /// A key had an event, and is now the most recently used.
    pub fn touch(&mut self, slot: u32, now: u64) -> &mut Entry<K, S> {
        self.recency.touch(slot);
        let entry = self.get_mut(slot);
        entry.touched_at = now;
        entry
    }

    pub fn get(&self, slot: u32) -> Option<&Entry<K, S>> {
        self.slots[slot as usize].as_ref()
    }

    pub fn get_mut(&mut self, slot: u32) -> &mut Entry<K, S> {
        self.slots[slot as usize].as_mut().expect(ALIVE)
    }

    /// The least recently used, and when that was.
    pub fn oldest(&self) -> Option<(u32, u64)> {
        let slot = self.recency.oldest()?;
        Some((slot, self.get(slot).expect(ALIVE).touched_at))
    }

    /// All of them, the least recently used first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Entry<K, S>)> {
        self.recency.iter().map(|slot| (slot, self.get(slot).expect(ALIVE)))
    }
}
