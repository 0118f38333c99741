//! A feed: messages with numbers, of which the last are kept for those who follow.
//!
//! Filled by whoever publishes, usually a [`FeedSink`](super::FeedSink); read by one session for each connection, each with no more
//! memory of its own than a number. A session that is slow is passed by, never waited for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::ring::Ring;
use super::shelf::{After, FeedCounts, FeedSnapshot, Hello, Shelf};
use super::words::ENVELOPE_BYTES_MAX;
use crate::unique::unique_name;

/// How much a feed keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedLimits {
    /// Most messages.
    pub messages_max: usize,
    /// Most bytes in all of them.
    pub bytes_max: usize,
    /// Largest message, in bytes of JSON.
    pub message_bytes_max: usize,
    /// What happens when it is full.
    pub keep: Keep,
}

impl Default for FeedLimits {
    /// Four thousand messages, 8 MiB in all, 256 KiB each.
    fn default() -> Self {
        Self { messages_max: 4_096, bytes_max: 8 * 1024 * 1024, message_bytes_max: 256 * 1024, keep: Keep::Latest }
    }
}

/// What a feed does when it is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The oldest message goes; whoever had not seen it is told of a gap.
    #[default]
    Latest,
    /// Whoever publishes waits until a receiver has seen the oldest. For one receiver that must not miss anything.
    UntilSeen,
}

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// It cannot be written as JSON.
    #[error("the event cannot be written as JSON: {0}")]
    Unwritable(String),
    /// It is too large.
    #[error("the event has {bytes} bytes of JSON; at most {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

/// Messages with numbers. Cheap to clone; clones are the same feed.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    limits: FeedLimits,
    ring: Mutex<Ring>,
    /// The newest number.
    grown: watch::Sender<u64>,
    /// Everything up to here has been seen by a receiver.
    seen: watch::Sender<u64>,
    counts: FeedCounts,
}

impl Feed {
    /// A new feed with a name of its own.
    pub fn new(limits: FeedLimits) -> Self {
        let ring = Ring::new(limits.messages_max.max(1), limits.bytes_max);
        Self(Arc::new(Inner {
            name: unique_name(),
            limits,
            ring: Mutex::new(ring),
            grown: watch::Sender::new(0),
            seen: watch::Sender::new(0),
            counts: FeedCounts::default(),
        }))
    }

    /// Publishes a message and gives its number. Waits for room only where the feed keeps what was not seen.
    pub async fn publish(&self, event: &impl Serialize) -> Result<u64, Unpublished> {
        let json = self.write(event)?;
        Ok(self.publish_json(&json).await)
    }

    /// How it stands.
    pub fn snapshot(&self) -> FeedSnapshot {
        let (published, kept, bytes) = {
            let ring = self.ring();
            (ring.next() - 1, ring.len(), ring.bytes())
        };
        let (name, seen) = (self.0.name.clone(), *self.0.seen.borrow());
        FeedSnapshot { name, published, kept, bytes, seen, ..self.0.counts.snapshot() }
    }

    /// The JSON of an event, if it may go in.
    pub(super) fn write(&self, event: &impl Serialize) -> Result<String, Unpublished> {
        let json = serde_json::to_string(event).map_err(|error| Unpublished::Unwritable(error.to_string()))?;
        let (bytes, max) = (json.len(), self.0.limits.message_bytes_max);
        if bytes > max { Err(Unpublished::TooLarge { bytes, max }) } else { Ok(json) }
    }

    pub(super) async fn publish_json(&self, json: &str) -> u64 {
        let mut seen = self.0.seen.subscribe();
        loop {
            {
                let mut ring = self.ring();
                if self.keep() == Keep::Latest || ring.has_room(json.len() + ENVELOPE_BYTES_MAX) {
                    let number = ring.push(json);
                    drop(ring);
                    raise(&self.0.grown, number);
                    return number;
                }
            }
            // The feed holds the other end itself, so this only ends with news.
            let _ = seen.changed().await;
        }
    }

    /// Waits until a receiver has seen everything up to a number.
    pub(super) async fn until_seen(&self, number: u64) {
        let mut seen = self.0.seen.subscribe();
        // The feed holds the other end itself, so this only ends with news.
        let _ = seen.wait_for(|seen| *seen >= number).await;
    }

    pub(super) fn keep(&self) -> Keep {
        self.0.limits.keep
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf for Feed {
    async fn hello(&self) -> Result<Hello, String> {
        let ring = self.ring();
        Ok(Hello { feed: self.0.name.clone(), oldest: ring.oldest(), next: ring.next() })
    }

    async fn after(&self, number: u64, max: usize) -> Result<After, String> {
        Ok(self.ring().after(number, max))
    }

    async fn more(&self, number: u64) -> Result<(), String> {
        let mut grown = self.0.grown.subscribe();
        // The feed holds the other end itself, so this only ends with news.
        let _ = grown.wait_for(|newest| *newest > number).await;
        Ok(())
    }

    fn note_seen(&self, number: u64) {
        if self.keep() == Keep::UntilSeen {
            self.ring().forget(number);
        }
        raise(&self.0.seen, number);
    }

    fn counts(&self) -> &FeedCounts {
        &self.0.counts
    }
}

/// Announces a number, unless a higher one has been: of two who come at the same time, the later number may be announced first.
fn raise(announced: &watch::Sender<u64>, number: u64) {
    announced.send_if_modified(|highest| {
        let news = number > *highest;
        *highest = number.max(*highest);
        news
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::FutureExt;

    use super::*;

    #[test]
    fn what_is_announced_never_goes_back_whoever_publishes() {
        // Would break: a message that is in the feed and is not sent before the next one comes, because of two that were published at
        // the same time the first was announced last.
        const MESSAGES: usize = 20_000;
        let feed = Feed::new(FeedLimits { messages_max: 16, ..FeedLimits::default() });
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                let mut highest = 0;
                while !over.load(Ordering::Relaxed) {
                    let announced = *feed.0.grown.borrow();
                    if announced < highest {
                        return false;
                    }
                    highest = announced;
                }
                true
            });
            let publish = || {
                for _ in 0..MESSAGES {
                    feed.publish_json("1").now_or_never().expect("the latest are kept");
                }
            };
            let publishers = [scope.spawn(publish), scope.spawn(publish), scope.spawn(publish)];
            for publisher in publishers {
                publisher.join().expect("it publishes");
            }
            over.store(true, Ordering::Relaxed);
            assert!(watching.join().expect("it watches"), "an older number was announced after a newer one");
        });
        assert_eq!(*feed.0.grown.borrow(), 3 * MESSAGES as u64);
    }
}
