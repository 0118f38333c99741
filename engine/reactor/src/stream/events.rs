//! The operators on deliveries that have no like among those on any stream: each event takes its acknowledgement along.
//!
//! Made by the methods of [`DeliveryOps`](super::DeliveryOps). None holds an event but [`ChunkEvents`].

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::chunks::Chunks;
use super::upstream::{LEFT_OUT_AT_ONCE_MAX, Upstream, pause};
use crate::ack::Outcome;
use crate::delivery::Delivery;

/// Settles an event that an operator leaves out.
pub(super) fn skip<T>(delivery: Delivery<T>) {
    delivery.settle(Outcome::Skipped);
}

/// See [`map_event`](super::DeliveryOps::map_event).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct MapEvent<S, F>(pub(super) Upstream<S>, pub(super) F);

impl<S, F> Unpin for MapEvent<S, F> {}

impl<T, U, S: Stream<Item = Delivery<T>>, F: FnMut(T) -> U> Stream for MapEvent<S, F> {
    type Item = Delivery<U>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery<U>>> {
        let Self(source, make) = self.get_mut();
        source.poll_next(context).map(|delivery| delivery.map(|delivery| delivery.map(make)))
    }
}

/// See [`filter_event`](super::DeliveryOps::filter_event).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct FilterEvent<S, F>(pub(super) Upstream<S>, pub(super) F);

impl<S, F> Unpin for FilterEvent<S, F> {}

impl<T, S: Stream<Item = Delivery<T>>, F: FnMut(&T) -> bool> Stream for FilterEvent<S, F> {
    type Item = Delivery<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery<T>>> {
        let Self(source, is_wanted) = self.get_mut();
        for _ in 0..LEFT_OUT_AT_ONCE_MAX {
            match ready!(source.poll_next(context)) {
                Some(delivery) if !is_wanted(&delivery.event) => skip(delivery),
                wanted => return Poll::Ready(wanted),
            }
        }
        pause(context)
    }
}

/// See [`filter_map_event`](super::DeliveryOps::filter_map_event).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct FilterMapEvent<S, F>(pub(super) Upstream<S>, pub(super) F);

impl<S, F> Unpin for FilterMapEvent<S, F> {}

impl<T, U, S: Stream<Item = Delivery<T>>, F: FnMut(T) -> Option<U>> Stream for FilterMapEvent<S, F> {
    type Item = Delivery<U>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery<U>>> {
        let Self(source, make) = self.get_mut();
        for _ in 0..LEFT_OUT_AT_ONCE_MAX {
            let Some(delivery) = ready!(source.poll_next(context)) else { return Poll::Ready(None) };
            if let Some(made) = delivery.filter_map(&mut *make) {
                return Poll::Ready(Some(made));
            }
        }
        pause(context)
    }
}

/// See [`chunk_events`](super::DeliveryOps::chunk_events).
#[must_use = "streams do nothing unless polled"]
pub struct ChunkEvents<S: Stream>(pub(super) Chunks<S>);

impl<S: Stream> Unpin for ChunkEvents<S> {}

impl<T, S: Stream<Item = Delivery<T>>> Stream for ChunkEvents<S> {
    type Item = Delivery<Vec<T>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // No batch is empty, so that only the end is `None`.
        Pin::new(&mut self.get_mut().0).poll_next(context).map(|batch| batch.and_then(Delivery::join))
    }
}

/// See [`taken`](super::DeliveryOps::taken).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Taken<S>(pub(super) Upstream<S>);

impl<S> Unpin for Taken<S> {}

impl<T, S: Stream<Item = Delivery<T>>> Stream for Taken<S> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let delivery = self.get_mut().0.poll_next(context);
        delivery.map(|delivery| delivery.map(|delivery| delivery.settle(Outcome::Done)))
    }
}

/// How [`for_each_event`](super::DeliveryOps::for_each_event) ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Handled {
    /// Events settled as done.
    pub done: u64,
    /// Events settled as failed.
    pub failed: u64,
}
