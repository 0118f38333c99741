//! Follows the newest of several streams. Made by [`switch`](super::StreamOps::switch) and
//! [`switch_map`](super::StreamOps::switch_map).
//!
//! Holds no item. The older stream is dropped before the newer one is polled for the first time: what it was doing is cancelled then.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;

use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};

/// See [`switch`](super::StreamOps::switch).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Switch<S: Stream> {
    source: Upstream<S>,
    inner: Upstream<S::Item>,
}

impl<S: Stream<Item: Stream>> Switch<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source: Upstream::new(source), inner: Upstream::over() }
    }
}

impl<S: Stream> Unpin for Switch<S> {}

impl<S: Stream<Item: Stream>> Stream for Switch<S> {
    type Item = <S::Item as Stream>::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let mut switched = 0;
        while let Poll::Ready(Some(newer)) = this.source.poll_next(context) {
            this.inner = Upstream::new(newer);
            switched += 1;
            if switched == LEFT_OUT_AT_ONCE_MAX {
                return pause(context);
            }
        }
        match this.inner.poll_next(context) {
            Poll::Ready(None) if !this.source.is_over() => Poll::Pending,
            other => other,
        }
    }
}
