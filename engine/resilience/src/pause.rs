//! Pauses that double, for retries, breakers and endpoints that are left out: the reactor's arithmetic, so that there is one.

use std::time::Duration;

use homeostat_reactor::Backoff;

/// The first pause, doubled so many times, and never longer than the longest.
pub(crate) fn doubled(first: Duration, doublings: u32, longest: Duration) -> Duration {
    Backoff { first, longest, failures_max: u32::MAX }.pause(doublings.saturating_add(1))
}
