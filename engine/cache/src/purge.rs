//! What was purged, and when: numbers that grow, compared with the number that an entry's fetch began with.
//!
//! Every purge takes the next number. An entry remembers the newest number at the time its fetch began, and is valid if no purge
//! with a greater one concerns it; so a fetch that began before a purge can never bring back what was purged, however late it ends.
//! A purge of everything is one number. A purge by rule is a bounded list of rules, looked at once by each entry, when it is next asked for or
//! swept; a rule that a whole sweep has gone by is dropped, and what has not been looked at by then is invalid to be safe.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// How many rules can wait for a sweep. Every entry is held against all of them once.
pub const RULES_MAX: usize = 64;

type Concerns<K> = dyn Fn(&K) -> bool + Send + Sync;

struct Rule<K> {
    number: u64,
    concerns: Box<Concerns<K>>,
}

/// All purges so far.
pub(crate) struct Purges<K> {
    /// The number of the last purge.
    last: AtomicU64,
    /// The number of the last purge by rule or of everything: an entry that was checked since needs no further look.
    broad: AtomicU64,
    /// The number of the last purge by tag.
    tagged: AtomicU64,
    log: RwLock<Log<K>>,
}

struct Log<K> {
    rules: Arc<[Arc<Rule<K>>]>,
    /// Everything up to here is gone: purged altogether, or by rules that every entry has been held against.
    floor: u64,
    broad: u64,
}

/// Too many rules wait for a sweep: sweep, or purge everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{RULES_MAX} purges by rule wait for a sweep")]
pub struct TooManyRules;

impl<K> Purges<K> {
    pub fn new() -> Self {
        let log = Log { rules: Arc::new([]), floor: 0, broad: 0 };
        Self { last: AtomicU64::new(0), broad: AtomicU64::new(0), tagged: AtomicU64::new(0), log: RwLock::new(log) }
    }

    /// The number of the last purge: what a fetch that begins now remembers.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// The number of a purge that happens now.
    pub fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The number of a purge by tag that happens now.
    pub fn next_of_many(&self) -> u64 {
        let number = self.next();
        self.tagged.fetch_max(number, Ordering::AcqRel);
        number
    }

    /// The number of the last purge that may concern any key.
    pub fn last_of_many(&self) -> u64 {
        self.broad.load(Ordering::Acquire).max(self.tagged.load(Ordering::Acquire))
    }

    pub fn everything(&self) {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        // Taken under the lock: the numbers in the log grow.
        let number = self.next();
        let dropped = std::mem::replace(&mut log.rules, Arc::new([]));
        (log.floor, log.broad) = (number, number);
        self.broad.store(number, Ordering::Release);
        drop(log);
        drop(dropped);
    }

    pub fn by_rule(&self, concerns: Box<Concerns<K>>) -> Result<(), TooManyRules> {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        if log.rules.len() >= RULES_MAX {
            return Err(TooManyRules);
        }
        let number = self.next();
        let rule = Arc::new(Rule { number, concerns });
        log.rules = log.rules.iter().cloned().chain([rule]).collect();
        log.broad = number;
        self.broad.store(number, Ordering::Release);
        Ok(())
    }

    /// Whether nothing broad was purged since an entry was last checked. One load: this is on the way of every hit.
    pub fn is_checked(&self, checked: u64) -> bool {
        checked >= self.broad.load(Ordering::Acquire)
    }

    /// Holds an entry against what was purged since it was checked: up to which number it is valid now, or `None`.
    pub fn check(&self, key: &K, checked: u64) -> Option<u64> {
        let (rules, floor, broad) = {
            let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
            (Arc::clone(&log.rules), log.floor, log.broad)
        };
        // The rules are the caller's code: they run without the lock.
        let is_purged = checked < floor || rules.iter().any(|rule| rule.number > checked && (rule.concerns)(key));
        (!is_purged).then(|| checked.max(broad))
    }

    /// The last rule so far: once a sweep that begins now has gone by every entry, it and those before it can be dropped.
    pub fn newest_rule(&self) -> u64 {
        self.log.read().unwrap_or_else(PoisonError::into_inner).broad
    }

    /// Every entry has been held against the rules up to this one.
    pub fn fold(&self, up_to: u64) {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        let kept: Arc<[Arc<Rule<K>>]> = log.rules.iter().filter(|rule| rule.number > up_to).cloned().collect();
        let dropped = std::mem::replace(&mut log.rules, kept);
        if !dropped.is_empty() {
            log.floor = log.floor.max(up_to);
        }
        drop(log);
        drop(dropped);
    }

    pub fn rules(&self) -> usize {
        self.log.read().unwrap_or_else(PoisonError::into_inner).rules.len()
    }
}
