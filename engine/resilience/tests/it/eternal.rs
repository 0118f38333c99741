//! Eternal mode: always an answer, always looking for recovery, never a storm.

mod budget;
mod estimates;
mod promises;

use homeostat_reactor::ManualClock;
use homeostat_resilience::chance::Chance;
use homeostat_resilience::eternal::{Eternal, EternalSettings};

/// With this clock, opened after one failure.
fn eternal(settings: EternalSettings) -> (Eternal, ManualClock) {
    let time = ManualClock::new();
    let mut settings = settings;
    settings.breaker.calls_min = 1;
    let builder = Eternal::builder("prices", &time.clock()).settings(settings).chance(Chance::seeded(5));
    (builder.build().unwrap(), time)
}
