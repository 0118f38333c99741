//! What comes in, as a stream: events and gaps, in the order of each feed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use homeostat_reactor::{Clock, Delivery, Event};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::desk::Desk;
use super::places::{Gap, Origin};
use super::wire::Liveness;
use crate::door::Opened;

/// How much is taken in, and how long the other side is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiveOptions {
    /// Events that may wait for the reader.
    pub capacity: usize,
    /// Messages of one feed that may have been taken and not handled; then no more are taken.
    pub unsettled_max: usize,
    /// Largest message, in bytes.
    pub message_bytes_max: usize,
    /// Senders that are remembered, where several may push.
    pub feeds_max: usize,
    /// How long the other side is waited for.
    pub liveness: Liveness,
}

impl Default for ReceiveOptions {
    /// A thousand waiting, a thousand unsettled, 256 KiB and its envelope, a thousand senders.
    fn default() -> Self {
        Self {
            capacity: 1_024,
            unsettled_max: 1_024,
            message_bytes_max: 257 * 1024,
            feeds_max: 1_024,
            liveness: Liveness::default(),
        }
    }
}

/// Where to begin the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With what is to come.
    Now,
    /// With everything that the sender keeps.
    Oldest,
    /// Behind a message that an earlier process has handled.
    After(Origin),
}

/// Something that came in.
#[derive(Debug)]
pub enum Arrival<T> {
    /// A message, with the acknowledgement that tells its sender when it has been handled. One that is dropped without a word comes
    /// again.
    Event {
        /// The message.
        delivery: Delivery<T>,
        /// Where it comes from.
        origin: Origin,
    },
    /// Messages are missing here.
    Gap(Gap),
}

/// How a receiver stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncomingSnapshot {
    /// Messages taken.
    pub events: u64,
    /// Messages that had been taken before.
    pub duplicates: u64,
    /// Gaps told.
    pub gaps: u64,
    /// Sessions so far.
    pub sessions: u64,
    /// Sessions now.
    pub sessions_open: u64,
    /// Messages taken and not handled yet.
    pub unsettled: usize,
    /// Messages that were dropped or abandoned here each time they were taken, and count as seen all the same.
    pub given_up: u64,
    /// Senders that are remembered.
    pub feeds: usize,
    /// Why the last session or the last attempt at one ended.
    pub last_end: Option<String>,
}

/// Messages of others; made by [`follow`](super::follow) and [`collect`](super::collect). Dropping it ends all sessions.
#[derive(Debug)]
pub struct Incoming<T> {
    arrivals: mpsc::Receiver<Arrival<T>>,
    desk: Arc<Desk<T>>,
    clock: Clock,
    at_work: AtWork,
}

#[derive(Debug)]
pub(super) enum AtWork {
    Connecting(#[expect(dead_code, reason = "ends with the stream")] JoinSet<()>),
    Listening(Opened),
}

impl<T> Incoming<T> {
    pub(super) const fn new(
        arrivals: mpsc::Receiver<Arrival<T>>,
        desk: Arc<Desk<T>>,
        clock: Clock,
        at_work: AtWork,
    ) -> Self {
        Self { arrivals, desk, clock, at_work }
    }

    /// Where it listens, if it does.
    pub const fn address(&self) -> Option<SocketAddr> {
        match &self.at_work {
            AtWork::Connecting(_) => None,
            AtWork::Listening(opened) => Some(opened.address),
        }
    }

    /// How it stands.
    pub fn snapshot(&self) -> IncomingSnapshot {
        self.desk.snapshot()
    }

    /// Events and gaps as one kind of event, for a router or an emitter: a gap cannot be overlooked.
    pub fn deliveries<E>(self) -> impl Stream<Item = Delivery<E>> + Unpin
    where
        E: Event + From<T> + From<Gap>,
    {
        let clock = self.clock.clone();
        self.map(move |arrival| match arrival {
            Arrival::Event { delivery, .. } => delivery.map(E::from),
            Arrival::Gap(gap) => {
                let event = E::from(gap);
                let class = event.class();
                Delivery::new(event, class, clock.now())
            }
        })
    }
}

impl<T> Stream for Incoming<T> {
    type Item = Arrival<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Arrival<T>>> {
        self.arrivals.poll_recv(context)
    }
}
