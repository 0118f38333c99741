//! Which time a stream of windows goes by: the clock's, or the one its events carry.

use std::fmt;
use std::time::Duration;

use crate::clock::{Clock, Moment};

/// Which time windows go by.
#[derive(Debug)]
pub enum TimeBy<T> {
    /// An event belongs to the moment it arrives, by this clock. Nothing is ever late, not even if the clock goes back: until it has
    /// caught up, time stands still.
    Clock(Clock),
    /// An event carries its moment.
    Event(EventTime<T>),
}

/// Time that events carry, and how far their order can be trusted.
///
/// The watermark follows the latest moment seen at a distance of `lag` and never goes back: windows up to it are closed. `lag` delays
/// what is told; `lateness` does not, it keeps closed windows for correction.
pub struct EventTime<T> {
    pub(super) of: Box<dyn Fn(&T) -> Moment + Send + Sync>,
    pub(super) lag: Duration,
    pub(super) lateness: Duration,
    pub(super) idle: Option<(Clock, Duration)>,
}

impl<T> EventTime<T> {
    /// The moment an event carries, usually since the Unix epoch. Events are taken to come in order until a lag is set.
    pub fn of(of: impl Fn(&T) -> Moment + Send + Sync + 'static) -> Self {
        Self { of: Box::new(of), lag: Duration::ZERO, lateness: Duration::ZERO, idle: None }
    }

    /// How much earlier than the latest one an event may be and still be in time.
    #[must_use]
    pub const fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// For how long after the watermark has passed a window's end late events correct it.
    #[must_use]
    pub const fn lateness(mut self, lateness: Duration) -> Self {
        self.lateness = lateness;
        self
    }

    /// When no event has come for `after`, the watermark goes on at the pace of the clock, counted from the last event, so that
    /// windows close although the source is silent. What it then sends of earlier moments may be late; and a replay goes another way
    /// than the first run, so leave it off where that matters.
    #[must_use]
    pub fn idle(mut self, clock: Clock, after: Duration) -> Self {
        self.idle = Some((clock, after));
        self
    }
}

impl<T> fmt::Debug for EventTime<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("EventTime");
        shown
            .field("lag", &self.lag)
            .field("lateness", &self.lateness)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

impl<T> From<Clock> for TimeBy<T> {
    fn from(clock: Clock) -> Self {
        Self::Clock(clock)
    }
}

impl<T> From<EventTime<T>> for TimeBy<T> {
    fn from(time: EventTime<T>) -> Self {
        Self::Event(time)
    }
}
