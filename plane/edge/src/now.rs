//! The time of a request, taken once and handed to everything that asks: nothing in this crate looks at a clock on its own.

use homeostat_reactor::Moment;
use homeostat_vocabulary::Timestamp;

/// What time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// On the clock that only goes forward: for rates and pauses.
    pub at: Moment,
    /// On the wall: for tokens and the log.
    pub wall: Timestamp,
}

impl Now {
    /// The wall's time in whole seconds since the epoch, as tokens count.
    #[must_use]
    pub const fn wall_s(self) -> u64 {
        self.wall.0 / 1_000
    }
}
