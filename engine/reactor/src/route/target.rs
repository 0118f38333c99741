//! What a rule can name: a sink, a handler or a stream, each with a mailbox of its own.
//!
//! Built by whoever sets a router up. How a target behaves when it is slow or failing is chosen here, once, and never concerns
//! another target.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Stream};

use super::mailbox::Mailbox;
use super::sink::{Batch, Sink, SinkError};
use super::tally::TargetTally;
use super::worker::{Work, work};
use crate::ack::Outcome;
use crate::clock::Moment;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::overflow::Overflow;
use crate::queue::lanes::Lane;
use crate::reactor::{Answer, Backoff};

/// Events of a class that wait for a target, unless told otherwise: a second's worth at a thousand a second.
const MAILBOX: Lane = Lane { capacity: 1_024, overflow: Overflow::DropOldest };

/// Events that a sink gets at once at most, unless told otherwise.
const BATCH_MAX: usize = 64;

/// How long a sink may take for a batch, unless told otherwise.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Events that a stream takes out of its mailbox at once.
const STREAM_BATCH_MAX: usize = 64;

/// How a target's worker behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) batch_max: usize,
    pub(super) time_max: Duration,
    pub(super) backoff: Backoff,
}

/// Where a router can send events.
#[must_use = "a target does nothing until it is given to a router"]
pub struct Target<E> {
    pub(super) name: String,
    pub(super) lane: Lane,
    pub(super) patience: Patience,
    pub(super) end: End<E>,
}

/// Who empties the mailbox.
pub(super) enum End<E> {
    /// A worker, started with the router.
    Worker { shape: Shape, start: Box<dyn FnOnce(Work<E>) -> BoxFuture<'static, ()> + Send> },
    /// A stream that has been handed out already, with its mailbox and its counts.
    Stream(Arc<Mailbox<E>>, Arc<TargetTally>),
}

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Sink,
    Handler,
    Stream,
}

impl<E: Event> Target<E> {
    /// A sink: a journal, an outside system. Its own name is the target's.
    pub fn sink(sink: impl Sink<E>) -> Self {
        Self::worker(sink.name().to_owned(), Shape::Sink, BATCH_MAX, sink)
    }

    /// A handler of one event after the other; what fails is tried again.
    pub fn handler<F, Handling>(name: impl Into<String>, handle: F) -> Self
    where
        F: Fn(E) -> Handling + Send + Sync + 'static,
        Handling: Future<Output: Answer> + Send,
    {
        let name = name.into();
        Self::worker(name.clone(), Shape::Handler, 1, Handler { name, handle })
    }

    /// A stream that is read at its reader's pace, behind a mailbox of its own. An event counts as delivered when it has been taken
    /// out; its acknowledgement goes on with it. Events for a stream that has been dropped are dropped and counted.
    pub fn stream(name: impl Into<String>, lane: Lane) -> (Self, RoutedEvents<E>) {
        let mailbox = Arc::new(Mailbox::new(lane));
        let tally = Arc::new(TargetTally::default());
        let end = End::Stream(Arc::clone(&mailbox), Arc::clone(&tally));
        let stream = RoutedEvents { mailbox, tally, batch: Vec::new() };
        (Self { name: name.into(), lane, patience: Patience::new(1), end }, stream)
    }

    fn worker(name: String, shape: Shape, batch_max: usize, sink: impl Sink<E>) -> Self {
        let start = Box::new(move |ready: Work<E>| work(sink, ready).boxed());
        Self { name, lane: MAILBOX, patience: Patience::new(batch_max), end: End::Worker { shape, start } }
    }

    /// How many events of each class may wait, and what happens to more. Without this: 1,024, and the oldest is dropped. The most
    /// urgent leave first, by weight, as in the loop; within a class the order is kept.
    ///
    /// `block` is the one way by which a slow target is felt by others: while it is full it holds back the whole stream, which is
    /// what it is chosen for. With `fail` an event that finds no room becomes a dead letter. A stream keeps what it was made with.
    pub fn mailbox(mut self, lane: Lane) -> Self {
        if let End::Worker { .. } = self.end {
            self.lane = lane;
        }
        self
    }

    /// How many events a sink gets at once at most. It never waits for more than there are. A handler gets one after the other
    /// whatever is said here, so that one that fails is tried again alone.
    pub fn batch_max(mut self, events: usize) -> Self {
        if let End::Worker { shape: Shape::Sink, .. } = self.end {
            self.patience.batch_max = events.max(1);
        }
        self
    }

    /// How long one attempt may take.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.patience.time_max = limit;
        self
    }

    /// How long to wait between attempts, and after how many failures a batch becomes dead letters.
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.patience.backoff = backoff;
        self
    }

    pub(super) fn open_mailbox(&self) -> (Arc<Mailbox<E>>, Arc<TargetTally>) {
        match &self.end {
            End::Stream(mailbox, tally) => (Arc::clone(mailbox), Arc::clone(tally)),
            End::Worker { .. } => (Arc::new(Mailbox::new(self.lane)), Arc::default()),
        }
    }
}

impl<E> fmt::Debug for Target<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Target");
        shown.field("name", &self.name).field("lane", &self.lane).field("patience", &self.patience);
        shown.finish_non_exhaustive()
    }
}

impl Patience {
    fn new(batch_max: usize) -> Self {
        Self { batch_max, time_max: TIME_MAX, backoff: Backoff::default() }
    }
}

struct Handler<F> {
    name: String,
    handle: F,
}

impl<E, F, Handling> Sink<E> for Handler<F>
where
    E: Event,
    F: Fn(E) -> Handling + Send + Sync + 'static,
    Handling: Future<Output: Answer> + Send,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, batch: Batch<'_, E>) -> Result<(), SinkError> {
        for event in batch.events() {
            (self.handle)(event).await.into_result().map_err(SinkError::retry)?;
        }
        Ok(())
    }
}

/// The events that rules send to a stream; made by [`Target::stream`].
#[derive(Debug)]
pub struct RoutedEvents<E: Event> {
    mailbox: Arc<Mailbox<E>>,
    tally: Arc<TargetTally>,
    /// Taken out of the mailbox, the next one last.
    batch: Vec<Delivery<E>>,
}

/// Nothing in it is pinned.
impl<E: Event> Unpin for RoutedEvents<E> {}

impl<E: Event> Stream for RoutedEvents<E> {
    type Item = Delivery<E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        let this = &mut *self;
        if this.batch.is_empty() {
            // No event is promoted by its age here: how long it waits is the reader's choice.
            if !ready!(this.mailbox.poll_drain(context, &mut this.batch, STREAM_BATCH_MAX, Moment::ZERO)) {
                return Poll::Ready(None);
            }
            this.batch.reverse();
            this.tally.in_flight.store(this.batch.len() as u64, Ordering::Relaxed);
        }
        let next = this.batch.pop();
        this.tally.in_flight.fetch_sub(u64::from(next.is_some()), Ordering::Relaxed);
        this.tally.delivered.add(usize::from(next.is_some()));
        Poll::Ready(next)
    }
}

impl<E: Event> Drop for RoutedEvents<E> {
    fn drop(&mut self) {
        self.mailbox.close_and_drain(&mut self.batch);
        self.tally.in_flight.store(0, Ordering::Relaxed);
        self.tally.dropped.add(self.batch.len());
        for delivery in self.batch.drain(..) {
            delivery.into_parts().1.settle_because(Outcome::Dropped, "the stream it waited for was dropped");
        }
    }
}
