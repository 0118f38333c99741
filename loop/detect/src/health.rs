//! Health judged from probes: so many failures in a row make an instance unhealthy, so many passes make it well again.
//!
//! Two thresholds instead of one, so that an instance at the edge does not flap.

use crate::severity;
use homeostat_vocabulary::{Finding, FindingKind, HealthCheck, ProbeFailure, Signal, SignalKind, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What is known about the health of one life of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    since: Timestamp,
    ready: bool,
    passed_once: bool,
    judged_unhealthy: bool,
    passes: u32,
    failures: u32,
    failed_at: Option<Timestamp>,
    recent: VecDeque<Signal>,
}

/// What a signal changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthChange {
    /// It is ready, for the first time or again.
    Ready,
    /// It is not ready any more.
    Unhealthy(Finding),
}

/// Confidence from this many agreeing failures on is no longer raised: 900 of 1000, because a probe can be wrong.
const CONFIDENCE_MAX_PERMILLE: u32 = 900;

/// What each agreeing failure adds to the confidence.
const CONFIDENCE_STEP_PERMILLE: u32 = 250;

impl Health {
    /// The health of a life that began at `since`; without a health check, running is ready.
    #[must_use]
    pub const fn of_new_life(since: Timestamp, has_check: bool) -> Self {
        Self {
            since,
            ready: !has_check,
            passed_once: false,
            judged_unhealthy: false,
            passes: 0,
            failures: 0,
            failed_at: None,
            recent: VecDeque::new(),
        }
    }

    /// Whether it is ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether it was found unhealthy and has not become ready since.
    #[must_use]
    pub const fn is_unhealthy(&self) -> bool {
        self.judged_unhealthy
    }

    /// Takes the finding back that it is unhealthy, because nobody could act on it when it was made: while it stays so, the next
    /// failure finds it again. Ready it is not before it passes.
    pub const fn find_again(&mut self) {
        self.judged_unhealthy = false;
    }

    /// Takes a probe's signal in. An unhealthy instance is found so once, not with each further failure.
    pub fn observe(&mut self, signal: &Signal, check: &HealthCheck, others_ready: usize) -> Option<HealthChange> {
        match &signal.kind {
            SignalKind::ProbePassed { .. } => self.passed(check),
            SignalKind::ProbeFailed { failure } => self.failed(signal, failure, check, others_ready),
            SignalKind::Up { .. } | SignalKind::Exited { .. } => None,
        }
    }

    fn passed(&mut self, check: &HealthCheck) -> Option<HealthChange> {
        self.failures = 0;
        self.failed_at = None;
        self.recent.clear();
        self.passes = self.passes.saturating_add(1);
        // The first pass of a life is enough: the second threshold is against flapping, and a new life has not flapped.
        let needed = if self.passed_once { check.successes } else { 1 };
        self.passed_once = true;
        if self.ready || self.passes < needed {
            return None;
        }
        self.ready = true;
        self.judged_unhealthy = false;
        Some(HealthChange::Ready)
    }

    fn failed(
        &mut self,
        signal: &Signal,
        last: &ProbeFailure,
        check: &HealthCheck,
        others_ready: usize,
    ) -> Option<HealthChange> {
        self.passes = 0;
        if !self.passed_once && signal.at.since(self.since) < check.start_grace {
            return None;
        }
        // Until the first pass it is asked much more often than the owner declared, to see readiness early: a stumble of a
        // fraction of a second after a new engine took over must not count as so many failures in a row.
        let too_soon = |before: Timestamp| signal.at.since(before).0 < check.interval.0 / 2;
        if self.failed_at.is_some_and(too_soon) {
            return None;
        }
        self.failed_at = Some(signal.at);
        self.failures = self.failures.saturating_add(1);
        if self.recent.len() == homeostat_vocabulary::episode::EVIDENCE_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(signal.clone());
        if self.judged_unhealthy || self.failures < check.failures {
            return None;
        }
        self.ready = false;
        self.judged_unhealthy = true;
        let confidence = (self.failures * CONFIDENCE_STEP_PERMILLE).min(CONFIDENCE_MAX_PERMILLE);
        Some(HealthChange::Unhealthy(Finding {
            subject: signal.subject.clone(),
            kind: FindingKind::Unhealthy { failures: self.failures, last: last.clone() },
            severity: severity(others_ready),
            confidence_permille: u16::try_from(confidence).expect("capped below 1000"),
            evidence: self.recent.iter().cloned().collect(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_vocabulary::{Millis, Probe};
    use proptest::prelude::*;

    fn check(failures: u32, successes: u32, start_grace: Millis) -> HealthCheck {
        let probe = Probe::Tcp { address: "127.0.0.1:1".to_owned() };
        HealthCheck { probe, interval: Millis(1000), timeout: Millis(500), failures, successes, start_grace }
    }

    fn probe(at: u64, passed: bool) -> Signal {
        let kind = if passed {
            SignalKind::ProbePassed { took: Millis(1) }
        } else {
            SignalKind::ProbeFailed { failure: ProbeFailure::Refused }
        };
        let subject = "web/0".parse().expect("a good id");
        Signal { at: Timestamp(at), subject, run: "r1".parse().expect("a good id"), kind }
    }

    #[test]
    fn a_finding_that_was_taken_back_is_made_again() {
        // An instance that became unhealthy while it was being started would never be looked after.
        let check = check(2, 1, Millis(0));
        let mut health = Health::of_new_life(Timestamp(0), true);
        assert_eq!(health.observe(&probe(1_000, false), &check, 0), None);
        assert!(matches!(health.observe(&probe(2_000, false), &check, 0), Some(HealthChange::Unhealthy(_))));
        assert_eq!(health.observe(&probe(3_000, false), &check, 0), None);
        health.find_again();
        assert!(matches!(health.observe(&probe(4_000, false), &check, 0), Some(HealthChange::Unhealthy(_))));
    }

    #[test]
    fn failures_closer_together_than_declared_count_once() {
        // A new engine asks quickly until the first pass: a service that stumbles for 200 ms just then would be restarted.
        let check = check(3, 1, Millis(0));
        let mut health = Health::of_new_life(Timestamp(0), true);
        let quick = (0..10).map(|index| probe(10_000 + index * 50, false));
        assert!(quick.into_iter().all(|failed| health.observe(&failed, &check, 0).is_none()));
        assert_eq!(health.observe(&probe(11_000, false), &check, 0), None);
        assert!(matches!(health.observe(&probe(12_000, false), &check, 0), Some(HealthChange::Unhealthy(_))));
    }

    #[test]
    fn failures_in_the_start_grace_are_not_counted() {
        // A slow starter would be restarted for ever before it is up.
        let check = check(1, 1, Millis(10_000));
        let mut health = Health::of_new_life(Timestamp(0), true);
        assert_eq!(health.observe(&probe(9_999, false), &check, 0), None);
        assert!(matches!(health.observe(&probe(10_000, false), &check, 0), Some(HealthChange::Unhealthy(_))));
    }

    proptest! {
        #[test]
        fn changes_alternate_and_follow_the_thresholds(
            failures in 1u32..5, successes in 1u32..5, results in proptest::collection::vec(any::<bool>(), 0..200)
        ) {
            // A missed or doubled change would leave a sick instance alone, or repair it twice.
            let check = check(failures, successes, Millis(0));
            let mut health = Health::of_new_life(Timestamp(0), true);
            let (mut run, mut last, mut was_ready, mut passed_once) = (0u32, None, None::<bool>, false);
            for (index, passed) in results.into_iter().enumerate() {
                run = if last == Some(passed) { run + 1 } else { 1 };
                last = Some(passed);
                let change = health.observe(&probe(index as u64 * 1_000, passed), &check, 0);
                let needed = if passed { if passed_once { successes } else { 1 } } else { failures };
                passed_once |= passed;
                if was_ready != Some(passed) && run >= needed {
                    prop_assert!(change.is_some());
                    prop_assert_eq!(matches!(change, Some(HealthChange::Ready)), passed);
                    was_ready = Some(passed);
                } else {
                    prop_assert_eq!(change, None);
                }
                prop_assert_eq!(health.is_ready(), was_ready == Some(true));
            }
        }
    }
}
