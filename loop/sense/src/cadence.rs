//! When the next probe is due: quickly until the first pass, then at the declared interval, spread out.
//!
//! Called by the loop of each check. Pure: the seed decides, so that a thousand checks started together drift apart the same
//! way each time. Never waits longer than the declared interval.

use homeostat_vocabulary::{Chance, Millis, Probe};
use std::time::Duration;

/// The first probe comes within this time: an adopted instance is usually well already, and a thousand of them adopted at once
/// should not all be asked in the same millisecond.
const FIRST_PROBE_WITHIN_MS: u64 = 50;

/// The wait after the first failed probe of a starting instance: requests may be waiting for it, and a connection costs little.
const STARTING_WAIT_FIRST_MS: u64 = 20;

/// The same for a command: a new process each time is a hundred times the price of a connection.
const STARTING_WAIT_FIRST_EXEC_MS: u64 = 200;

/// While it starts, each wait is this much longer than the one before, in percent. So readiness is seen late by at most about
/// a fifth of the time the start took, and an instance that never becomes ready ends at the normal pace.
const STARTING_WAIT_GROWTH_PERCENT: u64 = 120;

/// Waits are drawn from this share of the interval up to all of it, in percent.
const JITTER_FROM_PERCENT: u64 = 90;

/// The pace of one check.
#[derive(Clone, Debug)]
pub struct Cadence {
    interval_ms: u64,
    starting_wait_ms: Option<u64>,
    spread: bool,
    chance: Chance,
}

impl Cadence {
    /// The pace of a check that asks `probe` every `interval`.
    pub fn new(probe: &Probe, interval: Millis, seed: u64) -> Self {
        // An interval of zero would be a busy loop.
        let interval_ms = interval.0.max(1);
        let first = match probe {
            Probe::Exec { .. } => STARTING_WAIT_FIRST_EXEC_MS,
            Probe::Http { .. } | Probe::Tcp { .. } => STARTING_WAIT_FIRST_MS,
        };
        let starting_wait_ms = Some(first.min(interval_ms));
        Self { interval_ms, starting_wait_ms, spread: true, chance: Chance::from_seed(seed) }
    }

    /// The wait before the first probe.
    pub fn first_wait(&mut self) -> Duration {
        let bound = FIRST_PROBE_WITHIN_MS.min(self.interval_ms);
        Duration::from_millis(self.chance.below(bound))
    }

    /// The time from the beginning of a probe that ended like this to the beginning of the next.
    pub fn next_wait(&mut self, passed: bool) -> Duration {
        if let (Some(wait_ms), false) = (self.starting_wait_ms, passed) {
            let grown_ms = (wait_ms.saturating_mul(STARTING_WAIT_GROWTH_PERCENT) / 100).max(wait_ms + 1);
            self.starting_wait_ms = Some(grown_ms.min(self.interval_ms));
            return Duration::from_millis(wait_ms);
        }
        self.starting_wait_ms = None;
        // Instances started together pass together: one wait of any length parts them for good.
        let from_percent = if std::mem::take(&mut self.spread) { 0 } else { JITTER_FROM_PERCENT };
        let from_ms = self.interval_ms.saturating_mul(from_percent) / 100;
        Duration::from_millis(from_ms + self.chance.below(self.interval_ms - from_ms + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cadence(interval_ms: u64, seed: u64) -> Cadence {
        Cadence::new(&Probe::Tcp { address: String::new() }, Millis(interval_ms), seed)
    }

    #[test]
    fn a_start_is_watched_closely_and_then_less_and_less() {
        // A service that is ready after 100 ms would be shown as starting for a whole interval.
        let mut pace = cadence(5_000, 1);
        assert!(pace.first_wait() < Duration::from_millis(50));
        let waits: Vec<u64> = (0..40).map(|_| pace.next_wait(false).as_millis() as u64).collect();
        assert_eq!(waits[0], 20);
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
        assert_eq!(waits[39], 5_000);
    }

    #[test]
    fn no_wait_is_longer_than_the_interval_or_keeps_the_checks_in_step() {
        // Checks in step would load the machine in bursts; a longer wait would break what the owner declared.
        let second: Vec<u64> = (0..200)
            .map(|seed| {
                let mut pace = cadence(1_000, seed);
                let spread = pace.next_wait(true).as_millis() as u64;
                for passed in [true, false, true, false] {
                    let wait = pace.next_wait(passed).as_millis() as u64;
                    assert!((900..=1_000).contains(&wait), "{wait}");
                }
                assert!(spread <= 1_000);
                spread
            })
            .collect();
        let early = second.iter().filter(|wait| **wait < 500).count();
        assert!((50..150).contains(&early), "{early} of 200 in the first half");
    }

    #[test]
    fn an_interval_of_nothing_is_no_busy_loop() {
        // A declared interval of 0 must not spin a core.
        let mut pace = cadence(0, 7);
        assert!((0..10).any(|_| pace.next_wait(false) > Duration::ZERO));
        assert_eq!(pace.first_wait(), Duration::ZERO);
    }
}
