//! Guarantee 5: compensation in reverse order of possible execution; a failing undo ends in STUCK, never in a loop.

use homeostat_saga::{AlarmKind, Call, Command, End, Event, MemoryLedger, Nature, SagaError, SagaEvent, Verb};
use serde_json::json;

use crate::definitions::{saga, step, trip};
use crate::harness::{Crash, Run};
use crate::world::Mood;

fn run(moods: impl FnMut(&Call) -> Mood + 'static) -> Run<MemoryLedger> {
    Run::new(MemoryLedger::new(), 1, Box::new(moods))
}

fn undo_refused(call: &Call) -> Mood {
    match (call.verb, call.step) {
        (Verb::Do, 2) | (Verb::Undo, 1) => Mood::Refuses,
        _ => Mood::Willing,
    }
}

#[test]
fn guarantee_05_undone_in_reverse_order_with_each_steps_output() {
    // Breaks when steps are undone in the order they were done, or without knowing what they had made.
    let mut run = run(|call| if call.step == 2 { Mood::Refuses } else { Mood::Willing });
    run.submit(trip("a"));
    run.until_quiet();
    run.judge();
    assert_eq!(run.calls_made(), ["do flight", "do hotel", "do car", "undo hotel", "undo flight"]);
    let undo = &run.world.calls[3];
    assert_eq!((&undo.input, &undo.outputs[1]), (&json!({ "undo": "hotel" }), &json!({ "done": 1 })));
    let Some(End::Undone { cause }) = run.standing(&"a".into()) else { panic!("it is undone") };
    assert_eq!(cause, "step `car` failed: never");
}

#[test]
fn guarantee_05_an_unknown_step_is_undone_too() {
    // Breaks when a step that may have happened is left standing because nobody heard that it did.
    for (mood, standing_before) in [(Mood::DoneUnheard, true), (Mood::LostUnheard, false), (Mood::Late, false)] {
        let mut run = run(move |call| if call.verb == Verb::Do && call.step == 1 { mood } else { Mood::Willing });
        let steps = [("flight", Nature::Idempotent), ("hotel", Nature::Idempotent)];
        let mut new = steps.map(|(name, nature)| step(name, nature)).to_vec();
        new[1].retry.attempts_max = 1;
        run.submit(saga("a", "t", new));
        run.until_quiet();
        run.world.settle();
        run.judge();
        assert_eq!(run.calls_made(), ["do flight", "do hotel", "undo hotel", "undo flight"], "{mood:?}");
        assert_eq!(run.world.effects.len() == 2, standing_before);
    }
}

#[test]
fn guarantee_05_refused_after_an_attempt_nobody_heard_of_is_undone_too() {
    // Breaks when a clear refusal of the second attempt makes the engine forget that the first may have happened.
    let mut run = run(|call| if call.verb == Verb::Do && call.attempt > 1 { Mood::Refuses } else { Mood::Willing });
    run.submit(saga("a", "t", vec![step("only", Nature::Idempotent)]));
    run.crashes.push_back(Crash::AfterCall(1));
    run.until_quiet();
    run.judge();
    assert_eq!(run.calls_made(), ["do only", "do only", "undo only"]);
}

#[test]
fn guarantee_05_undo_is_retried_with_growing_waits() {
    // Breaks when a passing failure of an undo leaves the saga stuck, or hammers the driver.
    let mut tries = Vec::new();
    let mut run = run(|call| match (call.verb, call.step, call.attempt) {
        (Verb::Do, 2, _) => Mood::Refuses,
        (Verb::Undo, 1, 2 | 3) => Mood::Fails,
        _ => Mood::Willing,
    });
    run.submit(trip("a"));
    while run.turn() {
        tries.push((
            run.now_ms,
            run.world.calls.iter().filter(|call| call.verb == Verb::Undo && call.step == 1).count(),
        ));
    }
    run.judge();
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })));
    let at = |count: usize| tries.iter().find(|(_, seen)| *seen == count).unwrap().0;
    let (first, second) = (at(2) - at(1), at(3) - at(2));
    assert!((50..=100).contains(&first) && (100..=200).contains(&second), "waits of {first} and {second} ms");
}

#[test]
fn guarantee_05_failing_undo_is_stuck_with_an_alarm_then_resumed() {
    // Breaks when an undo that keeps failing loops for ever, goes unnoticed, or cannot be taken up again.
    let mut run = run(undo_refused);
    run.submit(trip("a"));
    run.until_quiet();
    run.judge();
    let Some(End::Stuck { why }) = run.standing(&"a".into()) else { panic!("it is stuck") };
    assert_eq!(why, "step `hotel` cannot be undone: cannot undo");
    let alarm = |event: &SagaEvent| matches!(event, SagaEvent::Alarm(alarm) if alarm.kind == AlarmKind::Stuck);
    assert!(run.events.iter().any(alarm));
    let undone = |run: &Run<MemoryLedger>| run.calls_made().iter().filter(|call| call.starts_with("undo")).count();
    assert_eq!(undone(&run), 1, "what stands before the stuck step waits for it");

    run.command(&"a".into(), Command::Resume).unwrap().unwrap();
    assert!(matches!(run.standing(&"a".into()), Some(End::Stuck { .. })), "still refused: stuck again, no loop");
    assert_eq!(undone(&run), 2);

    run.moods = Box::new(|_| Mood::Willing);
    run.command(&"a".into(), Command::Resume).unwrap().unwrap();
    run.judge();
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })));
}

#[test]
fn guarantee_05_a_stuck_undo_can_be_skipped_by_hand() {
    // Breaks when a person who has undone a step by hand cannot say so.
    let mut run = run(undo_refused);
    run.submit(trip("a"));
    run.until_quiet();
    let too_early = run.command(&"b".into(), Command::Resume).unwrap();
    assert_eq!(too_early, Err(SagaError::NotOpen("b".into())));
    run.command(&"a".into(), Command::Skip { output: json!(null) }).unwrap().unwrap();
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })));
    assert_eq!(run.calls_made().last().unwrap(), "undo flight", "the steps before are still undone");
    let by = run
        .ledger_log()
        .into_iter()
        .find_map(|event| if let Event::Skipped { by, .. } = event { Some(by) } else { None });
    assert_eq!(by.as_deref(), Some("ana"), "the log says who");
}

#[test]
fn guarantee_05_the_alarm_is_repeated_after_a_restart() {
    // Breaks when a crash right after getting stuck swallows the only alarm.
    let mut run = run(undo_refused);
    run.submit(trip("a"));
    run.until_quiet();
    run.restart();
    run.until_quiet();
    run.judge();
}

#[test]
fn guarantee_05_a_step_that_brings_the_engine_down_is_not_repeated_for_ever() {
    // Breaks when forgiving interrupted attempts becomes an endless loop of crashes.
    let mut run = run(|_| Mood::LostUnheard);
    run.crashes = (1..100).map(Crash::AfterCall).collect();
    let mut only = step("only", Nature::Idempotent);
    only.retry.attempts_max = 2;
    run.submit(saga("a", "t", vec![only]));
    run.until_quiet();
    run.judge();
    let dos = run.calls_made().iter().filter(|call| *call == "do only").count();
    assert_eq!(dos, 5, "two tries, and three forgiven");
    assert!(matches!(run.standing(&"a".into()), Some(End::Stuck { .. })), "its undo brings it down as well");
}

#[test]
fn guarantee_05_cancel_undoes_what_was_done() {
    // Breaks when a cancelled saga stops where it is instead of being undone, or an accepted request is forgotten
    // because the last call, out at that moment, succeeds.
    for calls in 0..3 {
        let mut run = run(|_| Mood::Willing);
        run.submit(trip("a"));
        while run.world.calls.len() < calls {
            run.turn();
        }
        run.command(&"a".into(), Command::Cancel { cause: "changed my mind".into() }).unwrap().unwrap();
        run.judge();
        assert_eq!(run.standing(&"a".into()), Some(End::Undone { cause: "changed my mind".into() }));
        assert_eq!(run.calls_made().last().unwrap(), "undo flight", "the call that was out is undone too");
    }
}
