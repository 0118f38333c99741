//! Guarantee 12: killed anywhere, the engine finishes what it began.

use homeostat_saga::{Definition, End, Limits, MemoryLedger, Nature, NewSaga, Retry, StepDefinition, Undo, Verb};
use proptest::prelude::*;
use serde_json::json;

use crate::definitions::{of, pivot, saga, step};
use crate::harness::{Crash, Dice, Moods, OnDisk, Run, Storage};
use crate::world::Mood;

/// Finishes the run that `begin` sets up, once for each way to die at each point, on a storage made anew each time.
fn crash_everywhere<S: Storage>(storage: impl Fn() -> S, begin: impl Fn(S) -> Run<S>) -> u32 {
    let mut deaths = 0;
    type Point = fn(u64) -> Crash;
    let points: [Point; 4] = [Crash::WriteLost, Crash::WriteKept, Crash::BeforeCall, Crash::AfterCall];
    for point in points {
        for nth in 1.. {
            let mut run = begin(storage());
            run.crashes.push_back(point(nth));
            run.until_quiet();
            if run.restarts == 0 {
                break;
            }
            run.judge();
            deaths += 1;
        }
    }
    deaths
}

fn willing() -> Moods {
    Box::new(|_| Mood::Willing)
}

/// The hotel cannot be booked, so the trip is undone.
fn no_hotel() -> Moods {
    Box::new(|call| if call.name == "hotel" && call.verb == Verb::Do { Mood::Refuses } else { Mood::Willing })
}

/// Every first attempt is lost in some way.
fn bad_line() -> Moods {
    Box::new(|call| match (call.attempt, call.step % 3) {
        (1, 0) => Mood::DoneUnheard,
        (1, 1) => Mood::Late,
        (1, _) => Mood::LostUnheard,
        _ => Mood::Willing,
    })
}

fn all_natures(id: &str) -> NewSaga {
    let steps = vec![
        step("flight", Nature::Idempotent),
        step("hotel", Nature::Queryable),
        step("gift", Nature::Neither),
        pivot("pay", Nature::Queryable),
        step("mail", Nature::Idempotent),
    ];
    saga(id, "trip", steps)
}

fn begin<S: Storage>(moods: fn() -> Moods) -> impl Fn(S) -> Run<S> {
    move |storage| {
        let mut run = Run::new(storage, 7, moods());
        run.submit(all_natures("a"));
        run.submit(all_natures("b"));
        run
    }
}

#[test]
fn guarantee_12_crash_at_every_point_in_memory() {
    // Breaks when any moment exists at which a crash doubles an effect, loses a saga or leaves it half done.
    let deaths = crash_everywhere(MemoryLedger::new, begin(willing))
        + crash_everywhere(MemoryLedger::new, begin(no_hotel))
        + crash_everywhere(MemoryLedger::new, begin(bad_line));
    assert!(deaths > 100, "only {deaths} deaths");
}

#[test]
fn guarantee_12_crash_at_every_point_on_disk_with_real_reopen() {
    // Breaks when the journal ledger loses or reorders what the one in memory keeps.
    let deaths = crash_everywhere(OnDisk::new, begin(no_hotel));
    assert!(deaths >= 30, "only {deaths} deaths");
}

#[test]
fn guarantee_12_crash_twice() {
    // Breaks when the recovery itself cannot be interrupted.
    for first in 1..12 {
        for second in 1..8 {
            let mut run = begin(bad_line)(MemoryLedger::new());
            run.crashes = [Crash::AfterCall(first), Crash::WriteKept(second + 3 * first)].into();
            run.until_quiet();
            run.judge();
        }
    }
}

fn natures() -> impl Strategy<Value = Nature> {
    prop_oneof![Just(Nature::Idempotent), Just(Nature::Queryable), Just(Nature::Neither)]
}

fn steps() -> impl Strategy<Value = StepDefinition> {
    (natures(), 0..4_u32, 1..4_u32, 1..50_u64, 1..4_u64).prop_map(|(nature, undo, attempts_max, timeout, factor)| {
        let undo = if undo == 0 { Undo::Nothing } else { Undo::Call(json!({ "undo": undo })) };
        StepDefinition {
            attempt_timeout_ms: timeout * 10,
            step_timeout_ms: timeout * 10 * factor,
            retry: Retry { attempts_max, backoff_first_ms: 10, backoff_max_ms: 200 },
            ..StepDefinition::new("step", json!({ "x": 0.1 }), undo, nature)
        }
    })
}

fn definitions() -> impl Strategy<Value = Definition> {
    (prop::collection::vec(steps(), 1..6), prop::option::of(0..6_usize), 100..20_000_u64).prop_map(
        |(mut steps, pivot, age_max_ms)| {
            if let Some(step) = pivot.and_then(|at| steps.get_mut(at)) {
                step.pivot = true;
                step.undo = Undo::Irreversible { why: "random".into() };
            }
            Definition { age_max_ms, ..Definition::new("random", 1, steps) }
        },
    )
}

fn crashes() -> impl Strategy<Value = Crash> {
    (0..4_u8, 1..30_u64).prop_map(|(point, nth)| match point {
        0 => Crash::WriteLost(nth),
        1 => Crash::WriteKept(nth),
        2 => Crash::BeforeCall(nth),
        _ => Crash::AfterCall(nth),
    })
}

/// A world that is willing in `ease` of 10 cases, and otherwise fails in any way.
fn random_moods(seed: u64, ease: u64) -> Moods {
    let mut dice = Dice(seed);
    Box::new(move |_| {
        if dice.roll(10) < ease {
            return Mood::Willing;
        }
        let ways = [
            Mood::Fails,
            Mood::Refuses,
            Mood::DoneUnheard,
            Mood::LostUnheard,
            Mood::Late,
            Mood::DoneUnsure,
            Mood::Fails,
        ];
        ways[dice.roll(ways.len() as u64) as usize]
    })
}

/// Some seconds by default; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn guarantee_12_any_definition_any_failure_any_crashes(
        definition in definitions(),
        crashes in prop::collection::vec(crashes(), 0..4),
        seed in any::<u64>(),
        ease in 2..10_u64,
    ) {
        // Breaks when some mixture of definition, failures, timeouts and crashes doubles an effect or leaves a saga in
        // a state that is neither done, undone, parked nor stuck with an alarm; or when a person cannot end it then.
        let limits = Limits { running_max: 2, ..Limits::default() };
        let mut run = Run::with_limits(MemoryLedger::new(), seed, random_moods(seed, ease), limits);
        run.crashes = crashes.into();
        for (id, target) in [("a", "one"), ("b", "one"), ("c", "two"), ("d", "three")] {
            run.submit(of(id, target, definition.clone()));
        }
        run.until_quiet();
        run.judge();
        run.settle_by_hand();
        run.judge();
        for new in &run.submitted {
            let end = run.standing(&new.id);
            prop_assert!(matches!(end, Some(End::Done { .. } | End::Undone { .. })), "{end:?}");
        }
    }
}
