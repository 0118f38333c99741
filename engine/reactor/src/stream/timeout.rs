//! Limits on how long a stream may take. Made by [`item_timeout`](super::StreamOps::item_timeout) and
//! [`total_timeout`](super::StreamOps::total_timeout).
//!
//! Holds no item. An item that is there goes before a limit on each that is over; a limit on the whole that is over goes before an
//! item, because it must end a source that always has one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use futures::Stream;
use futures::task::AtomicWaker;

use super::timer::Timer;
use super::upstream::Upstream;
use crate::clock::{Clock, Moment};

/// Whoever waits is there this soon after being woken, on a machine however busy. Whoever comes later had stopped waiting.
const AWAKE_AFTER_MAX: Duration = Duration::from_secs(1);

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
    /// While somebody waits: a consumer that takes its time is not the source's fault.
    waiting: Option<Waiting>,
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
        loop {
            let waiting = this.waiting.get_or_insert_with(|| Waiting::new(&this.clock, this.limit));
            let waited = ready!(waiting.poll(context));
            this.waiting = None;
            if waited {
                return Poll::Ready(Some(Err(TimedOut::Item(this.limit))));
            }
        }
    }
}

/// A wait for an item. A `next()` that is dropped cannot be seen: but when the time is over whoever still waits is woken and comes.
#[derive(Debug)]
struct Waiting {
    timer: Timer,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Waiting {
    fn new(clock: &Clock, limit: Duration) -> Self {
        let bell =
            Arc::new(Bell { clock: clock.clone(), rang: AtomicU64::new(Bell::SILENT), waiter: AtomicWaker::new() });
        Self { timer: Timer::new(clock, limit), waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// Ready when the time is over: whether somebody has waited all the time.
    fn poll(&mut self, context: &Context<'_>) -> Poll<bool> {
        self.bell.waiter.register(context.waker());
        let rang = self.bell.rang.swap(Bell::SILENT, Ordering::Relaxed);
        ready!(self.timer.poll(&mut Context::from_waker(&self.waker)));
        let awake_for = self.bell.clock.now().since(Moment(rang));
        Poll::Ready(rang == Bell::SILENT || awake_for <= AWAKE_AFTER_MAX)
    }
}

/// Wakes who waits, and remembers when.
#[derive(Debug)]
struct Bell {
    clock: Clock,
    rang: AtomicU64,
    waiter: AtomicWaker,
}

impl Bell {
    /// It has not rung.
    const SILENT: u64 = u64::MAX;
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(self.clock.now().0, Ordering::Relaxed);
        self.waiter.wake();
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
