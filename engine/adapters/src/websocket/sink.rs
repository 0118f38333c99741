//! A feed as a target of rules: what a router sends it is published, once for each batch however often it is tried.

use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use homeostat_reactor::route::{Batch, Sink, SinkError};
use serde::Serialize;

use super::feed::{Feed, Keep};

/// Publishes events on a feed.
///
/// Where the feed keeps the latest, an event has arrived once it is in the feed. Where it keeps what was not seen, an event has
/// arrived once a receiver has seen it; a batch that is tried again is not published again, only waited for. It stays in the feed
/// even when it is given up: a dead letter of such a feed may still arrive.
#[derive(Debug)]
pub struct FeedSink<E> {
    name: String,
    feed: Feed,
    progress: Mutex<Progress>,
    events: PhantomData<fn(E)>,
}

/// How far the newest batch has got.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    batch: u64,
    published: usize,
    last_number: u64,
}

impl<E: Serialize> FeedSink<E> {
    /// Publishes on a feed. One sink for a feed that keeps what was not seen.
    pub fn new(name: impl Into<String>, feed: Feed) -> Self {
        Self { name: name.into(), feed, progress: Mutex::default(), events: PhantomData }
    }

    fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_progress(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

impl<E: Serialize + Send + Sync + 'static> Sink<E> for FeedSink<E> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, batch: Batch<'_, E>) -> Result<(), SinkError> {
        // All are judged before the first is published: what is refused must not have arrived in part.
        let written: Result<Vec<_>, _> =
            batch.deliveries.iter().map(|delivery| self.feed.write(&delivery.event)).collect();
        let written = written.map_err(SinkError::refused)?;
        let mut progress = self.progress();
        if progress.batch != batch.id {
            progress = Progress { batch: batch.id, ..Progress::default() };
        }
        for json in written.iter().skip(progress.published) {
            progress.last_number = self.feed.publish_json(json).await;
            progress.published += 1;
            self.set_progress(progress);
        }
        if self.feed.keep() == Keep::UntilSeen {
            self.feed.until_seen(progress.last_number).await;
        }
        Ok(())
    }
}
