//! A state for each key that every event goes through: running totals, changes from one event to the next, small state machines.
//!
//! Made by [`GroupBy::scan`](super::GroupBy::scan). What always holds: there are no more states than the limits say; a key that leaves
//! loses its state, which is counted; nothing is waited for but the source and the end of idle keys.

use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::closed::Taken;
use super::counts::{WindowCounts, WindowMeter};
use super::feed::{Fed, Feed};
use super::keys::{Entry, Found, KeyLimits, Keys, WhenFull};
use super::operator::EVENTS_A_POLL;
use super::side::{Side, SideOutput, side};
use crate::clock::Moment;

/// A stream of what a scan of each key makes of the events; made by [`GroupBy::scan`](super::GroupBy::scan).
pub struct ScanStream<S: Stream, F, K, N, Z, G> {
    feed: Feed<S>,
    key: F,
    limits: KeyLimits,
    start: N,
    step: G,
    keys: Keys<K, Z>,
    next_born: u64,
    watermark: u64,
    ended: bool,
    counts: WindowCounts,
    side: Side<S::Item>,
    meter: Option<WindowMeter>,
}

impl<S, F, K, N, Z, G, O> ScanStream<S, F, K, N, Z, G>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Hash + Eq,
    N: FnMut(&K) -> Z,
    G: FnMut(&K, &mut Z, S::Item) -> Option<O>,
{
    pub(super) fn new(feed: Feed<S>, key: F, limits: KeyLimits, start: N, step: G) -> Self {
        Self {
            feed,
            key,
            limits,
            start,
            step,
            keys: Keys::new(),
            next_born: 0,
            watermark: 0,
            ended: false,
            counts: WindowCounts::default(),
            side: Side::none(),
            meter: None,
        }
    }

    /// With the events that are refused as a stream of their own, which holds at most `capacity` of them.
    #[must_use]
    pub fn side_output(mut self, capacity: usize) -> (Self, SideOutput<S::Item>) {
        let (feeding, output) = side(capacity);
        self.side = feeding;
        (self, output)
    }

    /// Reads the counts while somebody else runs the stream.
    pub fn meter(&mut self) -> WindowMeter {
        self.meter.get_or_insert_default().clone()
    }

    /// What was counted so far.
    pub fn counts(&self) -> WindowCounts {
        WindowCounts { keys: self.keys.len() as u64, ..self.counts }
    }

    /// When the first key leaves, if no event comes.
    fn next_due(&self) -> Option<u64> {
        let (_, touched_at) = self.keys.oldest()?;
        self.limits.ttl_nanos.map(|ttl| touched_at.saturating_add(ttl))
    }

    fn advance(&mut self, mark: Moment) {
        self.watermark = self.watermark.max(mark.0);
        while self.next_due().is_some_and(|due| due <= self.watermark)
            && let Some((slot, _)) = self.keys.oldest()
        {
            self.keys.remove(slot);
            self.counts.expired += 1;
        }
    }

    /// The slot of a key, new or known; `None` when there is no room for a new one.
    fn slot(&mut self, key: K) -> Option<u32> {
        let hash = match self.keys.find(&key) {
            Found::Slot(slot) => return Some(slot),
            Found::Missing { hash } => hash,
        };
        if self.keys.len() >= self.limits.keys_max {
            if self.limits.when_full == WhenFull::RefuseNew {
                return None;
            }
            if let Some((slot, _)) = self.keys.oldest() {
                self.keys.remove(slot);
                self.counts.evicted += 1;
            }
        }
        let (born, state) = (self.next_born, (self.start)(&key));
        self.next_born += 1;
        Some(self.keys.add(hash, Entry { key, born, touched_at: self.watermark, state }))
    }

    fn take(&mut self, event: S::Item) -> Option<O> {
        self.counts.taken += 1;
        let key = (self.key)(&event);
        let Some(slot) = self.slot(key) else {
            self.counts.refused += 1;
            self.counts.side_dropped += u64::from(self.side.put(event, Taken::Refused));
            return None;
        };
        let entry = self.keys.touch(slot, self.watermark);
        (self.step)(&entry.key, &mut entry.state, event)
    }

    fn run(&mut self, context: &mut Context<'_>) -> Poll<Option<O>> {
        for _ in 0..EVENTS_A_POLL {
            if self.ended {
                self.side.close();
                return Poll::Ready(None);
            }
            match ready!(self.feed.poll(context, Moment(self.watermark), self.next_due().map(Moment))) {
                Fed::Event(event, _, mark) => {
                    self.advance(mark);
                    if let Some(output) = self.take(event) {
                        return Poll::Ready(Some(output));
                    }
                }
                Fed::Time(mark) => self.advance(mark),
                Fed::End => self.ended = true,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Nothing in it is ever pinned but the source, which has a box of its own.
impl<S: Stream, F, K, N, Z, G> Unpin for ScanStream<S, F, K, N, Z, G> {}

impl<S, F, K, N, Z, G, O> Stream for ScanStream<S, F, K, N, Z, G>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Hash + Eq,
    N: FnMut(&K) -> Z,
    G: FnMut(&K, &mut Z, S::Item) -> Option<O>,
{
    type Item = O;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<O>> {
        let polled = self.run(context);
        if let Some(meter) = &self.meter {
            meter.write(self.counts());
        }
        polled
    }
}
