//! How often, over the time from the earliest event to the latest. It asks no clock: it knows only the moments of the events.

use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregator;
use crate::aggregate::anything::takes_anything;
use crate::clock::Moment;

/// How often something happens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Events a second; `None` until two events were seen at different moments.
    pub per_second: Option<f64>,
    /// How many events were seen.
    pub events: u64,
    /// From the earliest to the latest of them.
    pub span: Duration,
}

/// Events a second over the time from the earliest event to the latest: one event less than there were, over that span, because n
/// events have n - 1 gaps between them.
///
/// Silence before the first and after the last event is not seen: where a window's length is known and silence counts, divide a
/// [`Count`](crate::aggregate::Count) by it. Exact; the order of adding and merging does not matter, nor that of the moments.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Rate<T> {
    events: u64,
    /// The earliest moment and the latest.
    seen: Option<(Moment, Moment)>,
    #[serde(skip)]
    of: PhantomData<fn(&T)>,
}

takes_anything!(Rate { events, seen });

impl<T> Rate<T> {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self { events: 0, seen: None, of: PhantomData }
    }

    fn take(&mut self, events: u64, from: Moment, to: Moment) {
        let (earliest, latest) = self.seen.unwrap_or((from, to));
        self.seen = Some((earliest.min(from), latest.max(to)));
        self.events = self.events.saturating_add(events);
    }
}

impl<T> Default for Rate<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: 'static> Aggregator for Rate<T> {
    type Input = T;
    type Output = Pace;

    fn add(&mut self, at: Moment, _value: &T) {
        self.take(1, at, at);
    }

    fn merge(&mut self, other: &Self) {
        if let Some((from, to)) = other.seen {
            self.take(other.events, from, to);
        }
    }

    fn output(&self) -> Pace {
        let span = self.seen.map_or(Duration::ZERO, |(earliest, latest)| latest.since(earliest));
        let gaps = self.events.saturating_sub(1) as f64;
        let per_second = (!span.is_zero()).then(|| gaps / span.as_secs_f64());
        Pace { per_second, events: self.events, span }
    }
}
