//! Lets one item through in a while, two at most. Made by [`throttle_by`](super::StreamOps::throttle_by).
//!
//! Holds one item at most. That one is handed out at once when the source ends, and is lost when the operator is dropped.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::timer::Timer;
use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};

/// Which item of a while goes through: the while begins with the first item after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The first, at once.
    Leading,
    /// The last, when the while is over.
    Trailing,
    /// The first at once and the last, if there is another, when the while is over; the next while begins then.
    Both,
}

/// See [`throttle_by`](super::StreamOps::throttle_by).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Throttle<S: Stream> {
    source: Upstream<S>,
    edge: Edge,
    pace: Timer,
    /// Whether the timer measures a while that has not been seen to end.
    running: bool,
    latest: Option<S::Item>,
    leave_out: fn(S::Item),
}

impl<S: Stream> Throttle<S> {
    pub(super) fn new(source: S, edge: Edge, pace: Timer, leave_out: fn(S::Item)) -> Self {
        Self { source: Upstream::new(source), edge, pace, running: false, latest: None, leave_out }
    }

    /// Takes an item in; it comes back when it may go through at once.
    fn take_in(&mut self, item: S::Item) -> Option<S::Item> {
        let starts = self.latest.is_none() && (!self.running || self.pace.is_over());
        if starts {
            self.running = true;
            self.pace.restart();
            if self.edge != Edge::Trailing {
                return Some(item);
            }
        }
        let left_out = if self.edge == Edge::Leading { Some(item) } else { self.latest.replace(item) };
        left_out.into_iter().for_each(self.leave_out);
        None
    }
}

impl<S: Stream> Unpin for Throttle<S> {}

impl<S: Stream> Stream for Throttle<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        let mut left_out = 0;
        while left_out < LEFT_OUT_AT_ONCE_MAX {
            match this.source.poll_next(context) {
                Poll::Ready(Some(item)) => {
                    if let Some(first) = this.take_in(item) {
                        return Poll::Ready(Some(first));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(this.latest.take()),
                Poll::Pending => break,
            }
            left_out += 1;
        }
        // A source that is always ready is throttled all the same.
        let all_seen = left_out < LEFT_OUT_AT_ONCE_MAX;
        if this.latest.is_some() && (all_seen || this.pace.is_over()) {
            ready!(this.pace.poll(context));
            this.running = this.edge == Edge::Both;
            this.pace.restart();
            return Poll::Ready(this.latest.take());
        }
        if all_seen { Poll::Pending } else { pause(context) }
    }
}
