//! A feed of what is kept on disk: the numbers are the offsets of a durable source.
//!
//! Served and pushed like a [`Feed`](super::Feed). Always holds: a message goes out only when its item is durable, and a number means
//! the same item for ever, so that a receiver goes on where it stopped although this process was killed and started again.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homeostat_reactor::Offset;
use homeostat_reactor::durable::{DurableSource, SourceError};
use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::shelf::{After, FeedCounts, FeedSnapshot, Hello, Shelf};
use super::words::{FEED_BYTES_MAX, Sent, event_text, text};
use crate::error::AdapterError;

/// Beyond everything that a source has given out: asked for what follows, it says what its last offset is.
const BEYOND: Offset = Offset(u64::MAX - 1);

/// The items of a durable source as messages. Cheap to clone; clones are the same feed.
///
/// ```
/// use homeostat_adapters::{Door, websocket::{DurableFeed, Liveness, serve}};
/// use homeostat_reactor::Clock;
/// use homeostat_reactor::durable::Memory;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In earnest this is `Journal::source()` of homeostat-store.
/// let orders: Memory<u64, ()> = Memory::new();
/// let large = |amount: &u64| (*amount > 100).then_some(*amount);
/// let feed = DurableFeed::new("shop.large", orders, large)?;
/// let server = serve(&feed, Door::local(0).path("/large"), Liveness::default(), Clock::machine()).await?;
/// println!("ws://{}/large", server.address());
/// # Ok(())
/// # }
/// ```
///
/// It needs no room of its own and waits for nobody: how far back a receiver can go on is what the source keeps. What the source no
/// longer has is told as a gap.
pub struct DurableFeed<S, T, F>(Arc<Inner<S, T, F>>);

struct Inner<S, T, F> {
    name: String,
    source: S,
    make: F,
    counts: FeedCounts,
    newest: AtomicU64,
    seen: AtomicU64,
    events: PhantomData<fn() -> T>,
}

impl<S, T, F> DurableFeed<S, T, F>
where
    S: DurableSource,
    T: Serialize + 'static,
    F: Fn(&S::Item) -> Option<T> + Send + Sync + 'static,
{
    /// Sends what `make` makes of each item; items of which it makes nothing are passed over and are no gap. The name stands for the
    /// source and must be the same after every restart, and another one when the source is another.
    pub fn new(name: impl Into<String>, source: S, make: F) -> Result<Self, AdapterError> {
        let name = name.into();
        if name.is_empty() || name.len() > FEED_BYTES_MAX {
            return Err(AdapterError::Name { name, reason: "a feed's name has 1 to 128 bytes" });
        }
        let (newest, seen) = (AtomicU64::new(0), AtomicU64::new(0));
        let counts = FeedCounts::default();
        Ok(Self(Arc::new(Inner { name, source, make, counts, newest, seen, events: PhantomData })))
    }

    /// How it stands.
    pub fn snapshot(&self) -> FeedSnapshot {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (name, published, seen) = (self.0.name.clone(), get(&self.0.newest), get(&self.0.seen));
        FeedSnapshot { name, published, seen, ..self.0.counts.snapshot() }
    }

    /// The words for some items that follow a number.
    fn words(&self, number: u64, items: &[(Offset, S::Item)]) -> After {
        let Some((Offset(upto), _)) = items.last() else { return After::Nothing };
        let mut words: Vec<Utf8Bytes> = Vec::with_capacity(items.len());
        let (mut last, mut messages) = (number, 0);
        for (Offset(number), item) in items {
            let Some(event) = (self.0.make)(item) else { continue };
            if *number > last + 1 {
                words.push(text(&Sent::Pass { next: *number }));
            }
            last = *number;
            match serde_json::to_string(&event) {
                Ok(json) => {
                    words.push(event_text(*number, &json));
                    messages += 1;
                }
                // It would be the same the next time: the rest must not wait for it.
                Err(error) => {
                    tracing::warn!(target: "homeostat_adapters", feed = self.0.name, number, %error, "an item cannot be sent");
                    self.0.counts.gaps.fetch_add(1, Ordering::Relaxed);
                    words.push(text(&Sent::Gap { next: number + 1 }));
                }
            }
        }
        if last < *upto {
            words.push(text(&Sent::Pass { next: upto + 1 }));
        }
        self.0.newest.fetch_max(*upto, Ordering::Relaxed);
        After::Words { words, messages, upto: *upto }
    }
}

impl<S, T, F> Shelf for DurableFeed<S, T, F>
where
    S: DurableSource,
    T: Serialize + 'static,
    F: Fn(&S::Item) -> Option<T> + Send + Sync + 'static,
{
    async fn hello(&self) -> Result<Hello, String> {
        let last = match self.0.source.read(BEYOND, 1).await {
            Err(SourceError::Ahead { last, .. }) => last.0,
            Err(error) => return Err(error.to_string()),
            Ok(_) => return Err("the source has no more numbers to give".to_owned()),
        };
        let oldest = match self.0.source.read(Offset::START, 1).await {
            Ok(items) => items.first().map_or(last + 1, |(first, _)| first.0),
            Err(SourceError::Pruned { first, .. }) => first.0,
            Err(error) => return Err(error.to_string()),
        };
        self.0.newest.fetch_max(last, Ordering::Relaxed);
        // Something may have been appended between the two questions.
        Ok(Hello { feed: self.0.name.clone(), oldest, next: oldest.max(last + 1) })
    }

    async fn after(&self, number: u64, max: usize) -> Result<After, String> {
        match self.0.source.read(Offset(number), max).await {
            Ok(items) => Ok(self.words(number, &items)),
            Err(SourceError::Pruned { first, .. }) => Ok(After::Lost { next: first.0 }),
            Err(SourceError::Ahead { .. }) => Ok(After::Unknown),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn more(&self, number: u64) -> Result<(), String> {
        self.0.source.more(Offset(number)).await.map_err(|error| error.to_string())
    }

    fn note_seen(&self, number: u64) {
        self.0.seen.fetch_max(number, Ordering::Relaxed);
    }

    fn counts(&self) -> &FeedCounts {
        &self.0.counts
    }
}

impl<S, T, F> Clone for DurableFeed<S, T, F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, T, F> fmt::Debug for DurableFeed<S, T, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DurableFeed").field("name", &self.0.name).finish_non_exhaustive()
    }
}
