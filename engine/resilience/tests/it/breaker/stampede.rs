//! Half open, under a crowd: whatever begins, ends and is given up, and in whatever order, never more trials than permits, and
//! never one lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::breaker::{Breaker, BreakerSettings};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::{Priority, Verdict};
use proptest::prelude::*;

fn half_open(trials: u32) -> (Breaker, ManualClock) {
    let time = ManualClock::new();
    let settings = BreakerSettings { calls_min: 1, failure_rate: 1.0, trials, ..BreakerSettings::default() };
    let breaker = Breaker::builder("b", &time.clock()).settings(settings).chance(Chance::seeded(1)).build().unwrap();
    breaker.begin(Priority::Normal).unwrap().end(Verdict::Failed);
    time.set(Moment::from_secs(10));
    (breaker, time)
}

proptest! {
    #[test]
    fn never_more_trials_than_permits(trials in 1..6_u32, acts in prop::collection::vec((0..8_u8, 0..6_usize), 1..300)) {
        // Would break: a permit given twice, or one lost with a call that was given up, so that nothing is ever tried again.
        let (breaker, time) = half_open(trials);
        let mut permits = Vec::new();
        for (act, which) in acts {
            let is_half_open = breaker.snapshot().state == "half_open";
            match act {
                0..4 => permits.extend(breaker.begin(Priority::Normal)),
                4 if !permits.is_empty() => permits.swap_remove(which % permits.len()).end(Verdict::Ignored),
                5 if !permits.is_empty() => permits.swap_remove(which % permits.len()).end(Verdict::Full),
                _ if !permits.is_empty() => drop(permits.swap_remove(which % permits.len())),
                _ => {}
            }
            let snapshot = breaker.snapshot();
            if snapshot.state != "half_open" {
                // Closed by so many that had no room: open it again, with nobody under way.
                permits.clear();
                if is_half_open {
                    breaker.begin(Priority::Normal).unwrap().end(Verdict::Failed);
                    let later = time.clock().now() + std::time::Duration::from_secs(100);
                    time.set(later);
                }
                continue;
            }
            prop_assert!(permits.len() <= trials as usize, "{} under way", permits.len());
            prop_assert_eq!(snapshot.trials_under_way as usize, permits.len());
        }
        permits.clear();
        let again = breaker.begin(Priority::Normal);
        prop_assert!(again.is_ok(), "every permit came back: {again:?}");
    }
}

#[test]
fn a_crowd_of_threads_gets_no_more_than_the_permits() {
    // Would break: a look at the door and a step through it that are not one.
    const THREADS: usize = 8;
    const TRIALS: usize = 3;
    let (breaker, _time) = half_open(TRIALS as u32);
    let (inside, most, begun) = (AtomicUsize::new(0), AtomicUsize::new(0), Arc::new(Barrier::new(THREADS)));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                begun.wait();
                for _ in 0..2_000 {
                    if let Ok(permit) = breaker.begin(Priority::Normal) {
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        permit.end(Verdict::Ignored);
                    }
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= TRIALS, "{most:?} at once");
    assert_eq!(breaker.snapshot().trials_under_way, 0);
}
