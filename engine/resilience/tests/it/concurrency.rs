//! The adaptive limit: bounds for any input, convergence in virtual time, who makes way first, and that nothing leaks.

mod shell;
mod simulation;

use homeostat_reactor::Moment;
use homeostat_resilience::concurrency::algorithm::{Aimd, Algorithm, Gradient, Vegas, View};
use homeostat_resilience::concurrency::learner::{Ending, Learner, Sample};
use homeostat_resilience::concurrency::{AlgorithmKind, Bounds, ConcurrencySettings};
use homeostat_resilience::shares::PerPriority;
use proptest::prelude::*;

fn kinds() -> impl Strategy<Value = AlgorithmKind> {
    prop_oneof![Just(AlgorithmKind::Aimd), Just(AlgorithmKind::Vegas), Just(AlgorithmKind::Gradient)]
}

fn any_number() -> impl Strategy<Value = f64> {
    let odd = [f64::NAN, 0.0, -1.0, f64::INFINITY, f64::MIN_POSITIVE, f64::MAX, 1e9];
    prop_oneof![1 => any::<f64>(), 1 => prop::sample::select(odd.to_vec()), 8 => 0.001..0.05_f64]
}

fn samples() -> impl Strategy<Value = Vec<(u64, f64, usize, Ending)>> {
    let ending = prop_oneof![6 => Just(Ending::Good), 1 => Just(Ending::Full), 2 => Just(Ending::Lost), 1 => Just(Ending::Ignored)];
    // Mostly onwards by milliseconds, at times anywhere.
    let ended = prop_oneof![20 => 0..100_000_000_u64, 1 => any::<u64>()];
    prop::collection::vec((ended, any_number(), prop_oneof![0..2_000_usize, any::<usize>()], ending), 1..300)
}

proptest! {
    // Each case is hundreds of calls: fewer cases than usual see as much.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_limit_stays_within_its_bounds_whatever_comes(
        kind in kinds(), min in any::<usize>(), max in 0..5_000_usize, start in any::<usize>(),
        probe_every_ms in any::<u64>(), samples in samples(), chance in any_number(),
    ) {
        // Would break: a limit of nothing, of no number or without end after one absurd latency or a clock that jumped.
        let min = if max % 3 == 0 { min } else { min % 100 };
        let settings = ConcurrencySettings {
            algorithm: kind, limit_at_start: start, limit_min: min, limit_max: max, probe_every_ms,
            ..ConcurrencySettings::default()
        };
        let lowest = min.clamp(1, 1 << 32);
        let highest = max.clamp(lowest, 1 << 32);
        let mut learner = Learner::new(&settings, Moment::from_secs(1));
        let mut now = Moment::from_secs(1);
        for (ended, latency_secs, in_flight, ending) in samples {
            now = if ended < 100_000_000 { Moment(now.0.saturating_add(ended)) } else { Moment(ended) };
            learner.observe(&Sample { ended: now, latency_secs, in_flight, ending }, chance);
            prop_assert!((lowest..=highest).contains(&learner.limit()), "{}", learner.limit());
            prop_assert!(learner.learned().is_finite());
        }
    }

    #[test]
    fn what_an_algorithm_says_is_held_within_bounds(
        limit in any_number(), slowdown in any_number(), overloaded_share in any_number(), in_flight_max in any::<usize>(),
        min in 0..50_usize, max in 0..5_000_usize,
    ) {
        // Would break: one algorithm that divides by zero, and a limit that is then no number for ever.
        let bounds = Bounds::new(min, max);
        let before = bounds.hold(limit, 7.0);
        let view = View { limit: before, in_flight_max, slowdown, overloaded_share };
        for algorithm in [&Aimd::default() as &dyn Algorithm, &Vegas::default(), &Gradient::default()] {
            let next = bounds.hold(algorithm.next(&view), before);
            prop_assert!(next >= min.max(1) as f64 && next <= max.max(min).max(1) as f64, "{algorithm:?} {view:?}: {next}");
        }
    }

    #[test]
    fn the_less_important_never_may_fill_more(limit in 1..10_000_usize) {
        // Would break: shedding from the wrong end.
        let settings = ConcurrencySettings::default();
        let ceilings: Vec<usize> = settings.ceilings(limit).values().copied().collect();
        prop_assert!(ceilings.is_sorted_by(|more, less| more >= less), "{ceilings:?}");
        prop_assert_eq!(ceilings[0], limit);
        prop_assert!(ceilings[3] >= 1);
    }

    #[test]
    fn any_share_makes_a_ceiling(limit in any::<usize>(), shares in prop::array::uniform4(any_number())) {
        // Would break: a share that is no number, and a priority that is let in without end or never.
        let [critical, normal, low, background] = shares;
        let fill_shares = PerPriority { critical, normal, low, background };
        let settings = ConcurrencySettings { fill_shares, ..ConcurrencySettings::default() };
        for ceiling in settings.ceilings(limit).values() {
            prop_assert!((1..=limit.max(1)).contains(ceiling));
        }
    }
}
