//! Counting what a cache does, without making the threads that count wait for each other.
//!
//! What is counted at every look-up lies on a cache line for each of a few threads; the rest is single atomics. The numbers of
//! one snapshot need not belong to the same instant.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// How many threads count without meeting. More threads share lines, which is slower and still right.
const LANES: usize = 8;

/// How many groups are told apart; those beyond count as one.
pub const GROUPS_MAX: usize = 256;

/// The name of the group that counts for those beyond [`GROUPS_MAX`].
pub const OTHER_GROUPS: &str = "(other)";

/// The kinds of look-up, in the order in which a lane counts them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen {
    Hit,
    Negative,
    Stale,
    Miss,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Lane([AtomicU64; 4]);

/// A group of look-ups with a hit rate of its own, such as the route they came by. Cheap to clone; look it up once and keep it.
#[derive(Debug, Clone)]
pub struct Group(Arc<GroupTally>);

#[derive(Debug)]
struct GroupTally {
    name: Box<str>,
    lanes: [Lane; LANES],
}

/// What one group has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupSnapshot {
    /// Its name.
    pub name: String,
    /// Look-ups that found something fresh, negative entries included.
    pub hits: u64,
    /// Of those, the ones that found that there is nothing.
    pub negative_hits: u64,
    /// Look-ups that found something stale.
    pub stale: u64,
    /// Look-ups that found nothing.
    pub misses: u64,
}

impl GroupSnapshot {
    /// The share of look-ups that found something fresh; nothing when there were none.
    pub fn hit_rate(&self) -> Option<f64> {
        let lookups = self.hits + self.stale + self.misses;
        (lookups > 0).then(|| self.hits as f64 / lookups as f64)
    }
}

impl Group {
    fn new(name: &str) -> Self {
        Self(Arc::new(GroupTally { name: name.into(), lanes: Default::default() }))
    }

    pub(crate) fn count(&self, seen: Seen) {
        self.0.lanes[lane()].0[seen as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Its numbers.
    pub fn snapshot(&self) -> GroupSnapshot {
        let sum = |seen: Seen| self.0.lanes.iter().map(|lane| lane.0[seen as usize].load(Ordering::Relaxed)).sum();
        let (positive, negative_hits): (u64, u64) = (sum(Seen::Hit), sum(Seen::Negative));
        GroupSnapshot {
            name: self.0.name.to_string(),
            hits: positive + negative_hits,
            negative_hits,
            stale: sum(Seen::Stale),
            misses: sum(Seen::Miss),
        }
    }
}

/// The lane of this thread.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static LANE: Cell<usize> = const { Cell::new(usize::MAX) });
    LANE.with(|lane| {
        if lane.get() == usize::MAX {
            lane.set(NEXT.fetch_add(1, Ordering::Relaxed) % LANES);
        }
        lane.get()
    })
}

macro_rules! tally {
    ($($(#[$meta:meta])* $field:ident,)*) => {
        /// What a cache has done, in numbers.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
        pub struct CacheSnapshot {
            /// Entries there are, dead ones included that no sweep has come by yet.
            pub entries: u64,
            /// What they weigh.
            pub bytes: u64,
            /// Keys that are being fetched.
            pub flights: u64,
            /// Callers that wait for others' fetches.
            pub waiters: u64,
            /// Tags in use.
            pub tags: u64,
            /// Purges by rule that wait for a sweep.
            pub rules: u64,
            $($(#[$meta])* pub $field: u64,)*
            /// Look-ups by group; the first is for those without one.
            pub groups: Vec<GroupSnapshot>,
        }

        #[derive(Debug, Default)]
        pub(crate) struct Tally { $(pub $field: AtomicU64,)* }

        impl Tally {
            pub fn snapshot(&self) -> CacheSnapshot {
                CacheSnapshot { $($field: self.$field.load(Ordering::Relaxed),)* ..CacheSnapshot::default() }
            }
        }
    };
}

tally! {
    /// Fetches begun.
    fetches,
    /// Of those, in the background for an entry that could still be given away.
    refreshes,
    /// Callers that got what another one fetched.
    coalesced,
    /// Waiters that took over from a fetch that was given up.
    took_over,
    /// Fetches that failed.
    failures,
    /// Fetches that were given up.
    given_up,
    /// Entries stored.
    inserted,
    /// Entries that made room for others.
    evicted,
    /// Entries removed because they were dead or purged.
    removed,
    /// Not stored: heavier than one entry may be.
    too_large,
    /// Not stored: something that may concern it was purged while it was fetched, or a later fetch was faster.
    outdated,
    /// Not stored: too many tags, or no life at all.
    refused,
    /// Fetches that turned out not to be storable.
    not_storable,
    /// Callers told to go because too many wait.
    crowded,
    /// Waiters that waited too long.
    timed_out,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// All groups of a cache.
#[derive(Debug)]
pub(crate) struct Groups {
    pub plain: Group,
    named: Mutex<HashMap<Box<str>, Group>>,
}

impl Groups {
    pub fn new() -> Self {
        Self { plain: Group::new(""), named: Mutex::default() }
    }

    pub fn named(&self, name: &str) -> Group {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if named.contains_key(name) || named.len() < GROUPS_MAX { name } else { OTHER_GROUPS };
        named.entry(name.into()).or_insert_with(|| Group::new(name)).clone()
    }

    pub fn snapshot(&self) -> Vec<GroupSnapshot> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: Vec<_> = std::iter::once(&self.plain).chain(named.values()).map(Group::snapshot).collect();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        groups
    }
}
