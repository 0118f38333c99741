//! What all parts of one reactor share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::dead_letter::DeadLetters;
use super::subscriber::Subscriber;
use crate::ack::Outcome;
use crate::class::{Class, PerClass};
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::queue::Queue;

/// Those who want events, as the loop sees them: replaced as a whole when one comes or goes.
pub(super) type Subscribers<E> = Arc<[Arc<Subscriber<E>>]>;

#[derive(Debug)]
pub(super) struct Core<E: Event> {
    pub(super) inlet: Queue<E>,
    pub(super) clock: Clock,
    pub(super) dead_letters: DeadLetters<E>,
    pub(super) handled_age_limit: std::time::Duration,
    /// Events that the loop has passed on or found unwanted. Written by the loop alone.
    pub(super) dispatched: PerClass<AtomicU64>,
    pub(super) unwanted: AtomicU64,
    /// Events that had a reader, which went away before it took them.
    pub(super) orphaned: PerClass<AtomicU64>,
    /// How often a reader that loses nothing has had a class held.
    pub(super) pauses: PerClass<AtomicU64>,
    subscribers: Mutex<Subscribers<E>>,
    /// Counts the changes of the list, so that the loop looks at one number instead of the lock.
    generation: AtomicU64,
    /// Handlers at work; they end with the reactor.
    pub(super) tasks: Mutex<JoinSet<()>>,
    /// Told when a subscriber has come to its end.
    pub(super) ended: Notify,
    closed: AtomicBool,
}

impl<E: Event> Core<E> {
    pub(super) fn new(
        inlet: Queue<E>,
        clock: Clock,
        dead_letters: DeadLetters<E>,
        handled_age_limit: std::time::Duration,
    ) -> Self {
        Self {
            inlet,
            clock,
            dead_letters,
            handled_age_limit,
            dispatched: PerClass::default(),
            unwanted: AtomicU64::new(0),
            orphaned: PerClass::default(),
            pauses: PerClass::default(),
            subscribers: Mutex::new(Arc::new([])),
            generation: AtomicU64::new(0),
            tasks: Mutex::new(JoinSet::new()),
            ended: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn subscribers(&self) -> Subscribers<E> {
        Arc::clone(&self.lock_subscribers())
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, subscriber: Arc<Subscriber<E>>) {
        let mut list = self.lock_subscribers();
        *list = list.iter().cloned().chain([subscriber]).collect();
        self.generation.fetch_add(1, Ordering::Release);
    }

    pub(super) fn remove(&self, subscriber: &Arc<Subscriber<E>>) {
        let mut list = self.lock_subscribers();
        *list = list.iter().filter(|other| !Arc::ptr_eq(other, subscriber)).cloned().collect();
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn lock_subscribers(&self) -> MutexGuard<'_, Subscribers<E>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.inlet.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Settles events that nobody will take any more.
    pub(super) fn drop_all(&self, rest: Vec<Delivery<E>>, cause: &str) {
        for delivery in rest {
            self.orphaned[delivery.class].fetch_add(1, Ordering::Relaxed);
            let (_, ack) = delivery.into_parts();
            ack.settle_because(Outcome::Dropped, cause);
        }
    }

    /// A reader that loses nothing has too much of these classes: no more come in until it has come down.
    pub(super) fn hold(&self, over: &PerClass<bool>) {
        for class in Class::ALL.into_iter().filter(|class| over[*class]) {
            self.pauses[class].fetch_add(1, Ordering::Relaxed);
            self.inlet.hold(class);
        }
    }

    pub(super) fn release(&self, under: &PerClass<bool>) {
        for class in Class::ALL.into_iter().filter(|class| under[*class]) {
            self.inlet.release(class);
        }
    }
}
