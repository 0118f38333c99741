//! Leaves out what has been seen: just before, or within a bounded memory. Made by [`distinct`](super::StreamOps::distinct),
//! [`distinct_by`](super::StreamOps::distinct_by) and [`distinct_within`](super::StreamOps::distinct_within).
//!
//! Holds no item. The memory never has more keys than its limit; where it is full the oldest key is forgotten, and an item with that
//! key goes through once more: rather twice than not at all.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;

use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};
use crate::clock::{Clock, Moment};

/// Takes the whole item as the key.
pub(super) type Whole<T> = fn(&T) -> T;

/// See [`distinct_by`](super::StreamOps::distinct_by).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Distinct<S: Stream, K, F> {
    source: Upstream<S>,
    key_of: F,
    last: Option<K>,
    leave_out: fn(S::Item),
}

impl<S: Stream, K, F> Distinct<S, K, F> {
    pub(super) fn new(source: S, key_of: F, leave_out: fn(S::Item)) -> Self {
        Self { source: Upstream::new(source), key_of, last: None, leave_out }
    }
}

impl<S: Stream, K, F> Unpin for Distinct<S, K, F> {}

impl<S: Stream, K: PartialEq, F: FnMut(&S::Item) -> K> Stream for Distinct<S, K, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        for _ in 0..LEFT_OUT_AT_ONCE_MAX {
            let Some(item) = ready!(this.source.poll_next(context)) else { return Poll::Ready(None) };
            let key = Some((this.key_of)(&item));
            if this.last != key {
                this.last = key;
                return Poll::Ready(Some(item));
            }
            (this.leave_out)(item);
        }
        pause(context)
    }
}

/// How much [`distinct_within`](super::StreamOps::distinct_within) remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// At most this many keys; at least one.
    pub keys_max: usize,
    /// Each for this long after the item that went through.
    pub time_to_live: Duration,
}

/// See [`distinct_within`](super::StreamOps::distinct_within).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct DistinctWithin<S: Stream, K, F> {
    source: Upstream<S>,
    key_of: F,
    seen: Seen<K>,
    leave_out: fn(S::Item),
}

impl<S: Stream, K, F> DistinctWithin<S, K, F> {
    pub(super) fn new(source: S, memory: Memory, key_of: F, clock: &Clock, leave_out: fn(S::Item)) -> Self {
        let seen = Seen { memory, clock: clock.clone(), keys: HashSet::new(), oldest_first: VecDeque::new() };
        Self { source: Upstream::new(source), key_of, seen, leave_out }
    }

    /// How many keys it remembers now.
    pub fn remembered(&self) -> usize {
        self.seen.oldest_first.len()
    }
}

impl<S: Stream, K, F> Unpin for DistinctWithin<S, K, F> {}

impl<S: Stream, K: Hash + Eq + Clone, F: FnMut(&S::Item) -> K> Stream for DistinctWithin<S, K, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        for _ in 0..LEFT_OUT_AT_ONCE_MAX {
            let Some(item) = ready!(this.source.poll_next(context)) else { return Poll::Ready(None) };
            if this.seen.is_new((this.key_of)(&item)) {
                return Poll::Ready(Some(item));
            }
            (this.leave_out)(item);
        }
        pause(context)
    }
}

/// The keys of a while, and since when each is known.
#[derive(Debug)]
struct Seen<K> {
    memory: Memory,
    clock: Clock,
    keys: HashSet<K>,
    /// The same keys; their moments never fall from front to back.
    oldest_first: VecDeque<(K, Moment)>,
}

impl<K: Hash + Eq + Clone> Seen<K> {
    /// Whether the key was not known; now it is.
    fn is_new(&mut self, key: K) -> bool {
        let now = self.clock.now();
        self.forget_old(now);
        if self.keys.contains(&key) {
            return false;
        }
        while self.oldest_first.len() >= self.memory.keys_max.max(1) {
            self.forget_oldest();
        }
        self.keys.insert(key.clone());
        self.oldest_first.push_back((key, now));
        true
    }

    fn forget_old(&mut self, now: Moment) {
        // When the clock has gone back, what was seen in its future counts as seen now; otherwise it would be remembered for as long
        // as the clock needs to come back.
        for (_, since) in self.oldest_first.iter_mut().rev().take_while(|(_, since)| *since > now) {
            *since = now;
        }
        while self.oldest_first.front().is_some_and(|(_, since)| now.since(*since) >= self.memory.time_to_live) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((key, _)) = self.oldest_first.pop_front() {
            self.keys.remove(&key);
        }
    }
}
