//! The bounded table below: quick_cache, with weights in bytes that were reckoned before, and evictions that are counted.
//!
//! What is evicted is dropped by whoever caused it after the shard's lock is free: a value's end is the caller's code.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::entry::Entry;
use crate::settings::CacheSettings;
use crate::tally::{Tally, count};

pub(crate) type Store<K, V> = Cache<K, Arc<Entry<K, V>>, Weigh, DefaultHashBuilder, Evictions>;

#[derive(Debug, Clone)]
pub(crate) struct Weigh;

impl<K, V> Weighter<K, Arc<Entry<K, V>>> for Weigh {
    fn weight(&self, _: &K, entry: &Arc<Entry<K, V>>) -> u64 {
        entry.weight
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Evictions(Arc<Tally>);

/// What one insert has driven out.
pub(crate) struct Evicted<K, V>(Vec<(K, Arc<Entry<K, V>>)>);

impl<K, V> Default for Evicted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Lifecycle<K, Arc<Entry<K, V>>> for Evictions {
    type RequestState = Evicted<K, V>;

    fn on_evict(&self, evicted: &mut Evicted<K, V>, key: K, entry: Arc<Entry<K, V>>) {
        count(&self.0.evicted);
        evicted.0.push((key, entry));
    }
}

pub(crate) fn build<K: Hash + Eq, V>(settings: &CacheSettings, tally: &Arc<Tally>) -> Store<K, V> {
    let entries = usize::try_from(settings.bytes_max / settings.entry_bytes_usual.max(1)).unwrap_or(usize::MAX);
    let options = OptionsBuilder::new()
        .shards(settings.shards())
        .estimated_items_capacity(entries.clamp(1, ENTRIES_ESTIMATED_MAX))
        .weight_capacity(settings.bytes_max)
        .hot_allocation(settings.hot_allocation)
        .build()
        .expect("capacity and weight are given");
    Cache::with_options(options, Weigh, DefaultHashBuilder::default(), Evictions(Arc::clone(tally)))
}

/// The memory of evicted keys is sized by the estimate: not for more than this many entries.
const ENTRIES_ESTIMATED_MAX: usize = 1 << 24;
