//! One stream for many subscribers, with the last items for those who come late. Made by [`share`](super::StreamOps::share) and
//! [`share_events`](super::DeliveryOps::share_events).
//!
//! There is no task: the subscriber that asks first reads the source for all. Memory is bounded by the replay and by what [`Slow`]
//! allows. A subscriber that is dropped holds nobody, at any moment: what was kept for it is given up, and whoever waited for it, or
//! for an item it was fetching, is woken. When the source panics, the subscriber that read it panics and the stream ends for the
//! others.

mod hub;
mod wakers;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures::Stream;
use futures::stream::BoxStream;

use self::hub::{Hub, Turn};
use self::wakers::Wakers;
use crate::ack::Ack;

/// What happens when one subscriber is slower than another. Either way at most this many items are kept, or as many as are replayed
/// if that is more, or one if that is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// The fast one waits while it is this many items ahead: nothing is lost, and a subscriber that stalls, or is kept but never
    /// read, stalls all.
    Wait {
        /// Items.
        ahead_max: usize,
    },
    /// The slow one misses the oldest when it is this many items behind: nobody waits, and what is missed is
    /// [counted](Subscriber::missed).
    Miss {
        /// Items.
        behind_max: usize,
    },
}

/// How an item is parted from its acknowledgement, and joined with a share of it.
#[derive(Debug)]
pub(super) struct Carry<T> {
    pub part: fn(T) -> (T, Ack),
    pub join: fn(T, Ack) -> T,
}

/// A stream that can be subscribed to. Clones share it; it goes on while a clone or a subscriber is left.
///
/// ```
/// use homeostat_reactor::stream::{Slow, prelude::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let prices = tokio_stream::iter([10, 11, 12]).share(2, Slow::Miss { behind_max: 64 });
/// let mut early = prices.subscribe();
/// assert_eq!((early.next().await, early.next().await, early.next().await), (Some(10), Some(11), Some(12)));
/// assert_eq!(prices.subscribe().collect::<Vec<_>>().await, [11, 12]);
/// # }
/// ```
pub struct Shared<T>(Arc<Inner<T>>);

struct Inner<T> {
    hub: Mutex<Hub<T>>,
    /// Apart from the hub, because the source keeps them: a source that kept the hub, which keeps the source, would never be dropped.
    wakers: Arc<Wakers>,
}

impl<T: Clone> Shared<T> {
    pub(super) fn new(source: BoxStream<'static, T>, replay: usize, slow: Slow, carry: Carry<T>) -> Self {
        let hub = Mutex::new(Hub::new(source, replay, slow, carry));
        Self(Arc::new(Inner { hub, wakers: Arc::default() }))
    }

    /// A stream of the last items, as many as are replayed and have been read by anybody, and of all that come.
    pub fn subscribe(&self) -> Subscriber<T> {
        let number = self.0.lock().enter();
        Subscriber { inner: Arc::clone(&self.0), number }
    }

    /// How many are subscribed.
    pub fn subscribers(&self) -> usize {
        self.0.lock().subscribers()
    }

    /// How many items were missed by slow subscribers, all together.
    pub fn missed(&self) -> u64 {
        self.0.lock().missed_by_all()
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A subscriber's own stream; made by [`Shared::subscribe`]. Dropping it ends the subscription.
#[must_use = "a subscriber that is not read makes others wait, or misses items"]
pub struct Subscriber<T> {
    inner: Arc<Inner<T>>,
    number: u64,
}

impl<T> Subscriber<T> {
    /// How many items this one has missed, because it was too slow. The gap lies before the next item.
    pub fn missed(&self) -> u64 {
        self.inner.lock().missed_by(self.number)
    }
}

impl<T: Clone> Stream for Subscriber<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            match self.inner.take_turn(self.number, context) {
                Turn::Item(item) => return Poll::Ready(Some(item)),
                Turn::Over => return Poll::Ready(None),
                Turn::Wait => return Poll::Pending,
                Turn::Read(source) => ready!(self.inner.read(self.number, source)),
            }
        }
    }
}

impl<T> Drop for Subscriber<T> {
    fn drop(&mut self) {
        let freed = self.inner.lock().leave(self.number);
        self.inner.wakers.forget(self.number);
        // Also when there is no more room than before: this one may have been woken to read the source, and never will.
        self.inner.wakers.wake_all_but(self.number);
        freed.release();
    }
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, Hub<T>> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Inner<T> {
    fn take_turn(&self, number: u64, context: &Context<'_>) -> Turn<T> {
        let mut hub = self.lock();
        let (turn, freed) = hub.turn(number);
        if matches!(turn, Turn::Wait | Turn::Read(_)) {
            // Under the lock: news that comes from now on finds the waker.
            self.wakers.keep(number, context.waker());
        }
        drop(hub);
        if freed.makes_room() {
            self.wakers.wake_all_but(number);
        }
        freed.release();
        turn
    }

    /// Reads one item for all, outside the lock: the source may take its time, and it may panic.
    fn read(&self, number: u64, mut source: BoxStream<'static, T>) -> Poll<()> {
        let waker = Waker::from(Arc::clone(&self.wakers));
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| source.as_mut().poll_next(&mut context)));
        match polled {
            Ok(Poll::Pending) => {
                // Whoever asked meanwhile was sent away, perhaps by the very waking that this poll came too early to see.
                if self.lock().give_back(source) {
                    self.wakers.wake_all_but(number);
                }
                Poll::Pending
            }
            Ok(Poll::Ready(Some(item))) => {
                let freed = self.lock().take_in(source, item);
                self.wakers.wake_all_but(number);
                freed.release();
                Poll::Ready(())
            }
            Ok(Poll::Ready(None)) => {
                drop(source);
                self.end(number);
                Poll::Ready(())
            }
            Err(panic) => {
                self.end(number);
                resume_unwind(panic)
            }
        }
    }

    fn end(&self, number: u64) {
        self.lock().end();
        self.wakers.wake_all_but(number);
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscriber").field("number", &self.number).finish_non_exhaustive()
    }
}
