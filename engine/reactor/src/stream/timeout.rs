//! Limits on how long a stream may take. Made by [`item_timeout`](super::StreamOps::item_timeout) and
//! [`total_timeout`](super::StreamOps::total_timeout).
//!
//! Holds no item. An item that is there goes before a limit on each that is over; a limit on the whole that is over goes before an
//! item, because it must end a source that always has one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;

use super::timer::Timer;
use super::upstream::Upstream;
use crate::clock::Clock;

/// A stream took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimedOut {
    /// No item came in time.
    #[error("no item came within {0:?}")]
    Item(Duration),
    /// The stream had not ended in time.
    #[error("the stream had not ended within {0:?}")]
    Total(Duration),
}

/// See [`item_timeout`](super::StreamOps::item_timeout).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ItemTimeout<S> {
    source: Upstream<S>,
    limit: Duration,
    clock: Clock,
    /// Runs while somebody waits: a consumer that takes its time is not the source's fault.
    waiting: Option<Timer>,
}

impl<S: Stream> ItemTimeout<S> {
    pub(super) fn new(source: S, limit: Duration, clock: &Clock) -> Self {
        Self { source: Upstream::new(source), limit, clock: clock.clone(), waiting: None }
    }
}

impl<S: Stream> Stream for ItemTimeout<S> {
    type Item = Result<S::Item, TimedOut>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Poll::Ready(item) = this.source.poll_next(context) {
            this.waiting = None;
            return Poll::Ready(item.map(Ok));
        }
        ready!(this.waiting.get_or_insert_with(|| Timer::new(&this.clock, this.limit)).poll(context));
        this.waiting = None;
        Poll::Ready(Some(Err(TimedOut::Item(this.limit))))
    }
}

/// See [`total_timeout`](super::StreamOps::total_timeout).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct TotalTimeout<S> {
    source: Upstream<S>,
    limit: Duration,
    clock: Clock,
    running: Option<Timer>,
}

impl<S: Stream> TotalTimeout<S> {
    pub(super) fn new(source: S, limit: Duration, clock: &Clock) -> Self {
        Self { source: Upstream::new(source), limit, clock: clock.clone(), running: None }
    }
}

impl<S: Stream> Stream for TotalTimeout<S> {
    type Item = Result<S::Item, TimedOut>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let running = this.running.get_or_insert_with(|| Timer::new(&this.clock, this.limit));
        // First, because a source that always has an item must end too.
        if running.poll(context).is_ready() && !this.source.is_over() {
            this.source = Upstream::over();
            return Poll::Ready(Some(Err(TimedOut::Total(this.limit))));
        }
        this.source.poll_next(context).map(|item| item.map(Ok))
    }
}
