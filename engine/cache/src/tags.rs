//! Tags: names that entries share, so that all that carry one can be made invalid in one step, without looking for them.
//!
//! A tag knows the number of its last purge; an entry that was fetched before it is invalid when it is next looked at. The table is
//! bounded: tags that no entry carries are forgotten, and what their purges meant is kept as a floor under all new ones, so that a
//! fetch that began before a purge cannot bring its old answer back under a tag that was forgotten meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many tags an entry may carry: each costs a look at every hit.
pub const TAGS_AN_ENTRY_MAX: usize = 128;

/// How long a tag may be, in bytes.
pub const TAG_BYTES_MAX: usize = 512;

/// The table is searched for unused tags at most once in so many that did not fit.
const SEARCH_EVERY: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Tag {
    purged_at: AtomicU64,
}

impl Tag {
    pub fn purged_at(&self) -> u64 {
        self.purged_at.load(Ordering::Acquire)
    }
}

/// All tags in use.
#[derive(Debug)]
pub(crate) struct Tags {
    tags_max: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    tags: HashMap<Box<str>, Arc<Tag>>,
    floor: u64,
    refused: usize,
}

impl Tags {
    pub fn new(tags_max: usize) -> Self {
        Self { tags_max, table: Mutex::default() }
    }

    /// The tags of these names; `None` when there are too many, or one is too long.
    pub fn resolve(&self, names: &[&str]) -> Option<Box<[Arc<Tag>]>> {
        if names.is_empty() {
            return Some(Box::default());
        }
        if names.len() > TAGS_AN_ENTRY_MAX || names.iter().any(|name| name.len() > TAG_BYTES_MAX) {
            return None;
        }
        let mut table = self.table();
        names.iter().map(|name| table.tag(name, self.tags_max)).collect()
    }

    /// Makes all entries with this tag invalid that were fetched before purge number `number`.
    pub fn purge(&self, name: &str, number: u64) {
        let mut table = self.table();
        match table.tags.get(name) {
            Some(tag) => {
                tag.purged_at.fetch_max(number, Ordering::AcqRel);
            }
            // Nobody carries it, but what is being fetched may.
            None => table.floor = table.floor.max(number),
        }
    }

    /// Forgets tags that no entry carries.
    pub fn forget_unused(&self) {
        self.table().forget_unused();
    }

    pub fn len(&self) -> usize {
        self.table().tags.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn tag(&mut self, name: &str, tags_max: usize) -> Option<Arc<Tag>> {
        if let Some(tag) = self.tags.get(name) {
            return Some(Arc::clone(tag));
        }
        if self.tags.len() >= tags_max {
            if self.refused.is_multiple_of(SEARCH_EVERY) {
                self.forget_unused();
            }
            if self.tags.len() >= tags_max {
                self.refused = self.refused.wrapping_add(1);
                return None;
            }
        }
        let tag = Arc::new(Tag { purged_at: AtomicU64::new(self.floor) });
        self.tags.insert(name.into(), Arc::clone(&tag));
        Some(tag)
    }

    fn forget_unused(&mut self) {
        let mut floor = self.floor;
        self.tags.retain(|_, tag| {
            let is_used = Arc::strong_count(tag) > 1;
            if !is_used {
                floor = floor.max(tag.purged_at());
            }
            is_used
        });
        self.floor = floor;
    }
}
