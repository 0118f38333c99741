//! The queue between the server and the stream: a lane for each class, and batches that go in whole or not at all.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::task::AtomicWaker;
use homeostat_reactor::queue::lanes::Lanes;
use homeostat_reactor::{Ack, Class, Clock, Delivery, Event, Lane, Outcome, Overflow, PerClass, Receipt};

/// How long an event waits before it goes ahead of all but the critical: the same as in the loop.
const AGE_LIMIT: Duration = Duration::from_millis(250);

/// Events that the stream takes out at once.
const BATCH_MAX: usize = 64;

/// Why a batch was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// The class has no room for all of its events in the batch.
    Full(Class),
    /// The class will never have room for so many at once.
    TooMany(Class),
    /// Nobody reads any more.
    Closed,
}

#[derive(Debug)]
pub(super) struct Intake<E> {
    state: Mutex<State<E>>,
    filled: AtomicWaker,
    capacity: usize,
    clock: Clock,
}

#[derive(Debug)]
struct State<E> {
    lanes: Lanes<E>,
    closed: bool,
}

impl<E: Event> Intake<E> {
    pub(super) fn new(capacity: usize, clock: Clock) -> Arc<Self> {
        let lane = Lane { capacity: capacity.max(1), overflow: Overflow::Fail };
        let lanes = Lanes::new(PerClass::from_fn(|_| lane), AGE_LIMIT);
        let state = Mutex::new(State { lanes, closed: false });
        Arc::new(Self { state, filled: AtomicWaker::new(), capacity: lane.capacity, clock })
    }

    /// Takes all of them in, or none.
    pub(super) fn take_all(&self, events: Vec<E>) -> Result<Receipt, NotTaken> {
        let mut wanted = PerClass([0; Class::COUNT]);
        events.iter().for_each(|event| wanted[event.class()] += 1);
        let mut state = self.lock();
        if state.closed {
            return Err(NotTaken::Closed);
        }
        for (class, wanted) in wanted.iter() {
            if *wanted > self.capacity {
                return Err(NotTaken::TooMany(class));
            }
            if *wanted > state.lanes.room(class) {
                return Err(NotTaken::Full(class));
            }
        }
        let now = self.clock.now();
        let (ack, receipt) = Ack::new();
        for event in events {
            let class = event.class();
            let delivery = Delivery::new(event, class, now).with_trail(ack.clone(), tracing::Span::none());
            state.lanes.push(delivery);
        }
        drop(state);
        // The batch's own share: what becomes of it is what becomes of its events.
        ack.settle(Outcome::Done);
        self.filled.wake();
        Ok(receipt)
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().lanes.depth_total()
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events that were posted, the most urgent first; made by [`receive`](super::receive). What becomes of each is told to whoever posted
/// it, if that is waited for. When this is dropped the server answers 503; when the server is dropped this ends, after all that was
/// taken in.
#[derive(Debug)]
pub struct PostedEvents<E: Event> {
    intake: Arc<Intake<E>>,
    /// Taken out of the lanes, the next one last.
    batch: Vec<Delivery<E>>,
}

/// Nothing in it is pinned.
impl<E: Event> Unpin for PostedEvents<E> {}

impl<E: Event> PostedEvents<E> {
    pub(super) const fn new(intake: Arc<Intake<E>>) -> Self {
        Self { intake, batch: Vec::new() }
    }
}

impl<E: Event> Stream for PostedEvents<E> {
    type Item = Delivery<E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        let this = &mut *self;
        if this.batch.is_empty() {
            this.intake.filled.register(context.waker());
            let mut state = this.intake.lock();
            if state.lanes.depth_total() == 0 {
                return if state.closed { Poll::Ready(None) } else { Poll::Pending };
            }
            state.lanes.drain(&mut this.batch, BATCH_MAX, this.intake.clock.now());
            drop(state);
            this.batch.reverse();
        }
        Poll::Ready(this.batch.pop())
    }
}

impl<E: Event> Drop for PostedEvents<E> {
    fn drop(&mut self) {
        self.intake.close();
        let mut left = std::mem::take(&mut self.batch);
        self.intake.lock().lanes.drain(&mut left, usize::MAX / 2, self.intake.clock.now());
        for delivery in left {
            delivery.into_parts().1.settle_because(Outcome::Dropped, "nobody reads the posted events any more");
        }
    }
}
