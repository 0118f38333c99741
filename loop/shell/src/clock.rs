//! The engine's clock: wall time that never runs backwards.
//!
//! Read by everything that stamps signals and facts. It is anchored once, at start, at the wall clock or at the journal's
//! newest record, whichever is later, and goes on from there with the monotonic clock: when somebody sets the wall clock
//! while the engine runs, no timer fires early or late.

use homeostat_vocabulary::Timestamp;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that can be handed around.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A clock that shows no earlier time than `newest`, the newest record of the journal.
pub fn steady(newest: Timestamp) -> Clock {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = Timestamp(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
    if wall < newest {
        tracing::warn!(%wall, %newest, "the wall clock is behind the journal; time goes on from the journal");
    }
    let (anchor, started) = (wall.max(newest), Instant::now());
    Arc::new(move || {
        Timestamp(anchor.0.saturating_add(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)))
    })
}
