//! The stream of closed windows over a stream of events.
//!
//! Made by [`Windowing`](super::Windowing). What always holds: it asks its source for an event only when everything that is closed was
//! fetched, so whoever reads sets the pace; everything it knows is in itself, so dropping the future of `next` loses nothing; when
//! the source ends every window is told. It lets other tasks run after [`EVENTS_A_POLL`] events that closed nothing.

use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::closed::{Taken, Windowed};
use super::core::WindowCore;
use super::counts::{WindowCounts, WindowMeter};
use super::feed::{Fed, Feed};
use super::save::{RestoreError, SavedWindows};
use super::side::{Side, SideOutput, side};
use crate::aggregate::Recipe;
use crate::clock::Moment;

/// How many events go in before other tasks may run: some tens of microseconds of work.
pub(super) const EVENTS_A_POLL: usize = 512;

/// A stream of closed windows; made by [`Windowing::aggregate`](super::Windowing::aggregate) and the like.
pub struct WindowStream<S: Stream, F, K, R: Recipe<S::Item>> {
    feed: Feed<S>,
    key: F,
    core: WindowCore<K, S::Item, R>,
    /// An event that waits until what its moment closes was fetched.
    held: Option<(S::Item, Moment)>,
    ended: bool,
    side: Side<S::Item>,
    meter: Option<WindowMeter>,
}

impl<S, F, K, R> WindowStream<S, F, K, R>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Hash + Eq + Clone,
    R: Recipe<S::Item>,
{
    pub(super) const fn new(feed: Feed<S>, key: F, core: WindowCore<K, S::Item, R>) -> Self {
        Self { feed, key, core, held: None, ended: false, side: Side::none(), meter: None }
    }

    /// With the events that no window takes as a stream of their own, which holds at most `capacity` of them.
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
        self.core.counts()
    }

    /// How far the time of the stream is.
    pub fn watermark(&self) -> Moment {
        self.core.watermark()
    }

    /// Saves everything that was taken in and not told. [`WindowCounts::taken`] says with which event of the source to go on.
    pub fn save(&self) -> SavedWindows<K, R::State> {
        self.core.save()
    }

    /// Goes on from saved windows.
    ///
    /// # Errors
    /// When they follow other rules than these.
    pub fn restore(mut self, saved: SavedWindows<K, R::State>) -> Result<Self, RestoreError> {
        self.core.load(saved)?;
        Ok(self)
    }

    #[inline]
    fn take(&mut self, event: S::Item, at: Moment) {
        let key = (self.key)(&event);
        match self.core.take(key, at, &event) {
            Taken::In => {}
            why => self.put_aside(event, why),
        }
    }

    #[cold]
    fn put_aside(&mut self, event: S::Item, why: Taken) {
        if self.side.put(event, why) {
            self.core.counts.side_dropped += 1;
        }
    }

    fn run(&mut self, context: &mut Context<'_>) -> Poll<Option<Windowed<K, R::Output>>> {
        for _ in 0..EVENTS_A_POLL {
            if self.core.is_due()
                && let Some(window) = self.core.next_closed()
            {
                return Poll::Ready(Some(window));
            }
            if let Some((event, at)) = self.held.take() {
                self.take(event, at);
                continue;
            }
            if self.ended {
                self.side.close();
                return Poll::Ready(None);
            }
            match ready!(self.feed.poll(context, self.core.watermark(), self.core.next_due())) {
                Fed::Event(event, at, mark) => {
                    self.core.advance(mark);
                    if self.core.is_due() {
                        self.held = Some((event, at));
                    } else {
                        self.take(event, at);
                    }
                }
                Fed::Time(mark) => self.core.advance(mark),
                Fed::End => {
                    self.core.finish();
                    self.ended = true;
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Nothing in it is ever pinned but the source, which has a box of its own.
impl<S: Stream, F, K, R: Recipe<S::Item>> Unpin for WindowStream<S, F, K, R> {}

impl<S, F, K, R> Stream for WindowStream<S, F, K, R>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Hash + Eq + Clone,
    R: Recipe<S::Item>,
{
    type Item = Windowed<K, R::Output>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.run(context);
        if let Some(meter) = &self.meter {
            meter.write(self.core.counts());
        }
        polled
    }
}
