//! A second level behind the cache, such as a store that several processes share: asked before the origin, told what was fetched.
//!
//! It is never trusted with anybody's time: every call has a limit, and a breaker in front of it that stops asking while it fails; a miss
//! that has to go by it is one limit later at most. Nor is it trusted to forget: a purge that it did not confirm is owed, and until it
//! has been carried out nothing is read from it.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_resilience::breaker::{Breaker, BreakerSettings, InvalidBreaker};
use homeostat_resilience::{Call, judge_result};

use crate::cache::{Cache, CacheKey};
use crate::entry::Hit;
use crate::fetch::{Fetch, Inserted, Outcome, Terms};
use crate::life::Life;
use crate::pattern::Pattern;
use crate::purge::TooManyRules;

/// How many purges can be owed one by one; beyond, everything is.
const OWED_MAX: usize = 256;

/// Why the second level did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the second level failed: {0}")]
pub struct SecondLevelError(pub Box<str>);

/// What a second level keeps.
#[derive(Debug, Clone)]
pub struct Kept<V> {
    /// The value.
    pub value: V,
    /// How much life it has left.
    pub life: Life,
    /// What key and value take.
    pub bytes: usize,
    /// Its tags.
    pub tags: Vec<Box<str>>,
}

/// What is to be purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalidation<K> {
    /// One key.
    Key(K),
    /// All with this tag.
    Tag(Box<str>),
    /// All keys that match.
    Matching(Pattern),
    /// Everything.
    All,
}

/// A store behind the cache. Whoever writes one bounds what it reads: what comes from outside may be anything.
pub trait SecondLevel<K, V>: Send + Sync + 'static {
    /// What is there for a key, with what is left of its life.
    fn get(&self, key: &K) -> impl Future<Output = Result<Option<Kept<V>>, SecondLevelError>> + Send;

    /// Keeps a value.
    fn put(&self, key: &K, kept: Kept<V>) -> impl Future<Output = Result<(), SecondLevelError>> + Send;

    /// Forgets. When this is confirmed, no `get` may give what was there before.
    fn invalidate(&self, what: &Invalidation<K>) -> impl Future<Output = Result<(), SecondLevelError>> + Send;
}

/// A cache with a second level behind it.
#[derive(Debug)]
pub struct Backed<K, V, S> {
    cache: Cache<K, V>,
    second: S,
    limit: Duration,
    breaker: Breaker,
    is_owing: AtomicBool,
    owed: Mutex<VecDeque<Invalidation<K>>>,
}

/// A purge that is not carried out everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PurgeFailure {
    /// Nothing was purged: sweep, or purge everything.
    #[error(transparent)]
    TooManyRules(#[from] TooManyRules),
    /// The first level is purged; the second did not confirm, and is not read from until it has.
    #[error("the second level has not confirmed the purge")]
    Owed,
}

impl<K: CacheKey + AsRef<str>, V: Clone + Send + Sync + 'static, S: SecondLevel<K, V>> Backed<K, V, S> {
    /// This cache with `second` behind it, which has `limit` for each call.
    ///
    /// # Errors
    /// When the breaker's settings make no breaker.
    pub fn new(
        cache: Cache<K, V>,
        second: S,
        limit: Duration,
        breaker: BreakerSettings,
    ) -> Result<Self, InvalidBreaker> {
        let breaker = Breaker::builder("second level", cache.clock()).settings(breaker).build()?;
        Ok(Self { cache, second, limit, breaker, is_owing: AtomicBool::new(false), owed: Mutex::default() })
    }

    /// The first level.
    pub fn cache(&self) -> &Cache<K, V> {
        &self.cache
    }

    /// Answers a fetch from the second level, or gives it back for the origin.
    ///
    /// # Errors
    /// The fetch, when nothing is there or it took too long.
    pub async fn fill(&self, fetch: Fetch<K, V>) -> Result<Hit<K, V>, Fetch<K, V>> {
        if self.is_owing.load(Ordering::Acquire) {
            return Err(fetch);
        }
        let Some(Some(kept)) = self.guarded(self.second.get(fetch.key())).await else { return Err(fetch) };
        if kept.life.fresh.is_zero() {
            return Err(fetch);
        }
        let tags: Vec<&str> = kept.tags.iter().map(AsRef::as_ref).collect();
        let terms = Terms { life: kept.life, bytes: kept.bytes, tags: &tags };
        Ok(fetch.insert(kept.value, &terms).hit)
    }

    /// Keeps in the second level what was stored in the first. Call it beside the answer and not before.
    pub async fn keep(&self, inserted: &Inserted<K, V>, terms: &Terms<'_>) {
        if inserted.outcome != Outcome::Stored {
            return;
        }
        let hit = &inserted.hit;
        let tags = terms.tags.iter().map(|tag| Box::from(*tag)).collect();
        let kept = Kept { value: V::clone(hit), life: terms.life, bytes: terms.bytes, tags };
        let _ = self.guarded(self.second.put(hit.key(), kept)).await;
        // A purge may have gone by while it was on its way, and must not be undone; see `purge` for the order.
        if !self.cache.is_current(hit) {
            let _ = self.invalidate(Invalidation::Key(hit.key().clone())).await;
        }
    }

    /// Purges both levels. The first comes first, so that what is kept meanwhile finds out, and once more at the end, for what was filled
    /// from the second meanwhile.
    ///
    /// # Errors
    /// When nothing was purged, or the second level has not confirmed.
    pub async fn purge(&self, what: Invalidation<K>) -> Result<(), PurgeFailure> {
        self.purge_first(&what)?;
        let is_confirmed = self.invalidate(what.clone()).await;
        self.purge_first(&what)?;
        if is_confirmed { Ok(()) } else { Err(PurgeFailure::Owed) }
    }

    /// Carries out what is owed. Gives whether nothing is left; call it now and then.
    pub async fn settle(&self) -> bool {
        // Bounded: as many as are owed now, though more may come.
        for _ in 0..=OWED_MAX {
            let Some(what) = self.owed().front().cloned() else { break };
            if self.guarded(self.second.invalidate(&what)).await.is_none() {
                return false;
            }
            let mut owed = self.owed();
            if owed.front() == Some(&what) {
                owed.pop_front();
            }
            self.is_owing.store(!owed.is_empty(), Ordering::Release);
        }
        !self.is_owing.load(Ordering::Acquire)
    }

    fn purge_first(&self, what: &Invalidation<K>) -> Result<(), TooManyRules> {
        match what {
            Invalidation::Key(key) => self.cache.purge(key),
            Invalidation::Tag(tag) => self.cache.purge_tag(tag),
            Invalidation::Matching(pattern) => return self.cache.purge_matching(pattern.clone()),
            Invalidation::All => self.cache.purge_all(),
        }
        Ok(())
    }

    /// Invalidates in the second level. It is owed before it is tried: a caller that goes away in between does not undo it.
    async fn invalidate(&self, what: Invalidation<K>) -> bool {
        {
            let mut owed = self.owed();
            if owed.len() >= OWED_MAX {
                owed.clear();
                owed.push_back(Invalidation::All);
            } else if !owed.contains(&what) {
                owed.push_back(what);
            }
            self.is_owing.store(true, Ordering::Release);
        }
        self.settle().await
    }

    /// A call of the second level within its limit; `None` when it failed, took too long, or is not asked at all for now.
    async fn guarded<T>(&self, call: impl Future<Output = Result<T, SecondLevelError>>) -> Option<T> {
        let within = async {
            let late = || Err(SecondLevelError("too slow".into()));
            self.cache.clock().within(self.limit, call).await.unwrap_or_else(late)
        };
        self.breaker.call(&Call::default(), judge_result, || within).await.ok()
    }

    fn owed(&self) -> MutexGuard<'_, VecDeque<Invalidation<K>>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Cache<K, V> {
    /// Whether this entry is still the one that is given for its key.
    pub fn is_current(&self, hit: &Hit<K, V>) -> bool {
        let there = self.0.store.peek(hit.key());
        there.is_some_and(|there| std::sync::Arc::ptr_eq(&there, &hit.0)) && self.0.is_valid(&hit.0)
    }
}
