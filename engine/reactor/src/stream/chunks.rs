//! Gathers items into batches, bounded in number and in time. Made by [`chunks_within`](super::StreamOps::chunks_within).
//!
//! Holds fewer items than a full batch. They are handed out at once when the source ends, and are lost when the operator is dropped.
//! No batch is empty. A source that is always ready keeps neither the thread nor a batch whose wait is over.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::timer::Timer;
use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};

/// How many items are taken between two looks at the clock while the source has more: so late a batch may be, and no later.
const TAKEN_UNSEEN_MAX: usize = 16;

/// Room set aside for a batch before it has any items: a larger one grows as it fills, so that a huge limit costs nothing.
const ROOM_AT_FIRST_MAX: usize = 1_024;

/// See [`chunks_within`](super::StreamOps::chunks_within).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Chunks<S: Stream> {
    source: Upstream<S>,
    max: usize,
    patience: Timer,
    batch: Vec<S::Item>,
}

impl<S: Stream> Chunks<S> {
    pub(super) fn new(source: S, max: usize, patience: Timer) -> Self {
        Self { source: Upstream::new(source), max: max.max(1), patience, batch: Vec::new() }
    }
}

impl<S: Stream> Unpin for Chunks<S> {}

impl<S: Stream> Stream for Chunks<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let this = self.get_mut();
        for taken in 1_usize.. {
            match this.source.poll_next(context) {
                Poll::Ready(Some(item)) => {
                    if this.batch.is_empty() {
                        this.patience.restart();
                        this.batch.reserve(this.max.min(ROOM_AT_FIRST_MAX));
                    }
                    this.batch.push(item);
                    let looks = taken.is_multiple_of(TAKEN_UNSEEN_MAX);
                    if this.batch.len() == this.max || looks && this.patience.is_over() {
                        break;
                    }
                    if taken == LEFT_OUT_AT_ONCE_MAX {
                        return pause(context);
                    }
                }
                Poll::Ready(None) if this.batch.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => break,
                Poll::Pending if this.batch.is_empty() => return Poll::Pending,
                Poll::Pending => {
                    ready!(this.patience.poll(context));
                    break;
                }
            }
        }
        Poll::Ready(Some(std::mem::take(&mut this.batch)))
    }
}
