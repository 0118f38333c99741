//! The second level: it helps when it can, never takes more than its limit, and is not read while it owes a purge.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_cache::{Backed, Fetch, Invalidation, Kept, Pattern, PurgeFailure, SecondLevel, SecondLevelError};
use homeostat_reactor::ManualClock;
use homeostat_resilience::breaker::{BreakerSettings, WindowShape};

use crate::pages::{EXACT, Key, advance, for_secs, is_miss, key, lead, pages, poll, ready, secs};

const WORKS: u8 = 0;
const FAILS: u8 = 1;
const HANGS: u8 = 2;

/// A store in memory that can be told to fail or to hang.
#[derive(Clone, Default)]
struct Shelf {
    kept: Arc<Mutex<HashMap<Key, Kept<String>>>>,
    mood: Arc<AtomicU8>,
    asked: Arc<AtomicU32>,
}

impl Shelf {
    async fn mood(&self) -> Result<(), SecondLevelError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.mood.load(Ordering::SeqCst) {
            WORKS => Ok(()),
            FAILS => Err(SecondLevelError("broken".into())),
            _ => std::future::pending().await,
        }
    }
}

impl SecondLevel<Key, String> for Shelf {
    async fn get(&self, key: &Key) -> Result<Option<Kept<String>>, SecondLevelError> {
        self.mood().await?;
        Ok(self.kept.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, key: &Key, kept: Kept<String>) -> Result<(), SecondLevelError> {
        self.mood().await?;
        self.kept.lock().unwrap().insert(Arc::clone(key), kept);
        Ok(())
    }

    async fn invalidate(&self, what: &Invalidation<Key>) -> Result<(), SecondLevelError> {
        self.mood().await?;
        self.kept.lock().unwrap().retain(|key, kept| match what {
            Invalidation::Key(purged) => key != purged,
            Invalidation::Tag(tag) => !kept.tags.contains(tag),
            Invalidation::Matching(pattern) => !pattern.matches(key),
            Invalidation::All => false,
        });
        Ok(())
    }
}

type Both = Backed<Key, String, Shelf>;

fn both(time: &ManualClock) -> (Both, Shelf) {
    let shelf = Shelf::default();
    let breaker = BreakerSettings { window: WindowShape::Calls(10), calls_min: 5, ..BreakerSettings::default() };
    let limit = Duration::from_millis(50);
    (Backed::new(pages(time, EXACT), shelf.clone(), limit, breaker).unwrap(), shelf)
}

fn fill(both: &Both, fetch: Fetch<Key, String>) -> Result<String, Fetch<Key, String>> {
    ready(&mut Box::pin(both.fill(fetch))).map(|hit| String::clone(&hit))
}

fn keep(both: &Both, text: &str) {
    let inserted = both.cache().insert(&key(text), text.into(), &for_secs(100));
    ready(&mut Box::pin(both.keep(&inserted, &for_secs(100))));
}

#[test]
fn what_another_process_has_fetched_is_not_fetched_again() {
    // Would break: a second level that is there and does nothing.
    let time = ManualClock::new();
    let (one, shelf) = both(&time);
    keep(&one, "/a");
    let (mut other, _) = both(&time);
    other = Backed::new(other.cache().clone(), shelf, Duration::from_millis(50), BreakerSettings::default()).unwrap();
    assert_eq!(fill(&other, lead(other.cache(), "/a")).unwrap(), "/a");
    assert!(!is_miss(other.cache(), "/a"));
    assert!(fill(&other, lead(other.cache(), "/b")).is_err());
}

#[test]
fn a_second_level_that_hangs_costs_one_limit_and_is_soon_not_asked() {
    // Would break: every miss slowed down because a helper is broken.
    let time = ManualClock::new();
    let (both, shelf) = both(&time);
    shelf.mood.store(HANGS, Ordering::SeqCst);
    for name in 0..10 {
        let mut fill = Box::pin(both.fill(lead(both.cache(), &name.to_string())));
        if name < 5 {
            assert!(poll(&mut fill).is_pending());
            advance(&time, Duration::from_millis(50));
        }
        assert!(ready(&mut fill).is_err());
    }
    assert_eq!(shelf.asked.load(Ordering::SeqCst), 5);
    // A fill that is dropped hands the lead on.
    shelf.mood.store(HANGS, Ordering::SeqCst);
    advance(&time, secs(10));
    let mut dropped = Box::pin(both.fill(lead(both.cache(), "/a")));
    assert!(poll(&mut dropped).is_pending());
    drop(dropped);
    assert_eq!(both.cache().snapshot().flights, 0);
}

#[test]
fn a_purge_that_was_not_confirmed_is_owed_and_nothing_is_read_until_then() {
    // Would break: a purged page that comes back from the second level.
    let time = ManualClock::new();
    let (both, shelf) = both(&time);
    keep(&both, "/a");
    keep(&both, "/b");
    shelf.mood.store(FAILS, Ordering::SeqCst);
    let purge = |what| ready(&mut Box::pin(both.purge(what)));
    assert_eq!(purge(Invalidation::Key(key("/a"))), Err(PurgeFailure::Owed));
    shelf.mood.store(WORKS, Ordering::SeqCst);
    assert!(is_miss(both.cache(), "/a"));
    let fetch = fill(&both, lead(both.cache(), "/a")).unwrap_err();
    assert!(ready(&mut Box::pin(both.settle())));
    assert!(fill(&both, fetch).is_err());
    assert_eq!(shelf.kept.lock().unwrap().len(), 1);
    assert_eq!(purge(Invalidation::Matching(Pattern::glob("/b*").unwrap())), Ok(()));
    assert!(shelf.kept.lock().unwrap().is_empty() && is_miss(both.cache(), "/b"));
}

#[test]
fn a_purge_while_a_value_is_on_its_way_to_the_second_level_is_not_undone() {
    // Would break: the old page in the second level, for every process.
    let time = ManualClock::new();
    let (both, shelf) = both(&time);
    let inserted = both.cache().insert(&key("/a"), "old".into(), &for_secs(100));
    let terms = for_secs(100);
    let mut keep = Box::pin(both.keep(&inserted, &terms));
    shelf.mood.store(HANGS, Ordering::SeqCst);
    assert!(poll(&mut keep).is_pending());
    shelf.mood.store(WORKS, Ordering::SeqCst);
    ready(&mut Box::pin(both.purge(Invalidation::Key(key("/a"))))).unwrap();
    // It arrived after all, though its confirmation did not.
    let late = Kept { value: "old".into(), life: terms.life, bytes: 1, tags: Vec::new() };
    shelf.kept.lock().unwrap().insert(key("/a"), late);
    advance(&time, Duration::from_millis(50));
    ready(&mut keep);
    assert!(shelf.kept.lock().unwrap().is_empty());
    assert!(poll(&mut Box::pin(both.settle())).is_ready());
}

#[test]
fn a_purge_that_is_dropped_half_way_is_owed() {
    // Would break: a caller that goes away and leaves what it purged in the second level.
    let time = ManualClock::new();
    let (both, shelf) = both(&time);
    keep(&both, "/a");
    shelf.mood.store(HANGS, Ordering::SeqCst);
    let mut purge = Box::pin(both.purge(Invalidation::Key(key("/a"))));
    assert!(poll(&mut purge).is_pending());
    drop(purge);
    shelf.mood.store(WORKS, Ordering::SeqCst);
    assert!(is_miss(both.cache(), "/a"));
    assert!(fill(&both, lead(both.cache(), "/a")).is_err());
    assert!(ready(&mut Box::pin(both.settle())));
    assert!(shelf.kept.lock().unwrap().is_empty());
}
