//! Guarantee 4: a crash between intent and result is UNKNOWN, never "failed".

use homeostat_saga::{Answer, Command, End, Event, MemoryLedger, Nature, Undo, Verb};
use serde_json::json;

use crate::definitions::{saga, step};
use crate::harness::{Crash, Run};
use crate::world::Mood;

fn crashed(nature: Nature, crash: Crash) -> Run<MemoryLedger> {
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(|_| Mood::Willing));
    run.submit(saga("a", "t", vec![step("first", Nature::Idempotent), step("second", nature)]));
    run.crashes.push_back(crash);
    run.until_quiet();
    assert_eq!(run.restarts, 1);
    run.judge();
    let failed = run
        .ledger_log()
        .into_iter()
        .any(|event| matches!(event, Event::StepEnded { answer: Answer::Failed { .. }, .. }));
    assert!(!failed, "a crash was logged as a failure");
    run
}

#[test]
fn guarantee_04_queryable_asks_the_world() {
    // Breaks when a step that can be asked about is repeated or given up without asking.
    let run = crashed(Nature::Queryable, Crash::AfterCall(2));
    assert_eq!(run.calls_made(), ["do first", "do second", "probe second"], "it had happened: no second do");
    let run = crashed(Nature::Queryable, Crash::BeforeCall(2));
    assert_eq!(run.calls_made(), ["do first", "probe second", "do second"], "it had not: done after asking");
}

#[test]
fn guarantee_04_idempotent_is_redone_with_the_same_key() {
    // Breaks when an idempotent step is not redone, or redone under another key.
    for crash in [Crash::AfterCall(2), Crash::BeforeCall(2)] {
        let run = crashed(Nature::Idempotent, crash);
        let last = run.world.calls.last().unwrap();
        assert_eq!((last.verb, last.step, last.attempt), (Verb::Do, 1, 2));
        assert_eq!(run.world.effect(&last.key).times, 1);
        assert!(matches!(run.standing(&"a".into()), Some(End::Done { .. })));
    }
}

#[test]
fn guarantee_04_neither_is_parked_for_a_person() {
    // Breaks when the engine guesses about a step that can be neither asked about nor repeated.
    for (crash, command) in
        [(Crash::AfterCall(2), Command::Skip { output: json!("I saw it") }), (Crash::BeforeCall(2), Command::Disprove)]
    {
        let mut run = crashed(Nature::Neither, crash);
        assert!(matches!(run.standing(&"a".into()), Some(End::Parked { .. })));
        run.command(&"a".into(), command).unwrap().unwrap();
        run.judge();
        assert!(matches!(run.standing(&"a".into()), Some(End::Done { .. })));
    }
}

#[test]
fn guarantee_04_a_parked_saga_can_be_undone_on_request() {
    // Breaks when a person who wants neither step nor risk is left without a way out.
    for crash in [Crash::AfterCall(2), Crash::BeforeCall(2)] {
        let mut run = crashed(Nature::Neither, crash);
        run.command(&"a".into(), Command::Cancel { cause: "enough".into() }).unwrap().unwrap();
        run.judge();
        assert_eq!(run.standing(&"a".into()), Some(End::Undone { cause: "enough".into() }));
        let undos: Vec<String> = run.calls_made().into_iter().filter(|call| call.starts_with("undo")).collect();
        assert_eq!(undos, ["undo second", "undo first"], "the unknown step is undone too, whether it happened or not");
    }
}

#[test]
fn guarantee_04_an_unknown_answer_is_not_a_failure_either() {
    // Breaks when a driver's "I do not know" is taken for "it did not happen".
    let moods = |call: &homeostat_saga::Call| if call.attempt == 1 { Mood::DoneUnsure } else { Mood::Willing };
    for (nature, calls) in [
        (Nature::Queryable, vec!["do only", "probe only"]),
        (Nature::Idempotent, vec!["do only", "do only"]),
        (Nature::Neither, vec!["do only"]),
    ] {
        let mut run = Run::new(MemoryLedger::new(), 1, Box::new(moods));
        run.submit(saga("a", "t", vec![step("only", nature)]));
        run.until_quiet();
        run.judge();
        assert_eq!(run.calls_made(), calls);
    }
}

#[test]
fn guarantee_04_a_probe_that_finds_nothing_out_ends_in_parking() {
    // Breaks when a step that could not be asked about is redone, or asked about for ever.
    let moods = |call: &homeostat_saga::Call| match call.verb {
        Verb::Do => Mood::LostUnheard,
        _ => Mood::Fails,
    };
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(moods));
    run.submit(saga("a", "t", vec![step("only", Nature::Queryable)]));
    run.until_quiet();
    run.judge();
    assert_eq!(run.calls_made(), ["do only", "probe only", "probe only", "probe only"]);
    assert!(matches!(run.standing(&"a".into()), Some(End::Parked { .. })));
    run.moods = Box::new(|_| Mood::Willing);
    run.command(&"a".into(), Command::Resume).unwrap().unwrap();
    assert!(matches!(run.standing(&"a".into()), Some(End::Done { .. })), "resuming asks again");
}

#[test]
fn guarantee_04_nothing_to_undo_is_not_undone() {
    // Breaks when turning back calls the driver for a step that declared there is nothing to take back.
    let moods = |call: &homeostat_saga::Call| if call.step == 1 { Mood::Refuses } else { Mood::Willing };
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(moods));
    let mut read = step("read", Nature::Idempotent);
    read.undo = Undo::Nothing;
    run.submit(saga("a", "t", vec![read, step("write", Nature::Idempotent)]));
    run.until_quiet();
    assert_eq!(run.calls_made(), ["do read", "do write"]);
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })));
}
