//! Which windows there are. Made by whoever configures a stream; [`super::core`] asks [`Kind`] how to keep them.
//!
//! What always holds: every length is at least a nanosecond and at most [`LENGTH_MAX_NANOS`], every number at least one, so that no sum of
//! a moment and lengths can overflow.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::panes::Panes;
use super::sessions::Sessions;
use crate::clock::nanos;

/// How many slides long a sliding window may be: each close of a window joins as many panes.
pub const PANES_MAX: u64 = 4_096;

/// The longest length of time in a window's rules, 2^60 ns or about 36 years: longer ones are taken as this.
pub(super) const LENGTH_MAX_NANOS: u64 = 1 << 60;

/// The latest moment an event can have, 2^63 ns: the year 2262, counted from the Unix epoch. Later ones are taken as this.
pub(super) const MOMENT_MAX_NANOS: u64 = 1 << 63;

/// Which events belong together.
///
/// By time a window holds the moments from its start up to, and without, its end; tumbling and sliding windows are aligned to the
/// origin of time. A window without events does not exist.
///
/// An event costs one pane, whatever the window. The close of a sliding window joins its panes, `size / slide` of them for each key
/// that had events in it; correcting it after the close joins them again, and a late event is in as many windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows(pub(super) Kind);

/// The ways to keep windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Tumbling and sliding windows of time.
    Panes(Panes),
    /// Sessions.
    Sessions(Sessions),
    /// Windows of so many events.
    Counted(Counted),
}

impl Windows {
    /// One window after the other, each as long as `size`.
    pub fn tumbling(size: Duration) -> Self {
        let size = length(size);
        Self(Kind::Panes(Panes { size, slide: size }))
    }

    /// Windows as long as `size`, a new one each `slide`: every event is in `size / slide` of them. Also known as hopping.
    ///
    /// # Errors
    /// When `size` is not a whole number of slides, or more than [`PANES_MAX`].
    pub fn sliding(size: Duration, slide: Duration) -> Result<Self, WindowsError> {
        let (size_nanos, slide_nanos) = (length(size), length(slide));
        if !size_nanos.is_multiple_of(slide_nanos) {
            return Err(WindowsError::Uneven { size, slide });
        }
        if size_nanos / slide_nanos > PANES_MAX {
            return Err(WindowsError::TooFine { size, slide });
        }
        Ok(Self(Kind::Panes(Panes { size: size_nanos, slide: slide_nanos })))
    }

    /// What follows one another in less than `gap`, however long it goes on. Its end is `gap` after its last event.
    pub fn session(gap: Duration) -> Self {
        Self(Kind::Sessions(Sessions { gap: length(gap) }))
    }

    /// One window after the other, each of `size` events in the order of arrival. It starts with the moment of its earliest event
    /// and ends with that of its latest.
    pub fn count(size: u64) -> Self {
        Self(Kind::Counted(Counted { every: size.max(1), panes: 1 }))
    }

    /// The last `size` events, each time `every` further ones have come; the first when `size` have.
    ///
    /// # Errors
    /// When `size` is not a multiple of `every`, or more than [`PANES_MAX`] times as much.
    pub fn count_sliding(size: u64, every: u64) -> Result<Self, WindowsError> {
        let (size, every) = (size.max(1), every.max(1));
        if !size.is_multiple_of(every) || size / every > PANES_MAX {
            return Err(WindowsError::Counts { size, every });
        }
        Ok(Self(Kind::Counted(Counted { every, panes: size / every })))
    }

    /// One window over everything, until the source ends or the key leaves.
    pub const fn whole() -> Self {
        Self(Kind::Counted(Counted { every: u64::MAX, panes: 1 }))
    }
}

/// A length that rules can have.
pub(super) fn length(duration: Duration) -> u64 {
    nanos(duration).clamp(1, LENGTH_MAX_NANOS)
}

/// Windows that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowsError {
    /// A sliding window whose size is not a whole number of slides.
    #[error("a sliding window is a whole number of slides long, and {size:?} is not one of {slide:?}")]
    Uneven {
        /// The size asked for.
        size: Duration,
        /// The slide asked for.
        slide: Duration,
    },
    /// A sliding window of too many slides.
    #[error(
        "a sliding window is at most {PANES_MAX} slides long, and {size:?} is more of {slide:?}; take a longer slide"
    )]
    TooFine {
        /// The size asked for.
        size: Duration,
        /// The slide asked for.
        slide: Duration,
    },
    /// The same for windows of so many events.
    #[error("a window of {size} events each {every} is none: it needs a whole number of steps, at most {PANES_MAX}")]
    Counts {
        /// The number of events asked for.
        size: u64,
        /// The step asked for.
        every: u64,
    },
}
