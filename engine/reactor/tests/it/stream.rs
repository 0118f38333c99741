//! Streams: sources and a driver under virtual time, for the tests of the operators.
//!
//! The driver polls only when it has been woken: a waking that is lost shows as an item that never comes.

mod acknowledging;
mod backwards;
mod cutting;
mod joining;
mod repeating;
mod sharing;
mod timing;

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::Stream;
use homeostat_reactor::{Ack, Class, Clock, Delivery, ManualClock, Moment, Outcome, Receipt};
use proptest::prelude::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn shown(moment: Moment) -> u64 {
    moment.0 / 1_000_000
}

/// Items, each so many milliseconds after the one before, and the end so long after the last.
fn timed<T>(clock: &Clock, items: Vec<(u64, T)>, end: u64) -> impl Stream<Item = T> + use<T> {
    let clock = clock.clone();
    let items = items.into_iter().map(|(gap, item)| (gap, Some(item))).chain([(end, None)]).collect::<VecDeque<_>>();
    futures::stream::unfold((items, clock), |(mut items, clock)| async move {
        let (gap, item) = items.pop_front()?;
        if gap > 0 {
            clock.sleep(millis(gap)).await;
        }
        item.map(|item| (item, (items, clock)))
    })
}

/// When each of the items comes, in milliseconds.
fn arrivals<T: Clone>(items: &[(u64, T)]) -> Vec<(u64, T)> {
    let sum = |at: &mut u64, (gap, item): &(u64, T)| {
        *at += gap;
        Some((*at, item.clone()))
    };
    items.iter().scan(0, sum).collect()
}

/// Gaps between items, most of them short, and the gap before the end.
fn gaps() -> impl Strategy<Value = (Vec<(u64, usize)>, u64)> {
    let gap = prop_oneof![3 => 0_u64..6, 2 => 6_u64..15, 1 => 15_u64..60];
    let items = prop::collection::vec(gap, 0..40).prop_map(|gaps| gaps.into_iter().zip(0..).collect());
    (items, 0_u64..60)
}

/// A waker that remembers having been woken.
#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    /// A flag that is up, and its waker.
    fn up() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self(AtomicBool::new(true)));
        (Arc::clone(&flag), Waker::from(flag))
    }

    fn lower(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// Everything a stream hands out, with the time in milliseconds, until it ends or nothing more can come; and whether it ended.
fn drive<S: Stream>(time: &ManualClock, stream: S) -> (Vec<(u64, S::Item)>, bool) {
    let mut stream = pin!(stream);
    let (flag, waker) = Flag::up();
    let mut items = Vec::new();
    loop {
        while flag.lower() {
            match stream.as_mut().poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(item)) => {
                    items.push((shown(time.clock().now()), item));
                    flag.0.store(true, Ordering::SeqCst);
                }
                Poll::Ready(None) => return (items, true),
                Poll::Pending => {}
            }
        }
        match time.next_due() {
            Some(due) => time.set(due),
            None => return (items, false),
        }
    }
}

/// One poll, by nobody in particular.
fn poll_once<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// A source that the test fills by hand and can look into at any time.
#[derive(Debug)]
struct Tap<T>(Arc<Mutex<Reservoir<T>>>);

#[derive(Debug)]
struct Reservoir<T> {
    items: VecDeque<T>,
    closed: bool,
    waker: Option<Waker>,
}

impl<T> Clone for Tap<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Tap<T> {
    fn new(items: impl IntoIterator<Item = T>) -> Self {
        Self(Arc::new(Mutex::new(Reservoir { items: items.into_iter().collect(), closed: false, waker: None })))
    }

    fn push(&self, item: T) {
        self.change(|reservoir| reservoir.items.push_back(item));
    }

    fn close(&self) {
        self.change(|reservoir| reservoir.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut Reservoir<T>)) {
        let mut reservoir = self.0.lock().unwrap();
        change(&mut reservoir);
        let waker = reservoir.waker.take();
        drop(reservoir);
        waker.into_iter().for_each(Waker::wake);
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().items.len()
    }
}

impl<T> Stream for Tap<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut reservoir = self.0.lock().unwrap();
        match reservoir.items.pop_front() {
            None if !reservoir.closed => {
                reservoir.waker = Some(context.waker().clone());
                Poll::Pending
            }
            item => Poll::Ready(item),
        }
    }
}

/// Numbered events, and the receipt of each.
fn events(count: usize) -> (Vec<Delivery<usize>>, Vec<Receipt>) {
    let event = |number: usize| {
        let (ack, receipt) = Ack::new();
        (Delivery::new(number, Class::Sense, Moment::ZERO).with_trail(ack, tracing::Span::none()), receipt)
    };
    (0..count).map(event).unzip()
}

/// What has become of each event so far.
fn outcomes(receipts: &mut [Receipt]) -> Vec<Option<Outcome>> {
    let outcome = |receipt: &mut Receipt| match Future::poll(Pin::new(receipt), &mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(settlement) => Some(settlement.outcome),
        Poll::Pending => None,
    };
    receipts.iter_mut().map(outcome).collect()
}
