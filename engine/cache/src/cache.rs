//! The cache itself: look-ups and purges. What fetches and fills it is in [`fetch`](crate::fetch), what tidies up in
//! [`sweep`](crate::sweep).
//!
//! A look-up never waits for a fetch, runs no code of the caller's but comparing keys, and allocates nothing. Everything that makes an
//! entry invalid is checked when it is read: nothing that was purged before a look-up began is ever its answer.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use homeostat_reactor::{Clock, Moment};
use homeostat_resilience::chance::Chance;

use crate::entry::{Entry, Hit};
use crate::flight::Flights;
use crate::frequent::Frequent;
use crate::life::Age;
use crate::pattern::Pattern;
use crate::purge::{Purges, TooManyRules};
use crate::settings::{CacheSettings, InvalidCache};
use crate::store::{self, Store};
use crate::tags::Tags;
use crate::tally::{CacheSnapshot, Group, Groups, Seen, Tally, count};

/// What a key must be able to do. Cloning it should be cheap (an `Arc<str>`): fetches and entries hold copies.
pub trait CacheKey: Hash + Eq + Clone + Send + Sync + 'static {}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> CacheKey for K {}

/// A bounded cache. Cheap to clone; clones are the same cache.
pub struct Cache<K, V>(pub(crate) Arc<Inner<K, V>>);

pub(crate) struct Inner<K, V> {
    pub settings: CacheSettings,
    pub clock: Clock,
    pub chance: Chance,
    pub store: Store<K, V>,
    pub flights: Flights<K, V>,
    /// Keys that cannot be kept, until when.
    pub passes: quick_cache::sync::Cache<K, Moment>,
    pub purges: Purges<K>,
    pub tags: Tags,
    pub tally: Arc<Tally>,
    pub groups: Groups,
    pub frequent: Frequent<K>,
}

/// What is there for a key.
#[derive(Debug, Clone)]
pub enum Lookup<K, V> {
    /// Give it away.
    Fresh {
        /// The entry.
        hit: Hit<K, V>,
        /// It expires soon and was dear: [`Cache::refresh`] it in the background, so that nobody ever has to wait for it.
        is_due_early: bool,
    },
    /// It has expired, and may still be of use.
    Stale {
        /// The entry.
        hit: Hit<K, V>,
        /// Give it away and [`Cache::refresh`] it in the background.
        may_serve_while_revalidating: bool,
        /// Fetch it, and give this away if that fails.
        may_serve_on_error: bool,
        /// Fetching it has failed a moment ago: if it may be served on error, serve it.
        has_failed_lately: bool,
    },
    /// There is nothing: [`Cache::begin`].
    Miss,
}

impl<K, V> Lookup<K, V> {
    /// What was found, if it is fresh.
    pub fn fresh(self) -> Option<Hit<K, V>> {
        if let Self::Fresh { hit, .. } = self { Some(hit) } else { None }
    }
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cache").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Cache<K, V> {
    /// An empty cache with chance of the machine's.
    ///
    /// # Errors
    /// When the settings make no cache.
    pub fn new(settings: CacheSettings, clock: Clock) -> Result<Self, InvalidCache> {
        Self::with_chance(settings, clock, Chance::of_the_machine())
    }

    /// An empty cache whose jitter and early refreshes can be repeated.
    ///
    /// # Errors
    /// When the settings make no cache.
    pub fn with_chance(settings: CacheSettings, clock: Clock, chance: Chance) -> Result<Self, InvalidCache> {
        settings.check()?;
        let tally = Arc::<Tally>::default();
        Ok(Self(Arc::new(Inner {
            store: store::build(&settings, &tally),
            flights: Flights::new(settings.flights_max, settings.waiters_max),
            passes: quick_cache::sync::Cache::new(settings.passes_max.max(1)),
            purges: Purges::new(),
            tags: Tags::new(settings.tags_max),
            tally,
            groups: Groups::new(),
            frequent: Frequent::new(),
            settings,
            clock,
            chance,
        })))
    }

    /// What is there for this key.
    pub fn lookup<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Lookup<K, V>
    where
        K: Borrow<Q>,
    {
        self.lookup_for(&self.0.groups.plain, key)
    }

    /// What is there for this key, counted for this group.
    pub fn lookup_for<Q: Hash + Eq + ?Sized>(&self, group: &Group, key: &Q) -> Lookup<K, V>
    where
        K: Borrow<Q>,
    {
        let inner = &*self.0;
        let Some(entry) = inner.store.get(key) else {
            group.count(Seen::Miss);
            return Lookup::Miss;
        };
        let now = inner.clock.now();
        let age = if inner.is_valid(&entry) { entry.deadlines.age(now) } else { Age::Dead };
        match age {
            Age::Fresh => {
                group.count(if entry.is_negative { Seen::Negative } else { Seen::Hit });
                entry.uses.fetch_add(1, Ordering::Relaxed);
                let draw = || inner.chance.fraction();
                let is_due_early = entry.deadlines.is_due_early(now, entry.cost, inner.settings.early_refresh, draw);
                Lookup::Fresh { hit: Hit(entry), is_due_early }
            }
            Age::Stale { may_serve_while_revalidating, may_serve_on_error } => {
                group.count(Seen::Stale);
                entry.uses.fetch_add(1, Ordering::Relaxed);
                let hit = Hit(entry);
                let has_failed_lately = hit.has_failed_lately(now);
                Lookup::Stale { hit, may_serve_while_revalidating, may_serve_on_error, has_failed_lately }
            }
            Age::Dead => {
                group.count(Seen::Miss);
                inner.remove_dead(&entry);
                Lookup::Miss
            }
        }
    }

    /// The entry for this key if it is fresh and nothing purged it; it counts neither as asked for nor as used.
    pub fn peek<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Hit<K, V>>
    where
        K: Borrow<Q>,
    {
        let entry = self.0.store.peek(key)?;
        let is_fresh = entry.deadlines.age(self.0.clock.now()) == Age::Fresh;
        (is_fresh && self.0.is_valid(&entry)).then_some(Hit(entry))
    }

    /// Purges one key. What is being fetched for it is not kept either.
    pub fn purge(&self, key: &K) {
        let inner = &*self.0;
        let removed = {
            let (mut stripe, slot) = inner.flights.stripe(key);
            stripe.purge(slot, inner.purges.next());
            inner.store.remove(key)
        };
        inner.passes.remove(key);
        if removed.is_some() {
            count(&inner.tally.removed);
        }
    }

    /// Purges everything that carries this tag: one step, however much that is.
    pub fn purge_tag(&self, tag: &str) {
        self.0.tags.purge(tag, self.0.purges.next_of_many());
    }

    /// Purges all keys that match a pattern. One step: entries are held against it when they are next asked for, or swept.
    ///
    /// # Errors
    /// When too many such purges wait for a sweep: sweep first, or purge everything.
    pub fn purge_matching(&self, pattern: Pattern) -> Result<(), TooManyRules>
    where
        K: AsRef<str>,
    {
        self.purge_where(move |key| pattern.matches(key.as_ref()))
    }

    /// Purges all keys of which `concerns` is true, in the same way.
    ///
    /// # Errors
    /// When too many such purges wait for a sweep.
    pub fn purge_where(&self, concerns: impl Fn(&K) -> bool + Send + Sync + 'static) -> Result<(), TooManyRules> {
        self.0.purges.by_rule(Box::new(concerns))
    }

    /// Purges everything, in one step; sweeps give the space free.
    pub fn purge_all(&self) {
        self.0.purges.everything();
        self.0.passes.clear();
    }

    /// The group of look-ups of this name; beyond [`GROUPS_MAX`](crate::tally::GROUPS_MAX), the one for all others.
    pub fn group(&self, name: &str) -> Group {
        self.0.groups.named(name)
    }

    /// Its numbers.
    pub fn snapshot(&self) -> CacheSnapshot {
        let inner = &*self.0;
        CacheSnapshot {
            entries: inner.store.len() as u64,
            bytes: inner.store.weight(),
            flights: inner.flights.len() as u64,
            waiters: inner.flights.waiters() as u64,
            tags: inner.tags.len() as u64,
            rules: inner.purges.rules() as u64,
            groups: inner.groups.snapshot(),
            ..inner.tally.snapshot()
        }
    }

    /// The time it goes by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What it was made with.
    pub fn settings(&self) -> &CacheSettings {
        &self.0.settings
    }
}

impl<K: CacheKey, V> Inner<K, V> {
    /// Whether no purge concerns an entry. On the way of every hit: a load, and one for each tag.
    pub fn is_valid(&self, entry: &Entry<K, V>) -> bool {
        let checked = entry.checked.load(Ordering::Relaxed);
        if !self.purges.is_checked(checked) {
            match self.purges.check(&entry.key, checked) {
                Some(checked) => entry.checked.fetch_max(checked, Ordering::Relaxed),
                None => return false,
            };
        }
        entry.are_tags_valid()
    }

    /// Removes an entry, unless another one has taken its place.
    pub fn remove_dead(&self, entry: &Arc<Entry<K, V>>) {
        let removed = self.store.remove_if(&entry.key, |there| Arc::ptr_eq(there, entry));
        if removed.is_some() {
            count(&self.tally.removed);
        }
    }
}
