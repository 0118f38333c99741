//! Waiting for what another caller fetches: bounded in time, and never for a fetch that nobody makes.

use std::pin::pin;
use std::sync::Arc;

use homeostat_reactor::Moment;

use crate::cache::{Cache, CacheKey};
use crate::entry::Hit;
use crate::fetch::Fetch;
use crate::flight::{Flight, Landed};
use crate::tally::count;

/// A place among those who wait for a key. Dropped, it is free again.
#[derive(Debug)]
#[must_use = "wait with `outcome`"]
pub struct Waiting<K: CacheKey, V: Send + Sync + 'static> {
    cache: Cache<K, V>,
    key: K,
    flight: Arc<Flight<K, V>>,
    until: Moment,
    is_seated: bool,
}

/// What the waiting came to.
#[derive(Debug)]
pub enum Waited<K: CacheKey, V: Send + Sync + 'static> {
    /// It is there. It need not be fresh: what was stored with no fresh life must still be revalidated.
    Found(Hit<K, V>),
    /// Your turn now: the one who fetched it went away, or cannot share it.
    Fetch(Fetch<K, V>),
    /// It could not be fetched, and this is why. Give something stale, or say so.
    Failed(Arc<str>),
    /// It took too long. Give something stale, say so, or fetch it yourself with [`Cache::fetch_alone`].
    TimedOut,
}

impl<K: CacheKey, V: Send + Sync + 'static> Waiting<K, V> {
    pub(crate) fn new(cache: Cache<K, V>, key: K, flight: Arc<Flight<K, V>>, until: Moment) -> Self {
        Self { cache, key, flight, until, is_seated: true }
    }

    /// Waits, at most until `deadline` if that is earlier than the cache's own limit.
    pub async fn outcome_until(mut self, deadline: Moment) -> Waited<K, V> {
        self.until = self.until.min(deadline);
        self.outcome().await
    }

    /// Waits.
    pub async fn outcome(mut self) -> Waited<K, V> {
        let (flight, cache) = (Arc::clone(&self.flight), self.cache.clone());
        let mut late = pin!(cache.clock().wait_until(self.until));
        loop {
            // Listening before looking: what happens in between is heard.
            let mut moved = pin!(flight.moved.notified());
            moved.as_mut().enable();
            if let Some(landed) = flight.landed() {
                return self.landed(landed);
            }
            if let Some(fetch) = self.take_over() {
                return Waited::Fetch(fetch);
            }
            let is_late = tokio::select! {
                biased;
                () = moved => false,
                () = &mut late => true,
            };
            if is_late {
                count(&cache.0.tally.timed_out);
                return Waited::TimedOut;
            }
        }
    }

    fn landed(&self, landed: &Landed<K, V>) -> Waited<K, V> {
        match landed {
            Landed::Found(hit) => {
                count(&self.cache.0.tally.coalesced);
                Waited::Found(hit.clone())
            }
            Landed::Pass => Waited::Fetch(self.cache.fetch_alone(&self.key)),
            Landed::Failed(reason) => Waited::Failed(Arc::clone(reason)),
        }
    }

    fn take_over(&mut self) -> Option<Fetch<K, V>> {
        let beginning = self.cache.beginning();
        if !self.cache.0.flights.take_over(&self.flight, beginning) {
            return None;
        }
        self.is_seated = false;
        count(&self.cache.0.tally.took_over);
        Some(self.cache.fetch(&self.key, Some(Arc::clone(&self.flight)), beginning))
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Drop for Waiting<K, V> {
    fn drop(&mut self) {
        if self.is_seated {
            self.cache.0.flights.leave_wait(&self.key, &self.flight);
        }
    }
}
