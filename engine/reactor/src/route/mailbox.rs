//! The mailbox of one target: the loop's lanes behind a lock, with one reader.
//!
//! Filled by the dispatcher, emptied by the target's worker or by whoever reads it as a stream. Always holds: an event keeps the time
//! at which it was emitted; what does not go in or has to go out is given back to the caller, who settles and counts it; a push
//! that waits is woken by every drain and by the close, and takes nothing with it when it is cancelled but its own event.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::sync::Notify;

use crate::class::PerClass;
use crate::clock::Moment;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::queue::lanes::{Lane, Lanes, Pushed};

/// How long an event waits before it goes ahead of all but the critical: the same as in the loop.
const AGE_LIMIT: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Mailbox<E> {
    state: Mutex<State<E>>,
    filled: AtomicWaker,
    room: Notify,
}

#[derive(Debug)]
struct State<E> {
    lanes: Lanes<E>,
    closed: bool,
}

impl<E: Event> Mailbox<E> {
    pub(super) fn new(lane: Lane) -> Self {
        let lanes = Lanes::new(PerClass::from_fn(|_| lane), AGE_LIMIT);
        Self { state: Mutex::new(State { lanes, closed: false }), filled: AtomicWaker::new(), room: Notify::new() }
    }

    /// Puts one in as far as the overflow allows, without waiting. The error: it is closed.
    pub(super) fn push(&self, delivery: Delivery<E>) -> Result<Pushed<E>, Delivery<E>> {
        let mut state = self.lock();
        if state.closed {
            return Err(delivery);
        }
        let pushed = state.lanes.push(delivery);
        drop(state);
        self.filled.wake();
        Ok(pushed)
    }

    /// The same, waiting as long as it is full.
    pub(super) async fn push_when_room(&self, mut delivery: Delivery<E>) -> Result<Pushed<E>, Delivery<E>> {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            // From here on a wake is not missed, even when it comes before the wait.
            room.as_mut().enable();
            match self.push(delivery) {
                Ok(Pushed::Full(back)) => delivery = back,
                pushed => return pushed,
            }
            room.await;
        }
    }

    /// Takes out up to `max`, the most urgent first, by weight and age; ready with `false` once it is closed and empty.
    pub(super) fn poll_drain(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<Delivery<E>>,
        max: usize,
        now: Moment,
    ) -> Poll<bool> {
        self.filled.register(context.waker());
        let mut state = self.lock();
        if state.lanes.depth_total() == 0 {
            return if state.closed { Poll::Ready(false) } else { Poll::Pending };
        }
        state.lanes.drain(out, max, now);
        drop(state);
        self.room.notify_waiters();
        Poll::Ready(true)
    }

    /// Takes nothing in from now on; what waits can still be taken out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.wake();
        self.room.notify_waiters();
    }

    /// Closes, and takes out what waits.
    pub(super) fn close_and_drain(&self, out: &mut Vec<Delivery<E>>) {
        self.close();
        let max = usize::MAX - out.len();
        self.lock().lanes.drain(out, max, Moment::ZERO);
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().lanes.depth_total()
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
