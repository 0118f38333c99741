//! The counts of a limit: a table of fixed size, so that a flood of names cannot grow it.
//!
//! Each key has a bucket of [`WAYS`] places. A place whose client has everything back counts as free; when none is, the quietest of the
//! bucket is forgotten (it is the one that would have everything back soonest, so that it loses the least memory of what it did). Memory
//! is touched only where clients were seen: a large `keys_max` costs nothing until they come.

use hashbrown::DefaultHashBuilder;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Places in a bucket. With half of all places in use, fewer than one bucket in 200 is full.
const WAYS: usize = 16;
/// Locks; enough that the workers of one machine rarely meet.
const SHARDS_MAX: usize = 16;
/// The most places, whatever the settings say: 512 MiB of address space.
const PLACES_MAX: usize = 1 << 25;

/// The counts of one limit, shared by all workers and kept over reloads.
pub struct Table {
    hasher: DefaultHashBuilder,
    shards: Vec<Mutex<Shard>>,
    buckets_each: usize,
    keys_max: u32,
}

/// Keys and due times of a shard's buckets, bucket after bucket. A key of zero is an empty place.
struct Shard {
    keys: Vec<u64>,
    dues: Vec<u64>,
}

impl Table {
    /// An empty table that tells at least `keys_max` clients apart while they spread evenly.
    #[must_use]
    pub fn new(keys_max: u32) -> Self {
        let wanted = usize::try_from(keys_max).unwrap_or(usize::MAX).saturating_mul(2);
        let places = wanted.min(PLACES_MAX).next_power_of_two().clamp(WAYS, PLACES_MAX);
        let buckets = places / WAYS;
        let shards = buckets.min(SHARDS_MAX);
        let buckets_each = buckets / shards;
        let shard = || Mutex::new(Shard { keys: vec![0; buckets_each * WAYS], dues: vec![0; buckets_each * WAYS] });
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: (0..shards).map(|_| shard()).collect(),
            buckets_each,
            keys_max,
        }
    }

    /// How many clients it was made for.
    #[must_use]
    pub const fn keys_max(&self) -> u32 {
        self.keys_max
    }

    /// The hasher that makes keys of texts; seeded by the system, so that nobody outside knows which keys meet.
    #[must_use]
    pub const fn hasher(&self) -> &DefaultHashBuilder {
        &self.hasher
    }

    /// Gives `change` the due time of a key (zero for a new one), keeps the one that it returns, and passes its answer on.
    pub fn update<R>(&self, key: u128, now: u64, change: impl FnOnce(u64) -> (u64, R)) -> R {
        let hash = self.hasher.hash_one(key).max(1);
        let bucket_count = self.buckets_each * self.shards.len();
        // The upper half chooses the bucket, all of it tells the clients of a bucket apart.
        let bucket = usize::try_from(hash >> 32).unwrap_or(0) % bucket_count;
        let mut shard = lock(&self.shards[bucket % self.shards.len()]);
        let first = bucket / self.shards.len() * WAYS;
        let place = first + shard.place(first, hash, now);
        let due = if shard.keys[place] == hash { shard.dues[place] } else { 0 };
        let (kept, answer) = change(due);
        shard.keys[place] = hash;
        shard.dues[place] = kept;
        answer
    }

    /// How many clients are not yet back at their full allowance.
    #[must_use]
    pub fn busy(&self, now: u64) -> usize {
        self.shards.iter().map(|shard| lock(shard).dues.iter().filter(|due| **due > now).count()).sum()
    }
}

impl Shard {
    /// The place of a key in its bucket: its own, else a free one, else the quietest client's.
    fn place(&self, first: usize, hash: u64, now: u64) -> usize {
        if let Some(own) = self.keys[first..first + WAYS].iter().position(|key| *key == hash) {
            return own;
        }
        let dues = &self.dues[first..first + WAYS];
        let free = dues.iter().position(|due| *due <= now);
        let quietest = || dues.iter().enumerate().min_by_key(|(_, due)| **due).map_or(0, |(place, _)| place);
        free.unwrap_or_else(quietest)
    }
}

/// A panic under this lock can only come from arithmetic of ours on numbers that stay valid.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("keys_max", &self.keys_max).finish_non_exhaustive()
    }
}
