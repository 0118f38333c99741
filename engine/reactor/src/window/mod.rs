//! Windows over streams, by time or count, for each key; and scans of each key.
//!
//! [`WindowExt`] adds them to every stream. [`WindowCore`] is the same without stream and clock, for whoever drives windows by hand.
//!
//! ```
//! use std::time::Duration;
//! use futures::{StreamExt, stream};
//! use homeostat_reactor::Moment;
//! use homeostat_reactor::aggregate::{Mean, Recipe};
//! use homeostat_reactor::window::{EventTime, KeyLimits, WindowExt, Windows};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! struct Request { service: &'static str, at: Moment, millis: f64 }
//! let request = |service, secs, millis| Request { service, at: Moment::from_secs(secs), millis };
//!
//! let windows: Vec<_> = stream::iter([request("shop", 1, 10.0), request("shop", 9, 30.0), request("shop", 12, 50.0)])
//!     .group_by(|request| request.service, KeyLimits::at_most(1_000))
//!     .window(Windows::tumbling(Duration::from_secs(10)), EventTime::of(|request: &Request| request.at))
//!     .aggregate(Mean::new().of(|request: &Request| request.millis))
//!     .collect()
//!     .await;
//! assert_eq!(windows.iter().map(|window| window.output.value).collect::<Vec<_>>(), [Some(20.0), Some(50.0)]);
//! # }
//! ```
//!
//! Windows take events in and keep none, so a [`Delivery`](crate::Delivery) is settled before:
//! [`taken`](crate::stream::DeliveryOps::taken) acknowledges it as it is handed over. Whoever must lose nothing in a crash saves the
//! windows ([`WindowStream::save`]) together with the place in a durable source.
//!
//! The memory held is bounded by the key limits times what one key has open, about `(size + lag + lateness) / slide` panes. An event
//! far in the future moves the watermark there and makes all that follow late: they are counted, and go to the side output.

mod agenda;
mod closed;
mod core;
mod counted;
mod counts;
mod feed;
mod keys;
mod operator;
mod panes;
mod recency;
mod reduce;
mod save;
mod scan;
mod sessions;
mod side;
mod state;
mod time;
mod windows;

use std::hash::Hash;
use std::time::Duration;

use futures::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::feed::Feed;
use crate::aggregate::Recipe;

pub use self::closed::{Part, Taken, Windowed};
pub use self::core::WindowCore;
pub use self::counts::{WindowCounts, WindowMeter};
pub use self::keys::{KeyLimits, WhenFull};
pub use self::operator::WindowStream;
pub use self::reduce::Reduce;
pub use self::save::{RestoreError, SavedWindows};
pub use self::scan::ScanStream;
pub use self::side::{Aside, SideOutput};
pub use self::time::{EventTime, TimeBy};
pub use self::windows::{PANES_MAX, Windows, WindowsError};

/// Windows and groups for every stream.
pub trait WindowExt: Stream + Sized {
    /// Divides the events by a key, of which no more are alive than the limits allow.
    fn group_by<K, F>(self, key: F, limits: KeyLimits) -> GroupBy<Self, F>
    where
        K: Hash + Eq + Clone,
        F: FnMut(&Self::Item) -> K,
    {
        GroupBy { source: self, key, limits }
    }

    /// Divides the events into windows.
    fn window(self, windows: Windows, time: impl Into<TimeBy<Self::Item>>) -> Windowing<Self, fn(&Self::Item)> {
        let key: fn(&Self::Item) = |_| ();
        GroupBy { source: self, key, limits: KeyLimits::at_most(1) }.window(windows, time)
    }
}

impl<S: Stream> WindowExt for S {}

/// A stream divided by a key; made by [`WindowExt::group_by`].
#[must_use = "a group does nothing until it is windowed or scanned, and polled"]
pub struct GroupBy<S, F> {
    source: S,
    key: F,
    limits: KeyLimits,
}

impl<S: Stream, F> GroupBy<S, F> {
    /// Divides each key's events into windows; [`Windows::whole`] for one over everything.
    pub fn window(self, windows: Windows, time: impl Into<TimeBy<S::Item>>) -> Windowing<S, F> {
        let Self { source, key, limits } = self;
        Windowing { source, key, limits, windows, time: time.into() }
    }

    /// Sends each event through the state of its key, and gives what that makes of it, if anything. The time is for keys that leave
    /// because they are idle.
    pub fn scan<K, N, Z, G, O>(
        self,
        time: impl Into<TimeBy<S::Item>>,
        start: N,
        step: G,
    ) -> ScanStream<S, F, K, N, Z, G>
    where
        K: Hash + Eq,
        F: FnMut(&S::Item) -> K,
        N: FnMut(&K) -> Z,
        G: FnMut(&K, &mut Z, S::Item) -> Option<O>,
    {
        let Self { source, key, limits } = self;
        ScanStream::new(Feed::new(source, time.into()), key, limits, start, step)
    }
}

/// A stream divided into windows that waits to hear what is wanted of them; made by [`GroupBy::window`] and [`WindowExt::window`].
#[must_use = "windows do nothing until they are aggregated and polled"]
pub struct Windowing<S: Stream, F> {
    source: S,
    key: F,
    limits: KeyLimits,
    windows: Windows,
    time: TimeBy<S::Item>,
}

impl<S: Stream, F> Windowing<S, F> {
    /// What a recipe says of each window's events.
    pub fn aggregate<K, R>(self, recipe: R) -> WindowStream<S, F, K, R>
    where
        K: Hash + Eq + Clone,
        F: FnMut(&S::Item) -> K,
        R: Recipe<S::Item>,
    {
        let lateness = match &self.time {
            TimeBy::Clock(_) => Duration::ZERO,
            TimeBy::Event(time) => time.lateness,
        };
        let core = WindowCore::new(self.windows, lateness, self.limits, recipe);
        WindowStream::new(Feed::new(self.source, self.time), self.key, core)
    }

    /// A figure of each event, combined into one for each window. The order in which events are combined is not given when they come
    /// out of order.
    pub fn reduce<K, V, G, C>(self, figure: G, combine: C) -> WindowStream<S, F, K, Reduce<G, C>>
    where
        K: Hash + Eq + Clone,
        F: FnMut(&S::Item) -> K,
        V: Clone + Send + Serialize + DeserializeOwned + 'static,
        G: Fn(&S::Item) -> V + Send + Sync + 'static,
        C: Fn(V, V) -> V + Send + Sync + 'static,
    {
        self.aggregate(Reduce { figure, combine })
    }
}
