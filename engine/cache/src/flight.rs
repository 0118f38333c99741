//! Who fetches a key, and who waits for it: the table behind [`Fetch`](crate::Fetch) and [`Waiting`](crate::Waiting).
//!
//! A flight has one leader or, for the moment between a leader that goes away and a waiter that takes over, none. Keys are spread
//! over stripes, each with a lock of its own; under it lies also the number of the last purge of a key of the stripe, so that a purge
//! and the insert that it races with happen one after the other. Lock order: stripe, then flight, then the store. No lock is held
//! while anything is fetched or awaited.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use homeostat_reactor::Moment;
use tokio::sync::Notify;

use crate::entry::Hit;

/// How many stripes: enough that tens of threads that miss at once seldom meet.
const STRIPES: usize = 64;

/// How finely a stripe remembers which of its keys were purged. A purge also refuses what is being fetched for other keys of its
/// slot: with 65,536 slots in all, at a hundred purges during a fetch, one in 650. Together they take 512 KiB; an eighth of that was
/// enough for a burst of changes to spoil an insert now and then.
const SLOTS: usize = 1_024;

/// How a flight ended.
#[derive(Debug)]
pub(crate) enum Landed<K, V> {
    Found(Hit<K, V>),
    /// Everybody for himself: it cannot be shared.
    Pass,
    Failed(Arc<str>),
}

#[derive(Debug)]
pub(crate) struct Flight<K, V> {
    landed: OnceLock<Landed<K, V>>,
    pub moved: Notify,
    seats: Mutex<Seats>,
}

#[derive(Debug)]
struct Seats {
    is_led: bool,
    waiters: usize,
    /// Newcomers do not join after this.
    lead_until: Moment,
    /// The last purge when the leader began. Newcomers after a later one that may concern the key must not get what is older.
    as_of: u64,
}

/// What a newcomer finds.
pub(crate) enum Seat<K, V> {
    /// Fetch it; the others of the flight, if there is one, get it too.
    Lead(Arc<Flight<K, V>>),
    Alone,
    Wait(Arc<Flight<K, V>>),
    Crowded,
}

/// A moment in which a flight begins, or is joined.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    pub now: Moment,
    pub lead_until: Moment,
    /// The last purge.
    pub as_of: u64,
    /// The last purge that may concern any key.
    pub broad: u64,
}

pub(crate) struct Stripe<K, V> {
    /// The last purge of a key in each slot.
    purged_at: Box<[u64; SLOTS]>,
    flights: HashMap<K, Arc<Flight<K, V>>>,
}

pub(crate) struct Flights<K, V> {
    hasher: RandomState,
    stripes: Box<[Mutex<Stripe<K, V>>]>,
    /// In one stripe.
    flights_max: usize,
    waiters_max: usize,
    waiters: AtomicUsize,
}

impl<K: Hash + Eq + Clone, V> Flights<K, V> {
    pub fn new(flights_max: usize, waiters_max: usize) -> Self {
        let stripe = || Mutex::new(Stripe { purged_at: Box::new([0; SLOTS]), flights: HashMap::new() });
        Self {
            hasher: RandomState::new(),
            stripes: std::iter::repeat_with(stripe).take(STRIPES).collect(),
            flights_max: flights_max.div_ceil(STRIPES),
            waiters_max,
            waiters: AtomicUsize::new(0),
        }
    }

    /// The stripe of a key, and the slot in it.
    pub fn stripe(&self, key: &K) -> (MutexGuard<'_, Stripe<K, V>>, usize) {
        let hash = self.hasher.hash_one(key) as usize;
        let stripe = self.stripes[hash % STRIPES].lock().unwrap_or_else(PoisonError::into_inner);
        (stripe, hash / STRIPES % SLOTS)
    }

    /// A seat for a newcomer who needs the value.
    pub fn sit_down(&self, key: &K, beginning: Beginning) -> Seat<K, V> {
        let (mut stripe, slot) = self.stripe(key);
        if let Some(flight) = stripe.flights.get(key) {
            let mut seats = flight.seats();
            if !seats.is_led {
                seats.lead(beginning);
                return Seat::Lead(Arc::clone(flight));
            }
            if seats.can_be_joined(beginning, stripe.purged_at[slot]) {
                if self.waiters.fetch_add(1, Ordering::Relaxed) >= self.waiters_max {
                    self.waiters.fetch_sub(1, Ordering::Relaxed);
                    return Seat::Crowded;
                }
                seats.waiters += 1;
                return Seat::Wait(Arc::clone(flight));
            }
        } else if stripe.flights.len() >= self.flights_max {
            return Seat::Alone;
        }
        Seat::Lead(stripe.begin(key, beginning))
    }

    /// A seat for a refresh: the lead, or none when somebody fetches already.
    pub fn take_off(&self, key: &K, beginning: Beginning) -> Option<Arc<Flight<K, V>>> {
        let (mut stripe, slot) = self.stripe(key);
        match stripe.flights.get(key) {
            Some(flight) => {
                let mut seats = flight.seats();
                if seats.is_led && seats.can_be_joined(beginning, stripe.purged_at[slot]) {
                    return None;
                }
                if !seats.is_led {
                    seats.lead(beginning);
                    return Some(Arc::clone(flight));
                }
            }
            None if stripe.flights.len() >= self.flights_max => return None,
            None => {}
        }
        Some(stripe.begin(key, beginning))
    }

    /// A waiter takes the lead if nobody has it; it is no waiter then.
    pub fn take_over(&self, flight: &Flight<K, V>, beginning: Beginning) -> bool {
        let mut seats = flight.seats();
        if seats.is_led || flight.landed.get().is_some() {
            return false;
        }
        seats.lead(beginning);
        seats.waiters -= 1;
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// The end of a flight: everybody who waits is told, and whoever comes later begins anew.
    pub fn land(&self, key: &K, flight: &Arc<Flight<K, V>>, landed: Landed<K, V>) {
        // A leader that was replaced may come second: what is known first counts.
        let _ = flight.landed.set(landed);
        let removed = self.stripe(key).0.remove(key, flight);
        drop(removed);
        flight.moved.notify_waiters();
    }

    /// The leader goes away without an end.
    pub fn leave_lead(&self, key: &K, flight: &Arc<Flight<K, V>>) {
        let (mut stripe, _) = self.stripe(key);
        let mut seats = flight.seats();
        seats.is_led = false;
        let is_empty = seats.waiters == 0;
        drop(seats);
        let removed = if is_empty { stripe.remove(key, flight) } else { None };
        drop(stripe);
        drop(removed);
        // One is enough: should it go away before it looks, it passes the word on.
        flight.moved.notify_one();
    }

    /// A waiter goes away.
    pub fn leave_wait(&self, key: &K, flight: &Arc<Flight<K, V>>) {
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        let (mut stripe, _) = self.stripe(key);
        let mut seats = flight.seats();
        seats.waiters -= 1;
        let is_empty = seats.waiters == 0 && !seats.is_led;
        drop(seats);
        let removed = if is_empty { stripe.remove(key, flight) } else { None };
        drop(stripe);
        drop(removed);
    }

    pub fn waiters(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    pub fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().unwrap_or_else(PoisonError::into_inner).flights.len()).sum()
    }
}

impl<K: Hash + Eq + Clone, V> Stripe<K, V> {
    pub fn purged_at(&self, slot: usize) -> u64 {
        self.purged_at[slot]
    }

    pub fn purge(&mut self, slot: usize, number: u64) {
        self.purged_at[slot] = number;
    }

    fn begin(&mut self, key: &K, beginning: Beginning) -> Arc<Flight<K, V>> {
        let mut seats = Seats { is_led: false, waiters: 0, lead_until: Moment::ZERO, as_of: 0 };
        seats.lead(beginning);
        let flight = Flight { landed: OnceLock::new(), moved: Notify::new(), seats: Mutex::new(seats) };
        let flight = Arc::new(flight);
        // One that cannot be joined any more goes on for those who wait for it, out of sight.
        self.flights.insert(key.clone(), Arc::clone(&flight));
        flight
    }

    /// Takes a flight off the table, if it is still the one for this key.
    fn remove(&mut self, key: &K, flight: &Arc<Flight<K, V>>) -> Option<(K, Arc<Flight<K, V>>)> {
        self.flights.get(key).is_some_and(|there| Arc::ptr_eq(there, flight)).then(|| self.flights.remove_entry(key))?
    }
}

impl<K, V> Flight<K, V> {
    pub fn landed(&self) -> Option<&Landed<K, V>> {
        self.landed.get()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn lead(&mut self, beginning: Beginning) {
        (self.is_led, self.lead_until, self.as_of) = (true, beginning.lead_until, beginning.as_of);
    }

    fn can_be_joined(&self, beginning: Beginning, key_purged_at: u64) -> bool {
        beginning.now < self.lead_until && self.as_of >= key_purged_at.max(beginning.broad)
    }
}
