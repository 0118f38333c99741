//! What all parts of one reactor share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::dead_letter::DeadLetters;
use super::guard::discard;
use super::subscriber::Subscriber;
use crate::ack::Outcome;
use crate::class::{Class, PerClass};
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::queue::Queue;

/// Why an event was dropped that still waited when the reactor ended.
pub(super) const SHUT_DOWN: &str = "the reactor was shut down";

/// Those who want events, as the loop sees them: replaced as a whole when one comes or goes.
pub(super) type Subscribers<E> = Arc<[Arc<Subscriber<E>>]>;

#[derive(Debug)]
struct Listed<E: Event> {
    here: Subscribers<E>,
    /// Events that the full mailboxes of those who have gone had lost.
    lost_by_departed: PerClass<u64>,
}

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
    /// Events in calls that were dropped before they had ended: nobody knows how far they got.
    pub(super) cut_off: PerClass<AtomicU64>,
    /// How often a reader that loses nothing has had a class held.
    pub(super) pauses: PerClass<AtomicU64>,
    subscribers: Mutex<Listed<E>>,
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
            cut_off: PerClass::default(),
            pauses: PerClass::default(),
            subscribers: Mutex::new(Listed { here: Arc::new([]), lost_by_departed: PerClass::default() }),
            generation: AtomicU64::new(0),
            tasks: Mutex::new(JoinSet::new()),
            ended: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn subscribers(&self) -> Subscribers<E> {
        Arc::clone(&self.lock_subscribers().here)
    }

    /// All that full mailboxes have lost, also those of subscribers that have gone, beside the subscribers that are here.
    pub(super) fn subscribers_and_lost(&self) -> (Subscribers<E>, PerClass<u64>) {
        let listed = self.lock_subscribers();
        (Arc::clone(&listed.here), listed.lost_by_departed)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, subscriber: Arc<Subscriber<E>>) {
        let mut listed = self.lock_subscribers();
        listed.here = listed.here.iter().cloned().chain([subscriber]).collect();
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Its mailbox must have been closed: what it has lost is added up here.
    pub(super) fn remove(&self, subscriber: &Arc<Subscriber<E>>) {
        let mailbox = subscriber.mailbox.snapshot();
        let mut listed = self.lock_subscribers();
        listed.here = listed.here.iter().filter(|other| !Arc::ptr_eq(other, subscriber)).cloned().collect();
        for (class, lost) in listed.lost_by_departed.iter_mut() {
            *lost += mailbox[class].0.losses.dropped();
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn lock_subscribers(&self) -> MutexGuard<'_, Listed<E>> {
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

    /// Ends it for everyone: nobody gets anything more, what waits is settled, and whoever reads comes to the end.
    pub(super) fn end_at_once(&self) {
        self.close();
        let mut rest = Vec::new();
        self.inlet.drain_rest(&mut rest);
        for subscriber in self.subscribers().iter() {
            subscriber.mailbox.close();
            subscriber.mailbox.drain_rest(&mut rest);
        }
        self.drop_all(rest, SHUT_DOWN);
        self.dead_letters.close();
    }

    /// Settles events that nobody will take any more.
    pub(super) fn drop_all(&self, rest: impl IntoIterator<Item = Delivery<E>>, cause: &str) {
        for delivery in rest {
            self.orphaned[delivery.class].fetch_add(1, Ordering::Relaxed);
            let (event, ack) = delivery.into_parts();
            ack.settle_because(Outcome::Dropped, cause);
            discard(event);
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
