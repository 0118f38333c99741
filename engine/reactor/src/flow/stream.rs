//! Flow control on streams: slowed down by a rate limiter, held back by a backpressure controller.
//!
//! Both pull the source only when there is somebody to give its item to, and lose no item: an item that must wait is kept.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::acquire::Acquire;
use super::backpressure::{Admit, Producer};
use super::limiter::{RateError, RateLimiter};
use crate::clock::Sleep;

/// Flow control for any stream.
pub trait FlowExt: Stream + Sized {
    /// Lets each item through when the limiter has a token for it. Streams that share a limiter take turns.
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::{StreamExt, stream};
    /// use homeostat_reactor::{Clock, flow::{FlowExt, Rate, RateLimiter}};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::time::pause();
    /// let clock = Clock::machine();
    /// let limiter = RateLimiter::gcra(Rate::per_second(2), 1, clock.clone())?;
    /// let calls = stream::iter(0..5).rate_limited(limiter);
    /// assert_eq!(calls.count().await, 5);
    /// assert_eq!(clock.now().since(Default::default()).as_secs(), 2);
    /// # Ok(()) }
    /// ```
    fn rate_limited(self, limiter: RateLimiter) -> RateLimited<Self> {
        RateLimited { source: Box::pin(self), limiter, held: None }
    }

    /// Is pulled only while the producer may go on: by its controller, whose level others move.
    fn held_back(self, producer: Producer) -> HeldBack<Self> {
        HeldBack { source: Box::pin(self), leave: Some(producer.admit(0)), producer }
    }
}

impl<S: Stream> FlowExt for S {}

/// A stream slowed down to a rate; made by [`FlowExt::rate_limited`].
#[derive(Debug)]
pub struct RateLimited<S: Stream> {
    source: Pin<Box<S>>,
    limiter: RateLimiter,
    held: Option<(S::Item, Waiting)>,
}

#[derive(Debug)]
enum Waiting {
    InLine(Acquire),
    /// The line was full: comes again when it has moved on.
    Outside(Sleep),
}

// The item is only ever moved.
impl<S: Stream> Unpin for RateLimited<S> {}

impl<S: Stream> Stream for RateLimited<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = &mut *self;
        if this.held.is_none() {
            let Some(item) = ready!(this.source.as_mut().poll_next(context)) else {
                return Poll::Ready(None);
            };
            this.held = Some((item, Waiting::InLine(this.limiter.acquire(1))));
        }
        let (_, waiting) = this.held.as_mut().expect("taken above");
        loop {
            *waiting = match waiting {
                Waiting::InLine(acquire) => match ready!(Pin::new(acquire).poll(context)) {
                    // No burst is less than one: that error cannot come.
                    Ok(()) | Err(RateError::MoreThanBurst { .. }) => break,
                    Err(RateError::NotYet { wait } | RateError::TooManyWaiting { wait, .. }) => {
                        Waiting::Outside(this.limiter.clock().sleep(wait))
                    }
                },
                Waiting::Outside(sleep) => {
                    ready!(Pin::new(sleep).poll(context));
                    Waiting::InLine(this.limiter.acquire(1))
                }
            };
        }
        Poll::Ready(this.held.take().map(|(item, _)| item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = usize::from(self.held.is_some());
        let (lower, upper) = self.source.size_hint();
        (lower.saturating_add(held), upper.and_then(|upper| upper.checked_add(held)))
    }
}

/// A stream that is pulled only while its producer may go on; made by [`FlowExt::held_back`].
#[derive(Debug)]
pub struct HeldBack<S> {
    source: Pin<Box<S>>,
    producer: Producer,
    /// Asks for leave to pull; `None` when it was given and the source has not answered yet.
    leave: Option<Admit>,
}

impl<S: Stream> Stream for HeldBack<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = &mut *self;
        if let Some(leave) = &mut this.leave {
            // Asking for nothing is never refused.
            let _ = ready!(Pin::new(leave).poll(context));
            this.leave = None;
        }
        let item = ready!(this.source.as_mut().poll_next(context));
        this.leave = Some(this.producer.admit(0));
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint()
    }
}
