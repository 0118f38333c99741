//! One stream made of several. Two are merged by [`merge`](tokio_stream::StreamExt::merge), many by [`merge_all`], by urgency by
//! [`merge_by_priority`], item by item by [`zip`].
//!
//! A merge holds no item and keeps the order of each source. It ends when all have ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use futures::stream::{SelectAll, Zip, select_all};

use super::upstream::Upstream;
use crate::class::Class;

/// All items of all sources, each source's in its order. Fair: a source that always has an item is heard once while each other that
/// has one is heard once. Sources of different types are merged as [`boxed`](futures::StreamExt::boxed) ones.
pub fn merge_all<S: Stream>(sources: impl IntoIterator<Item = S>) -> SelectAll<Pin<Box<S>>> {
    select_all(sources.into_iter().map(Box::pin))
}

/// Pairs of the first items, the second items and so on. Ends when one of the two ends, and then drops the other's item that waits
/// for a partner.
pub fn zip<A: Stream, B: Stream>(left: A, right: B) -> Zip<A, B> {
    futures::StreamExt::zip(left, right)
}

/// All items of all sources, the most urgent first, but so that none starves: while all have items, each has as many turns in a round
/// as its class has [weight](Class::weight).
pub fn merge_by_priority<S: Stream>(sources: impl IntoIterator<Item = (Class, S)>) -> MergeByPriority<S> {
    let mut lanes: Vec<_> = sources.into_iter().map(|(class, source)| Lane::new(class, source)).collect();
    lanes.sort_by_key(|lane| lane.class);
    MergeByPriority { lanes }
}

/// See [`merge_by_priority`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct MergeByPriority<S> {
    /// The most urgent first.
    lanes: Vec<Lane<S>>,
}

#[derive(Debug)]
struct Lane<S> {
    class: Class,
    /// Turns left in this round.
    turns: usize,
    source: Upstream<S>,
}

impl<S: Stream> Lane<S> {
    fn new(class: Class, source: S) -> Self {
        Self { class, turns: class.weight(), source: Upstream::new(source) }
    }
}

impl<S: Stream> MergeByPriority<S> {
    /// The first item of the lanes that have, or have not, a turn left, and whose it is.
    fn poll_lanes(&mut self, with_turns: bool, context: &mut Context<'_>) -> Option<(usize, S::Item)> {
        let lanes = self.lanes.iter_mut().enumerate().filter(|(_, lane)| (lane.turns > 0) == with_turns);
        lanes.into_iter().find_map(|(number, lane)| match lane.source.poll_next(context) {
            Poll::Ready(Some(item)) => Some((number, item)),
            Poll::Ready(None) | Poll::Pending => None,
        })
    }

    fn start_round(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.turns = lane.class.weight());
    }
}

impl<S: Stream> Stream for MergeByPriority<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        let said = this.poll_lanes(true, context).or_else(|| {
            // Whoever has turns left has nothing to say: a new round begins with those that have used theirs up.
            let said = this.poll_lanes(false, context);
            this.start_round();
            said
        });
        match said {
            Some((number, item)) => {
                this.lanes[number].turns -= 1;
                Poll::Ready(Some(item))
            }
            None if this.lanes.iter().all(|lane| lane.source.is_over()) => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
