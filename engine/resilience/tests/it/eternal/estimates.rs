//! The pure core: timeouts, degradation, proof of recovery.

use std::time::Duration;

use homeostat_resilience::Verdict;
use homeostat_resilience::eternal::EternalSettings;
use homeostat_resilience::eternal::core::Core;
use proptest::prelude::*;

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Good), Just(Verdict::Failed), Just(Verdict::Full), Just(Verdict::Ignored)]
}

proptest! {
    #[test]
    fn the_timeout_shortens_with_degradation_and_keeps_within_its_limits(
        outcomes in prop::collection::vec((verdict(), 0..8_000_u64), 0..100),
    ) {
        // Would break: a timeout that grows in an outage, or one so short that it cuts off good answers.
        let mut core = Core::new(EternalSettings::default());
        for (verdict, took_ms) in outcomes {
            let (before, timeout) = (core.degradation(), core.timeout());
            core.learn(verdict, Duration::from_millis(took_ms));
            prop_assert!((0.0..=1.0).contains(&core.degradation()));
            prop_assert!(core.timeout() >= Duration::from_millis(10) && core.timeout() <= core.longest());
            match verdict {
                Verdict::Failed => {
                    prop_assert!(core.degradation() >= before && core.timeout() <= timeout);
                }
                Verdict::Good => prop_assert!(core.degradation() <= before),
                Verdict::Full | Verdict::Ignored => prop_assert_eq!((core.degradation(), core.timeout()), (before, timeout)),
            }
        }
        // Healing lengthens it: the same answers again and again end at the longest.
        (0..60).for_each(|_| core.learn(Verdict::Good, Duration::from_millis(50)));
        prop_assert!(core.timeout() > core.longest().mul_f64(0.99), "{:?}", core.timeout());
    }

    #[test]
    fn never_more_probes_under_way_than_places(acts in prop::collection::vec((0..4_u8, verdict()), 1..200)) {
        // Would break: a place given twice, or lost.
        let mut core = Core::new(EternalSettings::default());
        let mut under_way = Vec::new();
        for (act, verdict) in acts {
            match act {
                0 | 1 => under_way.extend(core.begin(1)),
                2 => if let Some(probe) = under_way.pop() {
                    core.end(probe, verdict, Duration::from_millis(5));
                },
                _ => if under_way.pop().is_some() {
                    core.give_up();
                },
            }
            prop_assert!(under_way.len() <= 3);
            prop_assert_eq!(core.in_flight() as usize, under_way.len());
        }
    }
}

#[test]
fn good_answers_are_never_cut_off_for_what_is_bad_otherwise() {
    // Would break: in an outage a timeout under what good answers take: it never sees one, and never closes.
    let mut core = Core::new(EternalSettings::default());
    for round in 0..200_u64 {
        core.learn(Verdict::Good, Duration::from_millis(500 + round * 97 % 1_000));
    }
    (0..50).for_each(|_| core.learn(Verdict::Failed, Duration::from_millis(1)));
    let timeout = core.timeout();
    assert!((Duration::from_millis(1_500)..Duration::from_millis(3_000)).contains(&timeout), "{timeout:?}");
    assert_eq!(core.cut_off(Duration::from_millis(100)), Verdict::Ignored, "the caller had no time");
    assert_eq!(core.cut_off(Duration::from_millis(4_000)), Verdict::Failed);
}

#[test]
fn every_fourth_look_is_a_long_one() {
    // Would break: something that came back slower than it was, and is never waited for again.
    let mut core = Core::new(EternalSettings::default());
    core.learn(Verdict::Good, Duration::from_millis(10));
    (0..50).for_each(|_| core.learn(Verdict::Failed, Duration::from_millis(1)));
    let mut long = 0;
    for _ in 0..40 {
        let probe = core.begin(1).unwrap();
        core.sent();
        long += u32::from(probe.timeout == core.longest());
        core.end(probe, Verdict::Failed, probe.timeout);
    }
    assert_eq!(long, 10);
}

#[test]
fn recovery_is_proven_by_good_ones_in_a_row_and_low_degradation() {
    // Would break: one lucky answer that lets everything back onto something that is still broken.
    let mut core = Core::new(EternalSettings::default());
    let look = |core: &mut Core, verdict| {
        let probe = core.begin(1).unwrap();
        core.end(probe, verdict, Duration::from_millis(5))
    };
    core.learn(Verdict::Failed, Duration::from_millis(1));
    assert!(
        ![Verdict::Good, Verdict::Good].map(|verdict| look(&mut core, verdict)).contains(&true),
        "two are not three"
    );
    assert!(!look(&mut core, Verdict::Full), "no room says nothing either way");
    assert!(look(&mut core, Verdict::Good));
    (0..50).for_each(|_| core.learn(Verdict::Failed, Duration::from_millis(1)));
    assert_eq!([Verdict::Failed; 3].map(|verdict| look(&mut core, verdict)), [false; 3]);
    let proven = [Verdict::Good; 4].map(|verdict| look(&mut core, verdict));
    assert_eq!(proven, [false, false, false, true], "after a total outage three in a row are not yet low degradation");
}

#[test]
fn a_probe_of_an_earlier_outage_proves_nothing() {
    // Would break: an answer from before it broke again that closes it.
    let mut core = Core::new(EternalSettings::default());
    let old: Vec<_> = (0..3).filter_map(|_| core.begin(1)).collect();
    old[..2].iter().for_each(|probe| assert!(!core.end(*probe, Verdict::Good, Duration::from_millis(5))));
    let new = core.begin(3).unwrap();
    assert!(!core.end(old[2], Verdict::Good, Duration::from_millis(5)));
    assert!(!core.end(new, Verdict::Good, Duration::from_millis(5)));
    assert_eq!((core.in_a_row(), core.in_flight()), (1, 0));
}
