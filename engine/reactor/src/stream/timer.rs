//! A wait that is started again and again, by an operator that measures time.
//!
//! Starting it again costs one look at the clock: the sleep is set anew only when the old one has run out. When the clock goes back,
//! the wait counts from the moment at which that is seen, so that it is never longer than asked for by more than the clock went back
//! unseen, and never over early.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::clock::{Clock, Moment, Sleep, nanos};

/// A wait of always the same length.
#[derive(Debug)]
pub(super) struct Timer {
    clock: Clock,
    wait: Duration,
    started: Moment,
    sleep: Option<(Moment, Sleep)>,
}

impl Timer {
    /// Runs from now on.
    pub fn new(clock: &Clock, wait: Duration) -> Self {
        Self { clock: clock.clone(), wait, started: clock.now(), sleep: None }
    }

    /// Runs from now on.
    pub fn restart(&mut self) {
        self.started = self.clock.now();
    }

    /// Runs from the last whole number of waits since it was started, so that it ends on the same grid.
    pub fn restart_on_grid(&mut self) {
        let elapsed = nanos(self.now().since(self.started));
        let into_the_wait = elapsed.checked_rem(nanos(self.wait)).unwrap_or(0);
        self.started = self.started + Duration::from_nanos(elapsed - into_the_wait);
    }

    /// Whether it has run out, without asking to be woken.
    pub fn is_over(&mut self) -> bool {
        self.now().since(self.started) >= self.wait
    }

    /// Ready when it has run out.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !self.is_over() {
            let due = self.started + self.wait;
            // A sleep that ends too early is kept and followed by another: a timer that is started again for every item would
            // otherwise set one up for every item.
            let (_, sleep) = match &mut self.sleep {
                Some(kept) if kept.0 <= due => kept,
                other => other.insert((due, self.clock.sleep_until(due))),
            };
            ready!(Pin::new(sleep).poll(context));
            self.sleep = None;
        }
        Poll::Ready(())
    }

    fn now(&mut self) -> Moment {
        let now = self.clock.now();
        self.started = self.started.min(now);
        now
    }
}
