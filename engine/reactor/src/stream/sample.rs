//! Hands out the newest item at even times. Made by [`sample`](super::StreamOps::sample).
//!
//! Holds one item at most. That one is handed out at once when the source ends, and is lost when the operator is dropped. While
//! nothing comes there is no ticking.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::timer::Timer;
use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};

/// See [`sample`](super::StreamOps::sample).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Sample<S: Stream> {
    source: Upstream<S>,
    period: Timer,
    latest: Option<S::Item>,
    leave_out: fn(S::Item),
}

impl<S: Stream> Sample<S> {
    pub(super) fn new(source: S, period: Timer, leave_out: fn(S::Item)) -> Self {
        Self { source: Upstream::new(source), period, latest: None, leave_out }
    }
}

impl<S: Stream> Unpin for Sample<S> {}

impl<S: Stream> Stream for Sample<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        for _ in 0..LEFT_OUT_AT_ONCE_MAX {
            match this.source.poll_next(context) {
                Poll::Ready(Some(item)) => match this.latest.replace(item) {
                    Some(older) => (this.leave_out)(older),
                    None => this.period.restart_on_grid(),
                },
                Poll::Ready(None) => return Poll::Ready(this.latest.take()),
                Poll::Pending if this.latest.is_none() => return Poll::Pending,
                Poll::Pending => {
                    ready!(this.period.poll(context));
                    return Poll::Ready(this.latest.take());
                }
            }
        }
        // A source that is always ready is sampled all the same.
        if this.period.is_over() {
            return Poll::Ready(this.latest.take());
        }
        pause(context)
    }
}
