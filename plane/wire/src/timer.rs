//! One timer a connection, moved only when it must be: deadlines mostly move on, and a timer that fires early is cheaper to look at
//! again than one that is moved with every request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that may be moved at no cost while it moves later.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Sets the deadline.
    pub(crate) fn set(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Takes the deadline away.
    pub(crate) fn clear(&mut self) {
        self.deadline = None;
    }

    /// The deadline, where there is one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ready once the deadline is over; pending without one, too.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline || sleep.is_elapsed() {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// How fast a peer must move bytes while we wait for it. Time in which we did not wait (back pressure of ours) does not count.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Duration,
    grace: Duration,
    rate_min: u64,
    waited: Duration,
    moved: u64,
    since: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(idle: Duration, grace: Duration, rate_min: u64) -> Self {
        Self { idle, grace, rate_min: rate_min.max(1), waited: Duration::ZERO, moved: 0, since: None }
    }

    /// Bytes moved: the wait is over.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes as u64);
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// We wait: when that becomes too long.
    pub(crate) fn deadline(&mut self) -> Instant {
        let since = *self.since.get_or_insert_with(Instant::now);
        let earned = self.grace + Duration::from_secs(self.moved / self.rate_min);
        since + self.idle.min(earned.saturating_sub(self.waited))
    }
}
