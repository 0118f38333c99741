//! Wall time for the durable timers, taken once and carried on by the monotonic clock.
//!
//! Used by the runner's tasks. What always holds: it never goes back, not even behind the records of an earlier run, so
//! a wall clock that is set while sagas run neither fires nor delays their timers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    base_ms: u64,
    since: Instant,
}

impl Clock {
    /// Starts at wall time, or at `floor_ms` when that is later.
    pub(super) fn start(floor_ms: u64) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { base_ms: millis(wall).max(floor_ms), since: Instant::now() }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.base_ms + millis(self.since.elapsed())
    }

    pub(super) fn instant_of(&self, at_ms: u64) -> Instant {
        self.since + Duration::from_millis(at_ms.saturating_sub(self.base_ms))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
