//! Guarantee 3: the idempotency key depends on saga and step, never on the attempt.

use std::collections::BTreeSet;

use homeostat_saga::{MemoryLedger, Nature, StepKey, Verb};

use crate::definitions::{saga, step};
use crate::harness::Run;
use crate::world::Mood;

#[test]
fn guarantee_03_all_attempts_and_verbs_of_a_step_share_one_key() {
    // Breaks when a retry, a probe or an undo would look to the driver like a different effect.
    let moods = |call: &homeostat_saga::Call| match (call.verb, call.step) {
        (Verb::Do, 1) => Mood::LostUnheard,
        _ => Mood::Willing,
    };
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(moods));
    run.submit(saga("a", "t", vec![step("one", Nature::Idempotent), step("two", Nature::Queryable)]));
    run.submit(saga("b", "u", vec![step("one", Nature::Idempotent), step("two", Nature::Queryable)]));
    run.until_quiet();
    run.judge();
    let of = |saga: &str, step: usize| -> BTreeSet<(StepKey, Verb)> {
        let calls = run.world.calls.iter().filter(|call| call.saga == saga.into() && call.step == step);
        calls.map(|call| (call.key.clone(), call.verb)).collect()
    };
    let two = of("a", 1);
    assert_eq!(two.iter().map(|(key, _)| key).collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(two.iter().map(|(_, verb)| *verb).collect::<Vec<_>>(), [Verb::Do, Verb::Probe]);
    let all: BTreeSet<_> = run.world.calls.iter().map(|call| &call.key).collect();
    assert_eq!(all.len(), 4, "another saga or step has another key");
}

#[test]
fn guarantee_03_the_key_of_a_stored_saga_never_changes() {
    // Breaks when a new version would give a half-done step a new key, and its effect would be doubled.
    let key = StepKey::of(&"deploy-42".into(), 3);
    assert_eq!(key.as_str(), "e539d6d3a4ffafaef631078b198ae35300fe4e4cce932fad250efc5e615d1e24");
    assert_ne!(StepKey::of(&"deploy-42".into(), 2), key);
    assert_ne!(StepKey::of(&"deploy-43".into(), 3), key);
}
