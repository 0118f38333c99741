//! Waits for quiet: of items that come in quick succession only the last one goes on. Made by
//! [`debounce`](super::StreamOps::debounce).
//!
//! Holds one item at most. That one is handed out at once when the source ends, and is lost when the operator is dropped.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::timer::Timer;
use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};

/// See [`debounce`](super::StreamOps::debounce).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Debounce<S: Stream> {
    source: Upstream<S>,
    quiet: Timer,
    latest: Option<S::Item>,
    leave_out: fn(S::Item),
}

impl<S: Stream> Debounce<S> {
    pub(super) fn new(source: S, quiet: Timer, leave_out: fn(S::Item)) -> Self {
        Self { source: Upstream::new(source), quiet, latest: None, leave_out }
    }
}

impl<S: Stream> Unpin for Debounce<S> {}

impl<S: Stream> Stream for Debounce<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        for _ in 0..LEFT_OUT_AT_ONCE_MAX {
            match this.source.poll_next(context) {
                Poll::Ready(Some(item)) => {
                    this.quiet.restart();
                    if let Some(older) = this.latest.replace(item) {
                        (this.leave_out)(older);
                    }
                }
                Poll::Ready(None) => return Poll::Ready(this.latest.take()),
                Poll::Pending if this.latest.is_none() => return Poll::Pending,
                Poll::Pending => {
                    ready!(this.quiet.poll(context));
                    return Poll::Ready(this.latest.take());
                }
            }
        }
        pause(context)
    }
}
