//! Events that a handler could not take, each with the cause: kept up to a limit, for whoever looks after them.
//!
//! Always holds: over the limit whoever has the most loses the oldest of its own, so that the flood of one handler never pushes out
//! the single failure of another.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::guard::discard;
use crate::class::Class;
use crate::clock::Moment;

/// Why a handler, a sink or a stage did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It said so.
    Failed(String),
    /// It panicked.
    Panicked(String),
    /// It did not answer in time.
    TimedOut(Duration),
    /// Its mailbox was full.
    MailboxFull,
    /// It had been stopped after failures.
    Stopped,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(formatter, "failed: {why}"),
            Self::Panicked(why) => write!(formatter, "panicked: {why}"),
            Self::TimedOut(limit) => write!(formatter, "took longer than {limit:?}"),
            Self::MailboxFull => formatter.write_str("its mailbox was full"),
            Self::Stopped => formatter.write_str("it had been stopped"),
        }
    }
}

/// An event that was not taken.
#[derive(Debug, Clone)]
pub struct DeadLetter<E> {
    /// The event.
    pub event: E,
    /// Its class.
    pub class: Class,
    /// The handler that did not take it.
    pub handler: Arc<str>,
    /// Why.
    pub cause: Cause,
    /// When.
    pub at: Moment,
}

/// The dead letters of a reactor. Cheap to clone.
#[derive(Debug)]
pub struct DeadLetters<E>(Arc<Inner<E>>);

#[derive(Debug)]
struct Inner<E> {
    kept: Mutex<Kept<E>>,
    arrived: Notify,
    capacity: usize,
}

#[derive(Debug)]
struct Kept<E> {
    /// Of each that has any; never an empty one.
    shares: Vec<Share<E>>,
    count: usize,
    total: u64,
    forgotten: u64,
    closed: bool,
}

/// The letters of one handler, each with its number among all.
#[derive(Debug)]
struct Share<E> {
    handler: Arc<str>,
    letters: VecDeque<(u64, DeadLetter<E>)>,
}

impl<E> Share<E> {
    fn oldest(&self) -> u64 {
        self.letters.front().map_or(u64::MAX, |(number, _)| *number)
    }
}

impl<E> Kept<E> {
    fn add(&mut self, letter: DeadLetter<E>) {
        let number = self.total;
        self.total += 1;
        self.count += 1;
        match self.shares.iter_mut().find(|share| share.handler == letter.handler) {
            Some(share) => share.letters.push_back((number, letter)),
            None => {
                let handler = Arc::clone(&letter.handler);
                self.shares.push(Share { handler, letters: VecDeque::from([(number, letter)]) });
            }
        }
    }

    /// The oldest of all.
    fn take(&mut self) -> Option<DeadLetter<E>> {
        let place = (0..self.shares.len()).min_by_key(|place| self.shares[*place].oldest())?;
        self.take_from(place)
    }

    /// The oldest of whoever has the most.
    fn forget(&mut self) -> Option<DeadLetter<E>> {
        let most = |place: &usize| (self.shares[*place].letters.len(), Reverse(self.shares[*place].oldest()));
        let place = (0..self.shares.len()).max_by_key(most)?;
        self.forgotten += 1;
        self.take_from(place)
    }

    fn take_from(&mut self, place: usize) -> Option<DeadLetter<E>> {
        let (_, letter) = self.shares[place].letters.pop_front()?;
        self.count -= 1;
        if self.shares[place].letters.is_empty() {
            self.shares.swap_remove(place);
        }
        Some(letter)
    }
}

/// Nobody has taken the rest, and each is dropped by itself: a panic in one takes no other along.
impl<E> Drop for Inner<E> {
    fn drop(&mut self) {
        let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
        while let Some(letter) = kept.take() {
            discard(letter);
        }
    }
}

/// How many dead letters there are.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterSnapshot {
    /// Kept now.
    pub kept: usize,
    /// Ever.
    pub total: u64,
    /// Dropped because nobody took them.
    pub forgotten: u64,
}

impl<E> Clone for DeadLetters<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> DeadLetters<E> {
    pub(crate) fn new(capacity: usize) -> Self {
        let kept = Mutex::new(Kept { shares: Vec::new(), count: 0, total: 0, forgotten: 0, closed: false });
        Self(Arc::new(Inner { kept, arrived: Notify::new(), capacity: capacity.max(1) }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept<E>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, letter: DeadLetter<E>) {
        let mut kept = self.lock();
        kept.add(letter);
        let forgotten = if kept.count > self.0.capacity { kept.forget() } else { None };
        drop(kept);
        self.0.arrived.notify_one();
        discard(forgotten);
    }

    /// No more are to be expected: whoever waits for one learns it.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.arrived.notify_waiters();
    }

    /// Takes the oldest one, without waiting.
    pub fn try_next(&self) -> Option<DeadLetter<E>> {
        self.lock().take()
    }

    /// Takes the oldest one, waiting until there is one. `None` when there is none and whoever writes them has been shut down.
    pub async fn next(&self) -> Option<DeadLetter<E>> {
        loop {
            let arrived = self.0.arrived.notified();
            let (letter, closed) = {
                let mut kept = self.lock();
                (kept.take(), kept.closed)
            };
            if letter.is_some() {
                // Another one may wait for the next.
                self.0.arrived.notify_one();
                return letter;
            }
            if closed {
                return None;
            }
            arrived.await;
        }
    }

    /// How many there are.
    pub fn snapshot(&self) -> DeadLetterSnapshot {
        let kept = self.lock();
        DeadLetterSnapshot { kept: kept.count, total: kept.total, forgotten: kept.forgotten }
    }
}
