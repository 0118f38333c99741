//! Calls that ask for the same while it is being asked for get one answer: a cold cache is filled once and not a thousand times.
//!
//! The first call with a key leads and makes the work, within its own deadline; those that come meanwhile follow and wait, each
//! until its own. When the leader is dropped, panics or runs out of time, a follower takes the lead and begins anew: nobody ever waits for a
//! call that is not being made. What may not be done twice is never coalesced (two equal orders are two orders). A failure is
//! shared like an answer, so that a broken service is asked once and not by everybody in turn. When there are too many keys, calls
//! are made each for itself.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use homeostat_reactor::{Clock, Moment};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::live::Live;
use crate::tally::{count, tally};
use crate::{Call, Failure, Listener, PolicyEvent, Refusal, deadline};

/// How many keys may be asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoalesceSettings {
    /// 10,000 by default: with keys of a hundred bytes two megabytes.
    pub keys_max: usize,
}

impl Default for CoalesceSettings {
    fn default() -> Self {
        Self { keys_max: 10_000 }
    }
}

tally! {
    /// What a coalescer has seen.
    pub struct CoalesceSnapshot, Tally {
        /// Calls begun.
        calls,
        /// Calls that made the work themselves and shared the answer.
        led,
        /// Calls that got the answer of another one.
        shared,
        /// Calls that took over from a leader that went away.
        took_over,
        /// Calls made alone: not to be made twice, or too many keys.
        alone,
    }
}

/// One answer for equal calls. Clones are the same policy.
pub struct Coalesce<K, T, E>(Arc<Shared<K, T, E>>);

struct Shared<K, T, E> {
    name: Arc<str>,
    clock: Clock,
    listener: Listener,
    settings: Live<CoalesceSettings>,
    flights: Mutex<HashMap<K, Entry<T, E>>>,
    tally: Tally,
}

/// A key that is being asked for. It stays as long as anybody has a seat, and not longer than until the answer is there.
struct Entry<T, E> {
    flight: Arc<Flight<T, E>>,
    seats: usize,
    is_led: bool,
}

struct Flight<T, E> {
    /// Read without the lock: copying an answer is the caller's code.
    answer: OnceLock<Result<T, Failure<E>>>,
    moved: Notify,
}

impl<K, T, E> Clone for Coalesce<K, T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T, E> fmt::Debug for Coalesce<K, T, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Coalesce").field("tally", &self.0.tally).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Clone, T: Clone, E: Clone> Coalesce<K, T, E> {
    /// With these settings; it tells nobody.
    pub fn new(name: &str, settings: CoalesceSettings, clock: Clock) -> Self {
        Self::with_listener(name, settings, clock, Listener::default())
    }

    /// With these settings, and who is told when the lead changes.
    pub fn with_listener(name: &str, settings: CoalesceSettings, clock: Clock, listener: Listener) -> Self {
        let (settings, tally) = (Live::new(settings), Tally::default());
        Self(Arc::new(Shared { name: name.into(), clock, listener, settings, flights: Mutex::default(), tally }))
    }

    /// The answer for `key`: of a call that is under way, or of `work`.
    ///
    /// # Errors
    /// The work's own error, which is shared too, or [`Refusal::TimedOut`] for whom it took too long, or [`Refusal::DeadlinePassed`]
    /// for whose call was over before.
    pub async fn call<F>(&self, key: &K, call: &Call, work: impl FnOnce(Call) -> F) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let shared = &*self.0;
        count(&shared.tally.calls);
        let begun = shared.clock.now();
        if call.is_over(begun) {
            return shared.refuse(call, Refusal::DeadlinePassed);
        }
        let seat = if call.is_idempotent { shared.sit_down(key) } else { None };
        let Some(mut seat) = seat else {
            count(&shared.tally.alone);
            return shared.make(call, work).await.unwrap_or_else(|| shared.too_late(call, begun));
        };
        if !seat.leads {
            match deadline::until(&shared.clock, call.deadline, pin!(seat.wait())).await {
                Some(Some(answer)) => {
                    count(&shared.tally.shared);
                    return answer;
                }
                Some(None) => {
                    count(&shared.tally.took_over);
                    shared.listener.tell(|| PolicyEvent::TookOver { name: Arc::clone(&shared.name) });
                }
                None => return shared.too_late(call, begun),
            }
        }
        count(&shared.tally.led);
        let answer = shared.make(call, work).await;
        // That this call's time was up says nothing to those who have more: one of them takes over.
        if let Some(answer) = &answer {
            seat.share(answer.clone());
        }
        answer.unwrap_or_else(|| shared.too_late(call, begun))
    }

    /// Another number of keys; those there stay.
    pub fn reload(&self, settings: CoalesceSettings) {
        self.0.settings.set(settings);
    }

    /// Its numbers.
    pub fn snapshot(&self) -> CoalesceSnapshot {
        self.0.tally.snapshot()
    }

    /// Keys that are being asked for.
    pub fn keys(&self) -> usize {
        self.0.flights().len()
    }
}

impl<K: Hash + Eq + Clone, T: Clone, E: Clone> Shared<K, T, E> {
    /// `None` when time was up.
    async fn make<F>(&self, call: &Call, work: impl FnOnce(Call) -> F) -> Option<Result<T, Failure<E>>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let result = deadline::until(&self.clock, call.deadline, pin!(work(*call))).await?;
        Some(result.map_err(Failure::Inner))
    }

    /// A seat among those who ask for `key`, leading if nobody else does; `None` when there are too many keys.
    fn sit_down<'a>(&'a self, key: &'a K) -> Option<Seat<'a, K, T, E>> {
        let mut flights = self.flights();
        if let Some(entry) = flights.get_mut(key) {
            entry.seats += 1;
            let leads = !std::mem::replace(&mut entry.is_led, true);
            return Some(Seat { shared: self, key, flight: Arc::clone(&entry.flight), leads });
        }
        if flights.len() >= self.settings.get().keys_max {
            return None;
        }
        let flight = Arc::new(Flight { answer: OnceLock::new(), moved: Notify::new() });
        flights.insert(key.clone(), Entry { flight: Arc::clone(&flight), seats: 1, is_led: true });
        Some(Seat { shared: self, key, flight, leads: true })
    }
}

impl<K, T, E> Shared<K, T, E> {
    fn too_late(&self, call: &Call, begun: Moment) -> Result<T, Failure<E>> {
        let after = self.clock.now().since(begun);
        self.refuse(call, Refusal::TimedOut { name: self.name.to_string(), after })
    }

    fn refuse(&self, call: &Call, refusal: Refusal) -> Result<T, Failure<E>> {
        let priority = call.priority;
        self.listener.tell(|| PolicyEvent::Refused {
            name: Arc::clone(&self.name),
            refusal: refusal.clone(),
            priority,
        });
        Err(refusal.into())
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<K, Entry<T, E>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of those who ask for a key. Dropped, it gives up the lead if it has it.
struct Seat<'a, K: Hash + Eq, T, E> {
    shared: &'a Shared<K, T, E>,
    key: &'a K,
    flight: Arc<Flight<T, E>>,
    leads: bool,
}

impl<K: Hash + Eq, T: Clone, E: Clone> Seat<'_, K, T, E> {
    /// Waits for the answer; `None` when this one now leads.
    async fn wait(&mut self) -> Option<Result<T, Failure<E>>> {
        let flight = Arc::clone(&self.flight);
        loop {
            // Listening before looking: what happens in between is heard.
            let mut moved = pin!(flight.moved.notified());
            moved.as_mut().enable();
            if let Some(answer) = flight.answer.get() {
                return Some(answer.clone());
            }
            if self.take_lead() {
                return None;
            }
            moved.await;
        }
    }

    /// Takes the lead if nobody has it.
    fn take_lead(&mut self) -> bool {
        let mut flights = self.shared.flights();
        if let Some(entry) = self.entry(&mut flights) {
            self.leads = !std::mem::replace(&mut entry.is_led, true);
        }
        self.leads
    }

    /// Gives the answer to everybody who waits. Whoever comes later asks anew.
    fn share(&mut self, answer: Result<T, Failure<E>>) {
        // Only the leader comes here, and once: nothing was set before.
        let _ = self.flight.answer.set(answer);
        self.leave();
        self.flight.moved.notify_waiters();
    }
}

impl<K: Hash + Eq, T, E> Seat<'_, K, T, E> {
    /// The entry of this seat; not that of a later flight with the same key.
    fn entry<'e>(&self, flights: &'e mut HashMap<K, Entry<T, E>>) -> Option<&'e mut Entry<T, E>> {
        flights.get_mut(self.key).filter(|entry| Arc::ptr_eq(&entry.flight, &self.flight))
    }

    fn leave(&mut self) {
        let leads = std::mem::take(&mut self.leads);
        let is_answered = self.flight.answer.get().is_some();
        let mut flights = self.shared.flights();
        let Some(entry) = self.entry(&mut flights) else { return };
        entry.seats -= 1;
        if entry.seats == 0 || is_answered {
            let removed = flights.remove_entry(self.key);
            drop(flights);
            // A key is the caller's: it is dropped without the lock.
            drop(removed);
        } else if leads {
            entry.is_led = false;
            drop(flights);
            // One is enough: should it go away before it looks, it passes the word on.
            self.flight.moved.notify_one();
        }
    }
}

impl<K: Hash + Eq, T, E> Drop for Seat<'_, K, T, E> {
    fn drop(&mut self) {
        self.leave();
    }
}
