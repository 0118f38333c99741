//! A state that goes along with the items: [`accumulate`](super::StreamOps::accumulate), [`pairwise`](super::StreamOps::pairwise) and
//! [`reduce`](super::StreamOps::reduce).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};

/// See [`accumulate`](super::StreamOps::accumulate).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Accumulate<S, State, F> {
    source: Upstream<S>,
    state: State,
    step: F,
}

impl<S: Stream, State, F> Accumulate<S, State, F> {
    pub(super) fn new(source: S, state: State, step: F) -> Self {
        Self { source: Upstream::new(source), state, step }
    }
}

impl<S, State, F> Unpin for Accumulate<S, State, F> {}

impl<S: Stream, State, Out, F: FnMut(&mut State, S::Item) -> Out> Stream for Accumulate<S, State, F> {
    type Item = Out;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Out>> {
        let this = self.get_mut();
        let item = ready!(this.source.poll_next(context));
        Poll::Ready(item.map(|item| (this.step)(&mut this.state, item)))
    }
}

/// See [`pairwise`](super::StreamOps::pairwise).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Pairwise<S: Stream> {
    source: Upstream<S>,
    previous: Option<S::Item>,
}

impl<S: Stream> Pairwise<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source: Upstream::new(source), previous: None }
    }
}

impl<S: Stream> Unpin for Pairwise<S> {}

impl<S: Stream<Item: Clone>> Stream for Pairwise<S> {
    type Item = (S::Item, S::Item);

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let Some(item) = ready!(this.source.poll_next(context)) else { return Poll::Ready(None) };
            if let Some(previous) = this.previous.replace(item.clone()) {
                return Poll::Ready(Some((previous, item)));
            }
        }
    }
}

/// See [`reduce`](super::StreamOps::reduce).
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Reduce<S: Stream, F> {
    source: Upstream<S>,
    result: Option<S::Item>,
    join: F,
}

impl<S: Stream, F> Reduce<S, F> {
    pub(super) fn new(source: S, join: F) -> Self {
        Self { source: Upstream::new(source), result: None, join }
    }
}

impl<S: Stream, F> Unpin for Reduce<S, F> {}

impl<S: Stream, F: FnMut(S::Item, S::Item) -> S::Item> Future for Reduce<S, F> {
    type Output = Option<S::Item>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        for _ in 0..LEFT_OUT_AT_ONCE_MAX {
            let Some(item) = ready!(this.source.poll_next(context)) else { return Poll::Ready(this.result.take()) };
            this.result = Some(match this.result.take() {
                Some(result) => (this.join)(result, item),
                None => item,
            });
        }
        pause(context)
    }
}
