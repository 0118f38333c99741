//! Tidying up, in steps as small as the caller likes: dead and purged entries go, rules that all entries have passed are dropped.
//!
//! Nothing depends on it for being right, since every look-up checks what it finds; it gives space and rules free, and learns which
//! keys are frequent. Whoever owns the cache runs a round now and then (the gateway: once in some seconds).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use quick_cache::DefaultHashBuilder;
use quick_cache::sync::Iter;

use crate::cache::{Cache, CacheKey};
use crate::entry::Entry;
use crate::life::Age;
use crate::store::{Evictions, Weigh};

/// How many entries a round looks at before it lets others run: about 50 microseconds.
const STEP_ENTRIES: usize = 256;

/// A round under way; made by [`Cache::sweep`]. Dropped early, what it has done so far stays done.
pub struct Sweep<'a, K, V> {
    cache: &'a Cache<K, V>,
    entries: Iter<'a, K, Arc<Entry<K, V>>, Weigh, DefaultHashBuilder, Evictions>,
    /// The rules that every entry will have been held against at the end.
    rules_up_to: u64,
    removed: u64,
}

impl<K: CacheKey, V: Send + Sync + 'static> Cache<K, V> {
    /// Begins a round.
    pub fn sweep(&self) -> Sweep<'_, K, V> {
        let rules_up_to = self.0.purges.newest_rule();
        Sweep { cache: self, entries: self.0.store.iter(), rules_up_to, removed: 0 }
    }

    /// A whole round, letting others run in between. Gives how many entries it has removed.
    pub async fn sweep_round(&self) -> u64 {
        let mut sweep = self.sweep();
        while sweep.step(STEP_ENTRIES) {
            tokio::task::yield_now().await;
        }
        sweep.removed
    }

    /// The keys asked for most, as far as the sweeps have seen, the most frequent first.
    pub fn frequent(&self, keys_max: usize) -> Vec<(K, u64)> {
        self.0.frequent.top(keys_max)
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Sweep<'_, K, V> {
    /// Looks at up to so many entries. False when the round is over.
    pub fn step(&mut self, entries_max: usize) -> bool {
        let inner = &*self.cache.0;
        let now = inner.clock.now();
        for _ in 0..entries_max {
            let Some((key, entry)) = self.entries.next() else {
                inner.purges.fold(self.rules_up_to);
                inner.tags.forget_unused();
                inner.frequent.fade();
                return false;
            };
            inner.frequent.add(&key, entry.uses.swap(0, Ordering::Relaxed));
            if !inner.is_valid(&entry) || entry.deadlines.age(now) == Age::Dead {
                inner.remove_dead(&entry);
                self.removed += 1;
            }
        }
        true
    }

    /// How many entries it has removed.
    pub fn removed(&self) -> u64 {
        self.removed
    }
}

impl<K, V> std::fmt::Debug for Sweep<'_, K, V> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sweep").field("removed", &self.removed).finish_non_exhaustive()
    }
}
