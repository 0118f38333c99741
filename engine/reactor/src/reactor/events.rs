//! A subscription as a stream: made by [`On::events`](super::On::events), read by whoever wants to pull. Always holds: an event that was
//! read by a future that was then dropped is still there for the next.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::subscriber::Inbox;
use super::timing::add;
use crate::ack::Outcome;
use crate::delivery::Delivery;
use crate::event::{Event, Holds};

/// Events of one type, each with its acknowledgement for the reader to settle. Dropping it unsubscribes; it ends after the
/// reactor has been shut down and everything was read.
#[derive(Debug)]
#[must_use = "dropping a stream of events unsubscribes it"]
pub struct Events<E: Event, T> {
    inbox: Inbox<E>,
    batch: Vec<Delivery<E>>,
    kind: PhantomData<fn() -> T>,
}

/// Nothing in it is pinned.
impl<E: Event, T> Unpin for Events<E, T> {}

impl<E: Event + Holds<T>, T> Events<E, T> {
    pub(super) fn new(inbox: Inbox<E>) -> Self {
        Self { inbox, batch: Vec::new(), kind: PhantomData }
    }

    /// Up to `max` events: waits for the first, and adds what waits already. `None` at the end.
    pub async fn next_batch(&mut self, max: usize) -> Option<Vec<Delivery<T>>> {
        let inbox = &mut self.inbox;
        let batch = &mut self.batch;
        let any = poll_fn(|context| {
            if batch.is_empty() {
                match ready!(inbox.poll_next(context)) {
                    Some(first) => batch.push(first),
                    None => return Poll::Ready(false),
                }
            }
            inbox.take_ready(max, context, batch);
            Poll::Ready(true)
        });
        if !any.await {
            return None;
        }
        add(&self.inbox.subscriber.handled, self.batch.len() as u64);
        Some(self.batch.drain(..).filter_map(|delivery| delivery.filter_map(Holds::take)).collect())
    }

    /// Plain values; each counts as done when it is handed over.
    pub fn taken(self) -> Taken<E, T> {
        Taken(self)
    }
}

impl<E: Event + Holds<T>, T> Stream for Events<E, T> {
    type Item = Delivery<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery<T>>> {
        loop {
            let Some(delivery) = ready!(self.inbox.poll_next(context)) else { return Poll::Ready(None) };
            add(&self.inbox.subscriber.handled, 1);
            if let Some(wanted) = delivery.filter_map(Holds::take) {
                return Poll::Ready(Some(wanted));
            }
        }
    }
}

/// A subscription as a stream of plain values; made by [`Events::taken`].
#[derive(Debug)]
#[must_use = "dropping a stream of events unsubscribes it"]
pub struct Taken<E: Event, T>(Events<E, T>);

impl<E: Event + Holds<T>, T> Stream for Taken<E, T> {
    type Item = T;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let inbox = &mut self.0.inbox;
        loop {
            let Some(delivery) = ready!(inbox.poll_next(context)) else { return Poll::Ready(None) };
            add(&inbox.subscriber.handled, 1);
            if let Some(wanted) = delivery.settle(Outcome::Done).take() {
                return Poll::Ready(Some(wanted));
            }
        }
    }
}
