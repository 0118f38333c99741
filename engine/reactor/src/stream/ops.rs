//! The operators on any stream, as methods.

use std::hash::Hash;
use std::time::Duration;

use futures::Stream;
use futures::stream::Map;

use super::chunks::Chunks;
use super::debounce::Debounce;
use super::distinct::{Distinct, DistinctWithin, Memory, Whole};
use super::sample::Sample;
use super::scan::{Accumulate, Pairwise, Reduce};
use super::share::{Carry, Shared, Slow};
use super::switch::Switch;
use super::throttle::{Edge, Throttle};
use super::timeout::{ItemTimeout, TotalTimeout};
use super::timer::Timer;
use crate::ack::Ack;
use crate::clock::Clock;

/// The operators on any stream. What is not here is in tokio-stream or futures: see the table of the [module](super).
///
/// ```
/// use homeostat_reactor::{Clock, stream::prelude::*};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let clock = Clock::machine();
/// let typed = tokio_stream::iter([("h", 0), ("ho", 90), ("hom", 80), ("home", 400)]);
/// let typed = typed.then(|(text, pause)| async move {
///     tokio::time::sleep(Duration::from_millis(pause)).await;
///     text
/// });
/// let asked: Vec<_> = typed.debounce(Duration::from_millis(150), &clock).collect().await;
/// assert_eq!(asked, ["hom", "home"]);
/// # }
/// ```
pub trait StreamOps: Stream + Sized {
    /// Only items that are followed by `quiet`: each newer one takes the place of the one before and starts the wait again.
    fn debounce(self, quiet: Duration, clock: &Clock) -> Debounce<Self> {
        Debounce::new(self, Timer::new(clock, quiet), drop)
    }

    /// One item in `pace`, or the first and the last: [`Edge`] says which. The others are left out.
    #[doc(alias = "throttle")]
    fn throttle_by(self, edge: Edge, pace: Duration, clock: &Clock) -> Throttle<Self> {
        Throttle::new(self, edge, Timer::new(clock, pace), drop)
    }

    /// The newest item at the end of every `period`, counted from now; nothing when there is no new one.
    fn sample(self, period: Duration, clock: &Clock) -> Sample<Self> {
        Sample::new(self, Timer::new(clock, period), drop)
    }

    /// Batches of at most `max` items (at least one), each handed out when it is full or `wait` after its first item; a source that
    /// always has another one may add up to fifteen in between.
    #[doc(alias = "buffer")]
    #[doc(alias = "chunks")]
    fn chunks_within(self, max: usize, wait: Duration, clock: &Clock) -> Chunks<Self> {
        Chunks::new(self, max, Timer::new(clock, wait))
    }

    /// Without items that are equal to the one before.
    fn distinct(self) -> Distinct<Self, Self::Item, Whole<Self::Item>>
    where
        Self::Item: Clone + PartialEq,
    {
        Distinct::new(self, Self::Item::clone, drop)
    }

    /// Without items that have the same key as the one before.
    fn distinct_by<K: PartialEq, F: FnMut(&Self::Item) -> K>(self, key_of: F) -> Distinct<Self, K, F> {
        Distinct::new(self, key_of, drop)
    }

    /// Without items whose key one that went through before had, as far as the memory goes.
    fn distinct_within<K, F>(self, memory: Memory, key_of: F, clock: &Clock) -> DistinctWithin<Self, K, F>
    where
        K: Hash + Eq + Clone,
        F: FnMut(&Self::Item) -> K,
    {
        DistinctWithin::new(self, memory, key_of, clock, drop)
    }

    /// The items of the newest of the streams that this stream is made of; the older one is dropped. Ends when both this stream and
    /// the newest one have ended.
    fn switch(self) -> Switch<Self>
    where
        Self::Item: Stream,
    {
        Switch::new(self)
    }

    /// The items of the stream made of the newest item: [`switch`](Self::switch) after a map.
    fn switch_map<Inner: Stream, F: FnMut(Self::Item) -> Inner>(self, make: F) -> Switch<Map<Self, F>> {
        Switch::new(futures::StreamExt::map(self, make))
    }

    /// With an error in between whenever whoever reads has waited longer than `limit` for an item. The stream goes on: who wants it to
    /// end there, stops reading. Whoever drops a `next()` and comes back more than a second after its wait was over, waits anew.
    fn item_timeout(self, limit: Duration, clock: &Clock) -> ItemTimeout<Self> {
        ItemTimeout::new(self, limit, clock)
    }

    /// At most for `limit` from the first poll on: then the source is dropped, and an error is the last item.
    fn total_timeout(self, limit: Duration, clock: &Clock) -> TotalTimeout<Self> {
        TotalTimeout::new(self, limit, clock)
    }

    /// A stream for many subscribers, each of which sees all items from now on and the last `replay` ones from before. For
    /// deliveries take [`share_events`](super::DeliveryOps::share_events): their replay does not hold an acknowledgement open.
    #[doc(alias = "replay")]
    #[doc(alias = "multicast")]
    fn share(self, replay: usize, slow: Slow) -> Shared<Self::Item>
    where
        Self: Send + 'static,
        Self::Item: Clone,
    {
        let carry = Carry { part: |item| (item, Ack::none()), join: |item, _| item };
        Shared::new(Box::pin(self), replay, slow, carry)
    }

    /// What `step` makes of each item and a state that goes along.
    #[doc(alias = "scan")]
    fn accumulate<State, Out, F>(self, state: State, step: F) -> Accumulate<Self, State, F>
    where
        F: FnMut(&mut State, Self::Item) -> Out,
    {
        Accumulate::new(self, state, step)
    }

    /// Each item but the first, behind the one before it.
    fn pairwise(self) -> Pairwise<Self>
    where
        Self::Item: Clone,
    {
        Pairwise::new(self)
    }

    /// All items joined into one, two by two; nothing of an empty stream.
    fn reduce<F: FnMut(Self::Item, Self::Item) -> Self::Item>(self, join: F) -> Reduce<Self, F> {
        Reduce::new(self, join)
    }
}

impl<S: Stream> StreamOps for S {}
