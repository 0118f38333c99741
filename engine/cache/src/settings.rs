//! What can be set about a cache, each value with its reason, checked once when a cache is made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an entry takes beside its value and key: the record, its reference counts and its place in the table. Charged to every
/// entry, so that a million tiny values cannot take ten times what was allowed.
pub const ENTRY_OVERHEAD_BYTES: usize = 256;

/// The most shards. More would only make the largest entry smaller.
pub(crate) const SHARDS_MAX: usize = 64;

/// How large a cache is, and how it behaves when many ask at once.
///
/// ```
/// # use homeostat_cache::CacheSettings;
/// let settings = CacheSettings { bytes_max: 512 << 20, ..CacheSettings::default() };
/// assert_eq!(settings.entry_bytes_max, 8 << 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// What all entries may take together; by default 64 MiB.
    pub bytes_max: u64,
    /// What one entry may take; by default 8 MiB. What is heavier is refused, and the caller told so. The space is divided into as
    /// many shards as can each hold such an entry: large entries cost parallelism.
    pub entry_bytes_max: u64,
    /// About how large an entry is, for the size of the memory of lately evicted keys; by default 4 KiB.
    pub entry_bytes_usual: u64,
    /// The share of the space for entries that were asked for again; by default 0.90. Measured beside 0.97, the customary value: it
    /// repairs traces of short reuse and costs at most half a point elsewhere.
    pub hot_allocation: f64,
    /// At most this share is taken off a time to live, by chance, so that what was stored together does not expire together; by
    /// default 0.1. Never added: nothing is fresh for longer than its origin said.
    pub jitter_share: f64,
    /// How eagerly entries are refreshed before they expire (the beta of the XFetch paper); 1 by default, 0 never.
    pub early_refresh: f64,
    /// How long nothing is fetched again in the background for a key whose fetch has failed; by default 1 s.
    pub retry_pause_ms: u64,
    /// How many keys may be fetched at once in one flight each; by default 10,000. Beyond that everybody fetches alone.
    pub flights_max: usize,
    /// How many may wait for others' fetches; by default 10,000. Whoever comes then is told at once.
    pub waiters_max: usize,
    /// How long anybody waits for another's fetch; by default 5 s.
    pub wait_ms_max: u64,
    /// After so long a fetch is not waited for by newcomers: one of them begins another; by default 30 s.
    pub lead_ms_max: u64,
    /// How long it is remembered that a key cannot be kept, so that nobody waits in vain; by default 10 s.
    pub pass_ms: u64,
    /// Of how many keys that is remembered; by default 10,000.
    pub passes_max: usize,
    /// How many tags may be in use; by default 65,536. An entry with one too many is not kept.
    pub tags_max: usize,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            entry_bytes_max: 8 << 20,
            entry_bytes_usual: 4 << 10,
            hot_allocation: 0.90,
            jitter_share: 0.1,
            early_refresh: 1.0,
            retry_pause_ms: 1_000,
            flights_max: 10_000,
            waiters_max: 10_000,
            wait_ms_max: 5_000,
            lead_ms_max: 30_000,
            pass_ms: 10_000,
            passes_max: 10_000,
            tags_max: 65_536,
        }
    }
}

/// Settings that make no cache.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidCache {
    /// The largest entry does not fit.
    #[error("`entry_bytes_max` is {entry}: at most `bytes_max` x `hot_allocation` fits, which is {room}")]
    EntryTooLarge {
        /// What was asked for.
        entry: u64,
        /// What one shard of all the space can hold.
        room: u64,
    },
    /// Nothing fits.
    #[error("`entry_bytes_max` is {entry}: an empty entry takes {ENTRY_OVERHEAD_BYTES} bytes")]
    EntryTooSmall {
        /// What was asked for.
        entry: u64,
    },
    /// A share out of its range.
    #[error("`{name}` is {value}: possible is {least} to {most}")]
    Share {
        /// Of which setting.
        name: &'static str,
        /// What was asked for.
        value: f64,
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
}

impl CacheSettings {
    /// # Errors
    /// When these settings make no cache.
    pub fn check(&self) -> Result<(), InvalidCache> {
        share("hot_allocation", self.hot_allocation, 0.5, 0.99)?;
        share("jitter_share", self.jitter_share, 0.0, 0.5)?;
        share("early_refresh", self.early_refresh, 0.0, 10.0)?;
        if self.entry_bytes_max < ENTRY_OVERHEAD_BYTES as u64 {
            return Err(InvalidCache::EntryTooSmall { entry: self.entry_bytes_max });
        }
        let room = self.room(1);
        if self.entry_bytes_max > room {
            return Err(InvalidCache::EntryTooLarge { entry: self.entry_bytes_max, room });
        }
        Ok(())
    }

    /// How many shards there can be so that each holds the largest entry: a power of two.
    pub(crate) fn shards(&self) -> usize {
        // Four a core: two threads then meet in one shard in every eighth look-up of both, and readers do not wait for each other.
        let wanted = std::thread::available_parallelism().map_or(1, usize::from).saturating_mul(4);
        let mut shards = wanted.next_power_of_two().min(SHARDS_MAX);
        while shards > 1 && self.room(shards) < self.entry_bytes_max {
            shards /= 2;
        }
        shards
    }

    /// The heaviest entry that one of so many shards admits: what is heavier than its hot part, the store below refuses in silence.
    fn room(&self, shards: usize) -> u64 {
        ((self.bytes_max / shards as u64) as f64 * self.hot_allocation) as u64
    }

    pub(crate) const fn retry_pause(&self) -> Duration {
        Duration::from_millis(self.retry_pause_ms)
    }

    pub(crate) const fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_ms_max)
    }

    pub(crate) const fn lead_max(&self) -> Duration {
        Duration::from_millis(self.lead_ms_max)
    }
}

fn share(name: &'static str, value: f64, least: f64, most: f64) -> Result<(), InvalidCache> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(InvalidCache::Share { name, value, least, most }) }
}
