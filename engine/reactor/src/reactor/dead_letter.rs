//! Events that a handler could not take, each with the cause: kept up to a limit, for whoever looks after them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

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
    letters: VecDeque<DeadLetter<E>>,
    total: u64,
    forgotten: u64,
}

/// How many dead letters there are.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterSnapshot {
    /// Kept now.
    pub kept: usize,
    /// Ever.
    pub total: u64,
    /// The oldest, dropped because nobody took them.
    pub forgotten: u64,
}

impl<E> Clone for DeadLetters<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> DeadLetters<E> {
    pub(crate) fn new(capacity: usize) -> Self {
        let kept = Mutex::new(Kept { letters: VecDeque::new(), total: 0, forgotten: 0 });
        Self(Arc::new(Inner { kept, arrived: Notify::new(), capacity: capacity.max(1) }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept<E>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, letter: DeadLetter<E>) {
        let mut kept = self.lock();
        kept.total += 1;
        let oldest = if kept.letters.len() >= self.0.capacity { kept.letters.pop_front() } else { None };
        kept.forgotten += u64::from(oldest.is_some());
        kept.letters.push_back(letter);
        drop(kept);
        self.0.arrived.notify_one();
    }

    /// Takes the oldest one, without waiting.
    pub fn try_next(&self) -> Option<DeadLetter<E>> {
        self.lock().letters.pop_front()
    }

    /// Takes the oldest one, waiting until there is one.
    pub async fn next(&self) -> DeadLetter<E> {
        loop {
            let arrived = self.0.arrived.notified();
            if let Some(letter) = self.try_next() {
                // Another one may wait for the next.
                self.0.arrived.notify_one();
                return letter;
            }
            arrived.await;
        }
    }

    /// How many there are.
    pub fn snapshot(&self) -> DeadLetterSnapshot {
        let kept = self.lock();
        DeadLetterSnapshot { kept: kept.letters.len(), total: kept.total, forgotten: kept.forgotten }
    }
}
