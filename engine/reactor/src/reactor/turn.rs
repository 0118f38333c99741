//! How long a reader works before it lets others run: the loop may have something critical for it, and on one thread they share.
//!
//! Tokio's own budget counts what a task takes, not how long it is busy with it: 128 events of 5 µs are no short turn.

use std::future::Future;
use std::pin::pin;
use std::task::Context;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::clock::{Clock, Moment};

/// A turn. A critical event waits for about this long, or for one call that is longer; giving the thread up costs about 1 µs: one
/// percent. What a reader does elsewhere between two events counts as its work.
const TURN: Duration = Duration::from_micros(100);
/// Events between two looks at the clock at most: one look costs half as much as an event's whole way through a mailbox.
const EVENTS_A_LOOK_MAX: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct Turn {
    /// `None` until its first event.
    began: Option<Moment>,
    /// Events until the next look, and how many lay between the last two.
    left: u32,
    stride: u32,
}

impl Turn {
    /// Called before every event: whether the reader has had its turn and must give way.
    #[inline]
    pub(super) fn is_over(&mut self, clock: &Clock) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.look(clock.now())
    }

    fn look(&mut self, now: Moment) -> bool {
        let worked = self.began.map_or(Duration::ZERO, |began| now.since(began));
        // Slow work is looked at for each event, quick work ever less often.
        self.stride = if worked >= TURN / 4 { 1 } else { (self.stride * 2).clamp(1, EVENTS_A_LOOK_MAX) };
        self.left = self.stride - 1;
        self.began = Some(self.began.unwrap_or(now));
        worked >= TURN
    }

    /// The reader has nothing to do, or gives way: what it does next is another turn.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}

/// Has the task polled again after others have run.
///
/// Tokio's own way puts a task aside until its worker has nothing else to do. On one thread that is right: a task that merely wakes
/// itself keeps it from what was woken elsewhere for 31 turns. Beside other threads it is wrong: a handler that blocks the worker
/// would hold up what was put aside there, the loop itself among them; so there the task stays in the line that idle workers take
/// from.
pub(super) fn come_again(context: &mut Context<'_>) {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread => context.waker().wake_by_ref(),
        _ => {
            let _ = pin!(tokio::task::yield_now()).poll(context);
        }
    }
}
