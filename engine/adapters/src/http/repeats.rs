//! Requests that come again: the same key gets the same answer, and its events are taken in once.
//!
//! Kept in memory, so many and so long: a client that repeats later than that, or after a restart of ours, must be recognised by what
//! its events do.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use hyper::StatusCode;

/// Keys that are remembered: a client that repeats does so within its next few requests.
const KEYS_MAX: usize = 4_096;

/// How long a key is remembered: longer than any patience with retries.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What a client was told: the status and the answer, or the status and why not.
pub(super) type Told = Result<(StatusCode, String), (StatusCode, String)>;

#[derive(Debug)]
pub(super) struct Repeats {
    known: Mutex<Known>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Known {
    by_key: HashMap<String, Entry>,
    /// Oldest first. A key that was forgotten early, or that came again since, may stand here with its old moment.
    order: VecDeque<(Moment, String)>,
}

#[derive(Debug)]
struct Entry {
    content: u64,
    since: Moment,
    /// `None` while the first request is being worked on.
    told: Option<Told>,
}

/// What is known of a key.
pub(super) enum Seen<'a> {
    /// Nothing: work on it, and say what came of it.
    First(FirstTime<'a>),
    /// It was answered like this.
    Again(Told),
    /// The first request with it is still being worked on.
    UnderWay,
    /// It came with another content.
    OtherContent,
}

/// The first request with a key. Dropped without an answer, it is as if the key had never come.
pub(super) struct FirstTime<'a> {
    repeats: &'a Repeats,
    key: String,
}

impl Repeats {
    pub(super) fn new(clock: Clock) -> Self {
        Self { known: Mutex::default(), clock }
    }

    pub(super) fn ask(&self, key: &str, content: &[u8]) -> Seen<'_> {
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let content = hasher.finish();
        let now = self.clock.now();
        let mut known = self.lock();
        known.forget(now);
        match known.by_key.get(key) {
            Some(entry) if entry.content != content => Seen::OtherContent,
            Some(Entry { told: Some(told), .. }) => Seen::Again(told.clone()),
            Some(_) => Seen::UnderWay,
            None => {
                known.by_key.insert(key.to_owned(), Entry { content, since: now, told: None });
                known.order.push_back((now, key.to_owned()));
                Seen::First(FirstTime { repeats: self, key: key.to_owned() })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self, now: Moment) {
        while let Some((since, _)) = self.order.front()
            && (self.order.len() >= KEYS_MAX || now.since(*since) >= REMEMBERED)
        {
            let Some((since, key)) = self.order.pop_front() else { return };
            if self.by_key.get(&key).is_some_and(|entry| entry.since == since) {
                self.by_key.remove(&key);
            }
        }
    }
}

impl FirstTime<'_> {
    /// Whoever comes again is told this. May be said twice: the later word counts.
    pub(super) fn tell(&self, told: Told) {
        if let Some(entry) = self.repeats.lock().by_key.get_mut(&self.key) {
            entry.told = Some(told);
        }
    }
}

impl Drop for FirstTime<'_> {
    fn drop(&mut self) {
        let mut known = self.repeats.lock();
        if known.by_key.get(&self.key).is_some_and(|entry| entry.told.is_none()) {
            known.by_key.remove(&self.key);
        }
    }
}
