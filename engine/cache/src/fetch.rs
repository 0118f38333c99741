//! Filling the cache: one caller fetches, the others wait, and nothing that was purged meanwhile comes back.
//!
//! [`Cache::begin`] says whose turn it is. A [`Fetch`] is a plain value that may be moved to another task, so that a fetch goes on when
//! the client that caused it has left. Dropped without a word (its task was cancelled, or panicked), it hands the lead to one of those who wait:
//! nobody ever waits for a fetch that nobody makes. An origin that fails is asked once, and everybody who waits is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use homeostat_reactor::Moment;

use crate::cache::{Cache, CacheKey};
use crate::entry::{Entry, Hit};
use crate::flight::{Beginning, Flight, Landed, Seat};
use crate::life::{Deadlines, Life};
use crate::settings::ENTRY_OVERHEAD_BYTES;
use crate::tally::count;
use crate::waiting::Waiting;

/// Whose turn it is.
#[derive(Debug)]
pub enum Turn<K: CacheKey, V: Send + Sync + 'static> {
    /// It has come meanwhile.
    Found(Hit<K, V>),
    /// Yours: fetch it.
    Fetch(Fetch<K, V>),
    /// Somebody else's: wait for it.
    Wait(Waiting<K, V>),
    /// Somebody else's, and too many wait already: answer with something stale, or say that it is too much.
    Crowded,
}

/// The task of fetching a key. It ends with [`insert`](Self::insert), [`not_storable`](Self::not_storable) or
/// [`fail`](Self::fail); dropped before, a waiter takes over.
#[derive(Debug)]
#[must_use = "others may wait for this fetch"]
pub struct Fetch<K: CacheKey, V: Send + Sync + 'static> {
    cache: Cache<K, V>,
    key: K,
    /// None when nobody waits for it, because it is made alone.
    flight: Option<Arc<Flight<K, V>>>,
    begun: Moment,
    as_of: u64,
    is_ended: bool,
}

/// How an entry is to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// For how long.
    pub life: Life,
    /// What key and value take; the overhead of an entry is added.
    pub bytes: usize,
    /// The tags it can be purged by.
    pub tags: &'a [&'a str],
}

/// An entry that was to be stored. It can be given away in any case.
#[derive(Debug)]
pub struct Inserted<K, V> {
    /// The entry.
    pub hit: Hit<K, V>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an entry that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Stored,
    /// It is heavier than one entry may be.
    TooLarge {
        /// What it weighs.
        bytes: u64,
        /// What it may.
        bytes_max: u64,
    },
    /// Something that may concern it was purged since its fetch began, or a fetch that began later has come first.
    Outdated,
    /// It has too many tags, or there are too many in all, or one is too long.
    TooManyTags,
    /// Its life is over at once.
    NoLife,
}

impl<K: CacheKey, V: Send + Sync + 'static> Cache<K, V> {
    /// Whose turn it is to fetch a key that was not found fresh.
    pub fn begin(&self, key: &K) -> Turn<K, V> {
        let inner = &*self.0;
        let beginning = self.beginning();
        if self.is_passed(key, beginning.now) {
            return Turn::Fetch(self.fetch(key, None, beginning));
        }
        match inner.flights.sit_down(key, beginning) {
            Seat::Lead(flight) => {
                // Another fetch may have ended between the look-up and now.
                let Some(hit) = self.peek(key) else { return Turn::Fetch(self.fetch(key, Some(flight), beginning)) };
                inner.flights.land(key, &flight, Landed::Found(hit.clone()));
                Turn::Found(hit)
            }
            Seat::Alone => Turn::Fetch(self.fetch(key, None, beginning)),
            Seat::Wait(flight) => {
                Turn::Wait(Waiting::new(self.clone(), key.clone(), flight, beginning.now + inner.settings.wait_max()))
            }
            Seat::Crowded => {
                count(&inner.tally.crowded);
                Turn::Crowded
            }
        }
    }

    /// The task of refreshing a key in the background; `None` when somebody fetches it already, or that has just failed.
    pub fn refresh(&self, key: &K) -> Option<Fetch<K, V>> {
        let inner = &*self.0;
        let beginning = self.beginning();
        let has_failed = inner.store.peek(key).is_some_and(|entry| Hit(entry).has_failed_lately(beginning.now));
        if has_failed || self.is_passed(key, beginning.now) {
            return None;
        }
        let flight = inner.flights.take_off(key, beginning)?;
        count(&inner.tally.refreshes);
        Some(self.fetch(key, Some(flight), beginning))
    }

    /// A fetch that nobody waits for, whoever else fetches the key: for a caller that insists on a new answer.
    pub fn fetch_alone(&self, key: &K) -> Fetch<K, V> {
        self.fetch(key, None, self.beginning())
    }

    /// Stores a value that is at hand.
    pub fn insert(&self, key: &K, value: V, terms: &Terms<'_>) -> Inserted<K, V> {
        self.fetch_alone(key).insert(value, terms)
    }

    pub(crate) fn beginning(&self) -> Beginning {
        let now = self.0.clock.now();
        let purges = &self.0.purges;
        let (broad, as_of) = (purges.last_of_many(), purges.last());
        Beginning { now, lead_until: now + self.0.settings.lead_max(), as_of, broad }
    }

    pub(crate) fn fetch(&self, key: &K, flight: Option<Arc<Flight<K, V>>>, beginning: Beginning) -> Fetch<K, V> {
        count(&self.0.tally.fetches);
        let (cache, key) = (self.clone(), key.clone());
        Fetch { cache, key, flight, begun: beginning.now, as_of: beginning.as_of, is_ended: false }
    }

    fn is_passed(&self, key: &K, now: Moment) -> bool {
        self.0.passes.get(key).is_some_and(|until| now < until)
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Fetch<K, V> {
    /// What is to be fetched.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Whether others may wait for it.
    pub fn is_lead(&self) -> bool {
        self.flight.is_some()
    }

    /// When it began.
    pub fn begun(&self) -> Moment {
        self.begun
    }

    /// It is there: stores it, unless something speaks against that, and gives it to everybody who waits.
    pub fn insert(mut self, value: V, terms: &Terms<'_>) -> Inserted<K, V> {
        let (entry, mut outcome) = self.entry(value, terms);
        if outcome == Outcome::Stored {
            outcome = self.admit(&entry);
        }
        let inner = &*self.cache.0;
        count(match outcome {
            Outcome::Stored => &inner.tally.inserted,
            Outcome::TooLarge { .. } => &inner.tally.too_large,
            Outcome::Outdated => &inner.tally.outdated,
            Outcome::TooManyTags | Outcome::NoLife => &inner.tally.refused,
        });
        let hit = Hit(entry);
        self.end(Landed::Found(hit.clone()));
        Inserted { hit, outcome }
    }

    /// It cannot be kept, or not for others: everybody who waits is let through at once, and for a while nobody waits for this
    /// key. Say so as soon as it is known, before the rest of it is read.
    pub fn not_storable(mut self) {
        let inner = &*self.cache.0;
        count(&inner.tally.not_storable);
        let until = inner.clock.now() + Duration::from_millis(inner.settings.pass_ms);
        inner.passes.insert(self.key.clone(), until);
        self.end(Landed::Pass);
    }

    /// It failed: everybody who waits is told why, and in the background it is not tried again for a moment.
    pub fn fail(mut self, reason: &str) {
        let inner = &*self.cache.0;
        count(&inner.tally.failures);
        let retry_at = inner.clock.now() + inner.settings.retry_pause();
        if let Some(entry) = inner.store.peek(&self.key) {
            entry.retry_at.fetch_max(retry_at.0, Ordering::Relaxed);
        }
        self.end(Landed::Failed(reason.into()));
    }

    fn end(&mut self, landed: Landed<K, V>) {
        if let Some(flight) = self.flight.take() {
            self.cache.0.flights.land(&self.key, &flight, landed);
        }
        self.is_ended = true;
    }

    fn entry(&self, value: V, terms: &Terms<'_>) -> (Arc<Entry<K, V>>, Outcome) {
        let inner = &*self.cache.0;
        let now = inner.clock.now();
        let (draw, settings) = (inner.chance.fraction(), &inner.settings);
        let weight = terms.bytes.saturating_add(ENTRY_OVERHEAD_BYTES) as u64;
        let tags = inner.tags.resolve(terms.tags);
        let outcome = if terms.life.is_over_at_once() {
            Outcome::NoLife
        } else if weight > settings.entry_bytes_max {
            Outcome::TooLarge { bytes: weight, bytes_max: settings.entry_bytes_max }
        } else if tags.is_none() {
            Outcome::TooManyTags
        } else {
            Outcome::Stored
        };
        let entry = Entry {
            key: self.key.clone(),
            value,
            deadlines: Deadlines::of(&terms.life, now, settings.jitter_share, draw),
            begun: self.begun,
            cost: now.since(self.begun),
            weight,
            is_negative: terms.life.is_negative,
            tags: tags.unwrap_or_default(),
            as_of: self.as_of,
            checked: AtomicU64::new(self.as_of),
            uses: AtomicU32::new(0),
            retry_at: AtomicU64::new(0),
        };
        (Arc::new(entry), outcome)
    }

    fn admit(&self, entry: &Arc<Entry<K, V>>) -> Outcome {
        let inner = &*self.cache.0;
        if !inner.is_valid(entry) {
            return Outcome::Outdated;
        }
        let mut evicted = Default::default();
        {
            let (stripe, slot) = inner.flights.stripe(&self.key);
            if stripe.purged_at(slot) > self.as_of {
                return Outcome::Outdated;
            }
            if let Some(there) = inner.store.peek(&self.key) {
                if there.begun > self.begun {
                    return Outcome::Outdated;
                }
                entry.uses.store(there.uses.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            inner.store.insert_with_lifecycle(self.key.clone(), Arc::clone(entry), &mut evicted);
        }
        // Without the locks: what made room is the caller's, and so is its end.
        drop(evicted);
        inner.passes.remove(&self.key);
        Outcome::Stored
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Drop for Fetch<K, V> {
    fn drop(&mut self) {
        if self.is_ended {
            return;
        }
        count(&self.cache.0.tally.given_up);
        if let Some(flight) = self.flight.take() {
            self.cache.0.flights.leave_lead(&self.key, &flight);
        }
    }
}
