//! The operators on deliveries, as methods.

use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tracing::Instrument;

use super::chunks::Chunks;
use super::debounce::Debounce;
use super::distinct::{Distinct, DistinctWithin, Memory};
use super::events::{ChunkEvents, FilterEvent, FilterMapEvent, Handled, MapEvent, Taken, skip};
use super::sample::Sample;
use super::share::{Carry, Shared, Slow};
use super::throttle::{Edge, Throttle};
use super::timer::Timer;
use super::upstream::Upstream;
use crate::ack::{Ack, Outcome};
use crate::clock::Clock;
use crate::delivery::Delivery;

/// The operators on streams of [`Delivery`]: like those on any stream, and the acknowledgement goes along. Each event is settled
/// exactly once, by whoever has it last, with the worst of its outcomes:
///
/// - what is left out is [`Skipped`](Outcome::Skipped) at that moment, also where a newer event takes its place;
/// - a batch is settled as one, and what becomes of it becomes of each event in it;
/// - copies for several subscribers are settled each by itself, and the worst counts;
/// - what an operator or a handler still has when it is dropped is [`Abandoned`](Outcome::Abandoned).
///
/// ```
/// use homeostat_reactor::{Ack, Class, Delivery, Moment, Outcome, stream::prelude::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (acks, receipts): (Vec<_>, Vec<_>) = (0..3).map(|_| Ack::new()).unzip();
/// let events = acks.into_iter().zip(1..).map(|(ack, number)| {
///     Delivery::new(number, Class::Sense, Moment::ZERO).with_trail(ack, tracing::Span::none())
/// });
/// let odd = tokio_stream::iter(events.collect::<Vec<_>>()).filter_event(|number| number % 2 == 1);
/// odd.for_each_event(1, |number| async move { if number == 3 { Err("three is too many") } else { Ok(()) } }).await;
/// let outcomes: Vec<_> = futures::future::join_all(receipts).await.into_iter().map(|settled| settled.outcome).collect();
/// assert_eq!(outcomes, [Outcome::Done, Outcome::Skipped, Outcome::Failed]);
/// # }
/// ```
pub trait DeliveryOps<T>: Stream<Item = Delivery<T>> + Sized {
    /// Another event made of each.
    fn map_event<U, F: FnMut(T) -> U>(self, make: F) -> MapEvent<Self, F> {
        MapEvent(Upstream::new(self), make)
    }

    /// Only the events that are wanted.
    fn filter_event<F: FnMut(&T) -> bool>(self, is_wanted: F) -> FilterEvent<Self, F> {
        FilterEvent(Upstream::new(self), is_wanted)
    }

    /// Another event made of each, or none.
    fn filter_map_event<U, F: FnMut(T) -> Option<U>>(self, make: F) -> FilterMapEvent<Self, F> {
        FilterMapEvent(Upstream::new(self), make)
    }

    /// Batches, [joined](Delivery::join) into one event each; see [`chunks_within`](super::StreamOps::chunks_within).
    fn chunk_events(self, max: usize, wait: Duration, clock: &Clock) -> ChunkEvents<Self> {
        ChunkEvents(Chunks::new(self, max, Timer::new(clock, wait)))
    }

    /// Only events that are followed by quiet; see [`debounce`](super::StreamOps::debounce).
    fn debounce_events(self, quiet: Duration, clock: &Clock) -> Debounce<Self> {
        Debounce::new(self, Timer::new(clock, quiet), skip)
    }

    /// One event in a while; see [`throttle_by`](super::StreamOps::throttle_by).
    fn throttle_events(self, edge: Edge, pace: Duration, clock: &Clock) -> Throttle<Self> {
        Throttle::new(self, edge, Timer::new(clock, pace), skip)
    }

    /// The newest event at even times; see [`sample`](super::StreamOps::sample).
    fn sample_events(self, period: Duration, clock: &Clock) -> Sample<Self> {
        Sample::new(self, Timer::new(clock, period), skip)
    }

    /// Without events that have the same key as the one before.
    fn distinct_events<K, F>(self, key_of: F) -> Distinct<Self, K, F>
    where
        K: PartialEq,
        F: FnMut(&Delivery<T>) -> K,
    {
        Distinct::new(self, key_of, skip)
    }

    /// Without events whose key is remembered; see [`distinct_within`](super::StreamOps::distinct_within).
    fn distinct_events_within<K, F>(self, memory: Memory, key_of: F, clock: &Clock) -> DistinctWithin<Self, K, F>
    where
        K: Hash + Eq + Clone,
        F: FnMut(&Delivery<T>) -> K,
    {
        DistinctWithin::new(self, memory, key_of, clock, skip)
    }

    /// A copy of each event for each subscriber; see [`share`](super::StreamOps::share). The event is settled when all who were
    /// subscribed when it came have settled theirs. What a slow subscriber misses counts as [`Dropped`](Outcome::Dropped), what one
    /// has not read when it goes as [`Abandoned`](Outcome::Abandoned), and what is replayed to those who come later as nothing.
    fn share_events(self, replay: usize, slow: Slow) -> Shared<Delivery<T>>
    where
        Self: Send + 'static,
        T: Clone,
    {
        let carry = Carry { part: part_from_ack, join: join_with_ack };
        Shared::new(Box::pin(self), replay, slow, carry)
    }

    /// Has each event handled, at most so many at once (at least one), and settles it as done or, with the error as the cause, as
    /// failed. Goes on to the end of the stream, whatever fails. One at a time keeps the order.
    fn for_each_event<F, Handling, E>(self, at_once_max: usize, mut handle: F) -> impl Future<Output = Handled>
    where
        F: FnMut(T) -> Handling,
        Handling: Future<Output = Result<(), E>>,
        E: Display,
    {
        let handled = self.map(move |delivery| {
            let span = delivery.span();
            let (event, ack) = delivery.into_parts();
            let handling = span.in_scope(|| handle(event));
            async move {
                let result = handling.await;
                match &result {
                    Ok(()) => ack.settle(Outcome::Done),
                    Err(error) => ack.fail(&error.to_string()),
                }
                result.is_ok()
            }
            .instrument(span)
        });
        handled.buffer_unordered(at_once_max.max(1)).fold(Handled::default(), |mut sum, is_done| {
            sum.done += u64::from(is_done);
            sum.failed += u64::from(!is_done);
            std::future::ready(sum)
        })
    }

    /// The plain events, each settled as done when it is handed over: for who does not want to say what becomes of them.
    fn taken(self) -> Taken<Self> {
        Taken(Upstream::new(self))
    }
}

impl<T, S: Stream<Item = Delivery<T>>> DeliveryOps<T> for S {}

fn part_from_ack<T>(delivery: Delivery<T>) -> (Delivery<T>, Ack) {
    let (class, emitted_at, span) = (delivery.class, delivery.emitted_at, delivery.span());
    let (event, ack) = delivery.into_parts();
    (Delivery::new(event, class, emitted_at).with_trail(Ack::none(), span), ack)
}

fn join_with_ack<T>(mut delivery: Delivery<T>, ack: Ack) -> Delivery<T> {
    delivery.absorb(ack);
    delivery
}
