//! The stream that an operator reads from.
//!
//! Pinned on the heap once, when the operator is made: every operator can then be moved between two items, so that `next()` works on
//! it without `pin!`. It is dropped as soon as it ends, so that what it holds is free while the operator still has items to give, and
//! it is never polled again after that.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

/// How many items an operator leaves out or gathers in one go before it lets other tasks run: a source that is always ready must not keep the
/// thread. Some ten microseconds of work.
pub(super) const LEFT_OUT_AT_ONCE_MAX: usize = 256;

/// A stream until its end.
#[derive(Debug)]
pub(super) struct Upstream<S>(Option<Pin<Box<S>>>);

impl<S: Stream> Upstream<S> {
    pub fn new(stream: S) -> Self {
        Self(Some(Box::pin(stream)))
    }

    /// Nothing to read.
    pub const fn over() -> Self {
        Self(None)
    }

    pub const fn is_over(&self) -> bool {
        self.0.is_none()
    }

    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Some(stream) = &mut self.0 else { return Poll::Ready(None) };
        let item = ready!(stream.as_mut().poll_next(context));
        if item.is_none() {
            self.0 = None;
        }
        Poll::Ready(item)
    }
}

/// Lets other tasks run and comes back at once.
pub(super) fn pause<T>(context: &Context<'_>) -> Poll<T> {
    context.waker().wake_by_ref();
    Poll::Pending
}
