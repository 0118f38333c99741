//! What the sending side sends from: numbered messages, wherever they are kept.
//!
//! Implemented by [`Feed`](super::Feed), which keeps the last ones in memory, and by [`DurableFeed`](super::DurableFeed), which reads
//! them where they are on disk. A session knows only this.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What can be served and pushed: a [`Feed`](super::Feed) or a [`DurableFeed`](super::DurableFeed).
pub trait Outgoing: Shelf {}

impl<S: Shelf> Outgoing for S {}

/// Numbered messages. Cheap to clone; clones are the same shelf.
pub trait Shelf: Clone + Send + Sync + 'static {
    /// Its name and the numbers it has now, or why it cannot say.
    fn hello(&self) -> impl Future<Output = Result<Hello, String>> + Send;

    /// What follows a number, up to so many messages, or why it cannot be had.
    fn after(&self, number: u64, max: usize) -> impl Future<Output = Result<After, String>> + Send;

    /// Returns once something follows a number, or why nothing ever will.
    fn more(&self, number: u64) -> impl Future<Output = Result<(), String>> + Send;

    /// A receiver has seen everything up to a number that it was sent.
    fn note_seen(&self, number: u64);

    /// What sessions count.
    fn counts(&self) -> &FeedCounts;
}

/// What a session begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name of the feed.
    pub feed: String,
    /// The oldest number that is kept; `next` when none is.
    pub oldest: u64,
    /// The number that the next message will have.
    pub next: u64,
}

/// What follows a number.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// These words, at least one, carry a receiver on to this number.
    Words {
        /// Messages, and what passes over numbers between them.
        words: Vec<Utf8Bytes>,
        /// How many of them are messages.
        messages: u64,
        /// The last number they tell of.
        upto: u64,
    },
    /// The next ones are lost; it goes on with this number.
    Lost {
        /// The next number that is kept, or that will be given.
        next: u64,
    },
    /// Nothing yet.
    Nothing,
    /// There is no such number yet: whoever asks means another feed.
    Unknown,
}

/// What sessions count.
#[derive(Debug, Default)]
pub struct FeedCounts {
    pub(super) sessions: AtomicU64,
    pub(super) sessions_open: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) messages_missed: AtomicU64,
    pub(super) slow_dropped: AtomicU64,
    pub(super) misbehaved: AtomicU64,
}

/// How a feed stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedSnapshot {
    /// Its name: a receiver that knew another one knows that numbers began anew.
    pub name: String,
    /// The newest number; of a durable feed, as far as it has been read.
    pub published: u64,
    /// Messages kept in memory.
    pub kept: usize,
    /// Bytes kept in memory.
    pub bytes: usize,
    /// Everything up to this number has been seen by a receiver.
    pub seen: u64,
    /// Sessions so far.
    pub sessions: u64,
    /// Sessions now.
    pub sessions_open: u64,
    /// Messages sent, over all sessions.
    pub sent: u64,
    /// Gaps that receivers were told of.
    pub gaps: u64,
    /// Messages in these gaps.
    pub messages_missed: u64,
    /// Sessions that were ended because their receiver was too slow.
    pub slow_dropped: u64,
    /// Sessions that were ended because their receiver broke the rules.
    pub misbehaved: u64,
}

impl FeedCounts {
    /// The part of a snapshot that is counted here.
    pub(super) fn snapshot(&self) -> FeedSnapshot {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        FeedSnapshot {
            sessions: get(&self.sessions),
            sessions_open: get(&self.sessions_open),
            sent: get(&self.sent),
            gaps: get(&self.gaps),
            messages_missed: get(&self.messages_missed),
            slow_dropped: get(&self.slow_dropped),
            misbehaved: get(&self.misbehaved),
            ..FeedSnapshot::default()
        }
    }
}
