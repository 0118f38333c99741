//! How often of late, for streams without windows: old events fade. It asks no clock; who wants the rate of now says when that is.

use std::f64::consts::LN_2;
use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::aggregate::anything::takes_anything;
use crate::aggregate::{Aggregator, Pace};
use crate::clock::Moment;

/// Events a second of late, for streams that are never cut into windows: an event weighs half as much for each half-life that has
/// passed since, and the weights are set against those of the time observed.
///
/// What it says as an aggregator holds at the latest event; [`RecentRate::per_second`] says it of any later moment, when silence
/// counts. The order of adding and merging matters no more than rounding does, and an event from a clock that went back
/// weighs what its own moment says. Merged with one of another half-life it keeps its own.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct RecentRate<T> {
    half_life: Duration,
    events: u64,
    /// The earliest moment and the latest.
    seen: Option<(Moment, Moment)>,
    /// What all events weigh at the latest moment.
    weight: f64,
    #[serde(skip)]
    of: PhantomData<fn(&T)>,
}

takes_anything!(RecentRate { half_life, events, seen, weight });

impl<T> RecentRate<T> {
    /// An event counts half after this time.
    pub fn with_half_life(half_life: Duration) -> Self {
        // a half-life of nothing would divide by zero: a nanosecond forgets as fast as a clock can tell
        let half_life = half_life.max(Duration::from_nanos(1));
        Self { half_life, events: 0, seen: None, weight: 0.0, of: PhantomData }
    }

    /// Events a second as seen at a moment, at the earliest that of the latest event; `None` until two events were seen at
    /// different moments.
    pub fn per_second(&self, now: Moment) -> Option<f64> {
        let (earliest, latest) = self.seen?;
        let now = now.max(latest);
        // The first event opens the time observed and is not in it: n events have n - 1 gaps between them.
        let weight = self.weight * self.left_after(now.since(latest)) - self.left_after(now.since(earliest));
        // The weight of all time since then: a second weighs like an event. `exp_m1` because a short time leaves nearly all of 1.
        let decay_per_second = LN_2 / self.half_life.as_secs_f64();
        let seconds = -(-now.since(earliest).as_secs_f64() * decay_per_second).exp_m1() / decay_per_second;
        (latest > earliest).then(|| weight.max(0.0) / seconds)
    }

    /// What is left of a weight of 1.
    fn left_after(&self, elapsed: Duration) -> f64 {
        (-(elapsed.as_secs_f64() / self.half_life.as_secs_f64())).exp2()
    }

    fn take(&mut self, events: u64, weight: f64, from: Moment, to: Moment) {
        let (earliest, latest) = self.seen.unwrap_or((from, to));
        let now = latest.max(to);
        self.weight = self.weight * self.left_after(now.since(latest)) + weight * self.left_after(now.since(to));
        self.seen = Some((earliest.min(from), now));
        self.events = self.events.saturating_add(events);
    }
}

impl<T: 'static> Aggregator for RecentRate<T> {
    type Input = T;
    type Output = Pace;

    fn add(&mut self, at: Moment, _value: &T) {
        self.take(1, 1.0, at, at);
    }

    fn merge(&mut self, other: &Self) {
        if let Some((from, to)) = other.seen {
            self.take(other.events, other.weight, from, to);
        }
    }

    fn output(&self) -> Pace {
        let (earliest, latest) = self.seen.unwrap_or_default();
        Pace { per_second: self.per_second(latest), events: self.events, span: latest.since(earliest) }
    }
}
