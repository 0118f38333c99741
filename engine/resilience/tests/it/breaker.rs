//! The circuit breaker: against a simple model of it, and what it promises to callers.

mod company;
mod model;
mod promises;
mod stampede;

use std::time::Duration;

use homeostat_reactor::ManualClock;
use homeostat_resilience::breaker::{Breaker, BreakerSettings};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::{Priority, Verdict};

fn settings() -> BreakerSettings {
    BreakerSettings { calls_min: 4, slow_after_ms: Some(1_000), ..BreakerSettings::default() }
}

fn breaker(settings: BreakerSettings) -> (Breaker, ManualClock) {
    let time = ManualClock::new();
    (Breaker::builder("orders", &time.clock()).settings(settings).chance(Chance::seeded(1)).build().unwrap(), time)
}

fn answered(breaker: &Breaker, verdicts: &[Verdict]) {
    verdicts.iter().for_each(|verdict| breaker.begin(Priority::Normal).unwrap().end(*verdict));
}

fn state(breaker: &Breaker) -> String {
    breaker.snapshot().state
}

fn on(time: &ManualClock, duration: Duration) {
    let later = time.clock().now() + duration;
    time.set(later);
}
