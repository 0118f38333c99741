//! A service in virtual time, asked for as much as the limit lets through: where does each algorithm settle?

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use homeostat_reactor::Moment;
use homeostat_resilience::chance::Chance;
use homeostat_resilience::concurrency::learner::{Ending, Learner, Sample};
use homeostat_resilience::concurrency::{AlgorithmKind, ConcurrencySettings};

/// A service with so many places: beyond them everybody is served slower, or, if it refuses, is turned away at once.
#[derive(Clone, Copy)]
struct Service {
    capacity: f64,
    base_secs: f64,
    /// The spread of latency, as the deviation of its logarithm.
    spread: f64,
    is_refusing: bool,
}

const CALM: Service = Service { capacity: 100.0, base_secs: 0.05, spread: 0.0, is_refusing: false };

/// Runs until the given second with the service of each second; gives the learned limit of every tenth of a second.
fn run(learner: &mut Learner, until_secs: u64, service: impl Fn(f64) -> Service) -> Vec<(f64, f64)> {
    run_with(&Chance::seeded(11), learner, until_secs, service)
}

fn run_with(
    chance: &Chance,
    learner: &mut Learner,
    until_secs: u64,
    service: impl Fn(f64) -> Service,
) -> Vec<(f64, f64)> {
    let mut ends = BinaryHeap::new();
    let mut track = Vec::new();
    let (mut now, mut next_look) = (0_u64, 0_u64);
    while now < until_secs * 1_000_000_000 {
        while ends.len() < learner.limit() {
            let service = service(now as f64 / 1e9);
            let in_flight = ends.len() + 1;
            let is_full = service.is_refusing && in_flight as f64 > service.capacity;
            let normal = (0..12).map(|_| chance.fraction()).sum::<f64>() - 6.0;
            let crowding = if service.is_refusing { 1.0 } else { (in_flight as f64 / service.capacity).max(1.0) };
            let latency = if is_full { 0.001 } else { service.base_secs * crowding * (normal * service.spread).exp() };
            ends.push(Reverse((now + (latency * 1e9) as u64, now, in_flight, is_full)));
        }
        let Some(Reverse((ended, started, in_flight, is_full))) = ends.pop() else { return track };
        now = ended;
        let ending = if is_full { Ending::Full } else { Ending::Good };
        let latency_secs = (ended - started) as f64 / 1e9;
        learner.observe(&Sample { ended: Moment(ended), latency_secs, in_flight, ending }, chance.fraction());
        if now >= next_look {
            track.push((now as f64 / 1e9, learner.learned()));
            next_look = now + 100_000_000;
        }
    }
    track
}

fn learner(algorithm: AlgorithmKind) -> Learner {
    Learner::new(&ConcurrencySettings { algorithm, ..ConcurrencySettings::default() }, Moment::ZERO)
}

/// The least and the most of a span, in percent of a capacity.
fn band(track: &[(f64, f64)], from: f64, to: f64, capacity: f64) -> (f64, f64) {
    let span = track.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, limit)| limit / capacity * 100.0);
    span.fold((f64::INFINITY, 0.0), |(least, most), limit| (least.min(limit), most.max(limit)))
}

fn assert_within(what: &str, (least, most): (f64, f64), allowed: (f64, f64)) {
    println!("{what}: {least:.0} to {most:.0} %");
    assert!(least >= allowed.0 && most <= allowed.1, "{what}: {least:.0} to {most:.0} %, not within {allowed:?}");
}

/// In percent of the capacity; the whole capacity is always used, and this much more waits at the service.
const BANDS: [(AlgorithmKind, (f64, f64)); 3] = [
    (AlgorithmKind::Aimd, (100.0, 160.0)),
    (AlgorithmKind::Vegas, (100.0, 125.0)),
    (AlgorithmKind::Gradient, (100.0, 140.0)),
];

#[test]
fn each_algorithm_finds_the_capacity_and_follows_when_it_halves_and_doubles() {
    // Would break: a limiter that settles where the service is crushed or idle, or never comes back after a node is lost.
    for (kind, allowed) in BANDS {
        let service =
            |secs: f64| Service { capacity: if (60.0..120.0).contains(&secs) { 50.0 } else { 100.0 }, ..CALM };
        let track = run(&mut learner(kind), 180, service);
        assert_within(&format!("{kind:?} at first"), band(&track, 20.0, 60.0, 100.0), allowed);
        assert_within(&format!("{kind:?} halved"), band(&track, 70.0, 120.0, 50.0), allowed);
        assert_within(&format!("{kind:?} doubled"), band(&track, 135.0, 180.0, 100.0), allowed);
    }
}

#[test]
fn each_algorithm_bears_latencies_that_vary_a_lot() {
    // Would break: a limiter that takes the spread of an ordinary service for congestion, and starves it.
    for (kind, _) in BANDS {
        for seed in 1..=5 {
            let service = |_: f64| Service { spread: 1.0, ..CALM };
            let track = run_with(&Chance::seeded(seed), &mut learner(kind), 100, service);
            // What is within noise counts as no queue, and so the limit settles higher than without noise.
            assert_within(&format!("{kind:?} varied {seed}"), band(&track, 30.0, 100.0, 100.0), (80.0, 220.0));
        }
    }
}

#[test]
fn each_algorithm_settles_below_what_a_refusing_service_refuses() {
    // Would break: a limiter that sees only latency, which does not move where the other side refuses at once.
    for (kind, _) in BANDS {
        let track = run(&mut learner(kind), 30, |_| Service { is_refusing: true, ..CALM });
        assert_within(&format!("{kind:?} refusing"), band(&track, 15.0, 30.0, 100.0), (80.0, 115.0));
    }
}

#[test]
fn a_poisoned_least_latency_recovers() {
    // Would break: a cache hit for a minute, or a service that is slower for good, and a limit at its minimum for ever.
    for (kind, allowed) in BANDS {
        let service = |secs: f64| Service { base_secs: if secs < 4.0 { 0.005 } else { 0.05 }, ..CALM };
        let track = run(&mut learner(kind), 120, service);
        let (_, starved) = band(&track, 20.0, 25.0, 100.0);
        assert!(starved < 60.0, "the poison did no harm, and nothing is tested: {starved}");
        assert_within(&format!("{kind:?} poisoned"), band(&track, 80.0, 120.0, 100.0), allowed);
    }
}

#[test]
fn a_measurement_under_congestion_is_mended_by_the_next() {
    // Would break: a limiter that starts in the middle of a rush hour and takes the jam for the normal state.
    for (kind, allowed) in BANDS {
        let settings = ConcurrencySettings { algorithm: kind, limit_at_start: 800, ..ConcurrencySettings::default() };
        let track = run(&mut Learner::new(&settings, Moment::ZERO), 200, |_| CALM);
        assert_within(&format!("{kind:?} jammed"), band(&track, 120.0, 200.0, 100.0), allowed);
    }
}

#[test]
fn calls_that_fail_fast_say_nothing_and_calls_given_up_late_do() {
    // Would break: a limiter that cuts a service down for its errors, or does not see that callers give up on it.
    for (kind, _) in BANDS {
        let mut learner = learner(kind);
        run(&mut learner, 5, |_| CALM);
        let (before, mut now) = (learner.learned(), Moment::from_secs(6));
        let mut lose = |latency_secs: f64| {
            for _ in 0..1_000 {
                now = Moment(now.0 + 1_000_000);
                learner.observe(&Sample { ended: now, latency_secs, in_flight: 100, ending: Ending::Lost }, 0.5);
            }
            learner.learned()
        };
        let after_fast = lose(0.001);
        let after_slow = lose(1.0);
        assert!(
            (after_fast - before).abs() < f64::EPSILON && after_slow < before / 2.0,
            "{before} {after_fast} {after_slow}"
        );
    }
}

#[test]
fn measurements_of_many_limiters_are_spread() {
    // Would break: a fleet that makes way at the same moment, every half a minute, for ever.
    let probed_at = |chance: f64| {
        let mut learner = learner(AlgorithmKind::Gradient);
        let mut was_probing = true;
        (0..200_000_u64).find_map(|number| {
            let ended = Moment::from_millis(number);
            learner.observe(&Sample { ended, latency_secs: 0.02, in_flight: 20, ending: Ending::Good }, chance);
            let begins = !was_probing && learner.is_probing();
            was_probing = learner.is_probing();
            begins.then_some(number / 1_000)
        })
    };
    assert_eq!([probed_at(0.0), probed_at(0.5), probed_at(1.0)], [Some(22), Some(30), Some(37)]);
}
