//! Guarantee 7: timeouts of attempt, step and saga are durable; a timeout means UNKNOWN.

use std::time::Duration;

use homeostat_saga::{Answer, Call, Definition, End, Event, MemoryLedger, Nature, Verb};

use crate::definitions::{of, saga, step};
use crate::hands::{Fake, Owner, Way};
use crate::harness::{Crash, Run};
use crate::world::Mood;

const BEGIN_MS: u64 = 1_000_000;

#[test]
fn guarantee_07_an_attempt_timeout_is_unknown() {
    // Breaks when a call that takes too long is logged as failed, though it may have happened.
    let mut run = Run::new(
        MemoryLedger::new(),
        1,
        Box::new(|call| if call.verb == Verb::Do { Mood::DoneUnheard } else { Mood::Willing }),
    );
    run.submit(saga("a", "t", vec![step("only", Nature::Queryable)]));
    run.until_quiet();
    run.judge();
    let answers: Vec<Answer> = run
        .ledger_log()
        .into_iter()
        .filter_map(|event| if let Event::StepEnded { answer, .. } = event { Some(answer) } else { None })
        .collect();
    assert_eq!(answers[0], Answer::Unknown { why: "no answer within 10000 ms".into() });
    assert_eq!(run.now_ms, BEGIN_MS + 10_000 + backoff(&run));
    assert!(matches!(run.standing(&"a".into()), Some(End::Done { .. })));
}

/// What was waited between timeout and probe.
fn backoff(run: &Run<MemoryLedger>) -> u64 {
    let log = run.storage.contents().log;
    let probe = log.iter().find(|(_, record)| matches!(record.event, Event::StepStarted { verb: Verb::Probe, .. }));
    probe.unwrap().1.at_ms - BEGIN_MS - 10_000
}

#[test]
fn guarantee_07_a_step_timeout_ends_its_tries() {
    // Breaks when a step may be tried for longer than it was given.
    let mut run = Run::new(
        MemoryLedger::new(),
        1,
        Box::new(|call| if call.verb == Verb::Do { Mood::LostUnheard } else { Mood::Willing }),
    );
    let mut only = step("only", Nature::Idempotent);
    (only.step_timeout_ms, only.retry.attempts_max) = (25_000, 1_000);
    run.submit(saga("a", "t", vec![only]));
    run.until_quiet();
    run.judge();
    let dos = run.world.calls.iter().filter(|call| call.verb == Verb::Do).count();
    assert_eq!(dos, 3, "begun at about 0, 10 and 20 s");
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })), "unknown in the end, so it is undone");
}

#[test]
fn guarantee_07_a_saga_timeout_turns_it_back() {
    // Breaks when a saga outlives its age before its point of no return.
    let mut run = Run::new(
        MemoryLedger::new(),
        1,
        Box::new(|call| if call.step == 1 && call.verb == Verb::Do { Mood::Fails } else { Mood::Willing }),
    );
    let mut slow = step("slow", Nature::Idempotent);
    (slow.retry.attempts_max, slow.retry.backoff_max_ms, slow.retry.backoff_first_ms) = (100, 4_000, 4_000);
    let steps = vec![step("quick", Nature::Idempotent), slow];
    run.submit(of("a", "t", Definition { age_max_ms: 9_000, ..Definition::new("x", 1, steps) }));
    run.until_quiet();
    run.judge();
    assert_eq!(run.standing(&"a".into()), Some(End::Undone { cause: "older than 9000 ms".into() }));
    assert_eq!(run.now_ms, BEGIN_MS + 9_000, "on time, not at the next retry");
}

#[test]
fn guarantee_07_timers_survive_a_restart() {
    // Breaks when a restart forgets a backoff, or starts the clock of a step or saga anew.
    let first_fails = |call: &Call| if call.attempt == 1 { Mood::Fails } else { Mood::Willing };
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(first_fails));
    let mut only = step("only", Nature::Idempotent);
    (only.retry.backoff_first_ms, only.retry.backoff_max_ms) = (8_000, 8_000);
    run.submit(saga("a", "t", vec![only]));
    while run.world.calls.is_empty() || run.executor.wake_at_ms().is_none() {
        run.turn();
    }
    let due = run.executor.wake_at_ms().unwrap();
    run.now_ms += 1_000;
    run.restart();
    while run.world.calls.len() < 2 {
        run.turn();
    }
    assert_eq!(run.now_ms, due, "the second try came when it was due before the restart");

    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(|_| Mood::Fails));
    let mut only = step("only", Nature::Idempotent);
    (only.step_timeout_ms, only.retry.backoff_first_ms, only.retry.backoff_max_ms) = (20_000, 8_000, 8_000);
    run.submit(saga("a", "t", vec![only]));
    while run.world.calls.is_empty() || run.executor.wake_at_ms().is_none() {
        run.turn();
    }
    run.now_ms += 30_000;
    run.restart();
    run.until_quiet();
    assert_eq!(run.world.calls.len(), 1, "its time was over while nobody ran");
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })));
}

#[test]
fn guarantee_07_a_clock_set_back_between_two_runs_does_no_harm() {
    // Breaks when a wall clock that jumps back makes records run backwards or a saga wait for hours.
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(|_| Mood::Willing));
    run.submit(saga("a", "t", vec![step("one", Nature::Idempotent), step("two", Nature::Idempotent)]));
    run.crashes.push_back(Crash::AfterCall(1));
    while run.restarts == 0 {
        run.turn();
    }
    run.now_ms = 5;
    run.until_quiet();
    run.judge();
    let times: Vec<u64> = run.storage.contents().log.iter().map(|(_, record)| record.at_ms).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn guarantee_07_the_runner_cuts_off_a_hanging_call_and_asks() {
    // Breaks when a driver that hangs holds its saga for ever.
    let hands = Fake::new(|call| match call.verb {
        Verb::Do => Way::Hang,
        _ => Way::Say(Answer::Done(serde_json::json!("found"))),
    });
    let mut owner = Owner::start(MemoryLedger::new(), hands.clone()).await;
    let begun = tokio::time::Instant::now();
    let end = owner.run(saga("a", "t", vec![step("only", Nature::Queryable)])).await;
    assert_eq!(end, End::Done { outputs: vec![serde_json::json!("found")] });
    assert_eq!(hands.names(), ["do only", "probe only"]);
    assert!(begun.elapsed() >= Duration::from_secs(10));
}
