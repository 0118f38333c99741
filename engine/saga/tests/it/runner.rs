//! The runner under tokio: idempotent submission, recovery, kill switch, panics, back pressure, an orderly end.

use std::time::Duration;

use homeostat_saga::{
    AlarmKind, Answer, Command, End, Event, Fault, JournalLedger, Ledger, Limits, MemoryLedger, Nature, Reply, Runner,
    RunnerOptions, SagaError, SagaEvent, Sight, Verb,
};
use homeostat_store::{Journal, Options};
use serde_json::json;
use tokio::sync::mpsc;

use crate::definitions::{saga, step, trip};
use crate::hands::{Fake, Owner, Way, by_key, eventually};

#[tokio::test]
async fn submitting_the_same_id_again_runs_it_once() {
    // Breaks when a caller that repeats itself, as it must after a crash, doubles the saga.
    let hands = Fake::willing();
    let mut owner = Owner::start(MemoryLedger::new(), hands.clone()).await;
    let (first, second) = tokio::join!(owner.runner.submit(trip("a")), owner.runner.submit(trip("a")));
    assert_eq!((first, second), (Ok(Reply::Accepted), Ok(Reply::Open)));
    owner.until_ended("a").await;
    assert_eq!(owner.runner.submit(trip("a")).await, Ok(Reply::Ended));
    assert!(by_key(&hands.calls.lock().unwrap(), Verb::Do).values().all(|count| *count == 1));
    let Some(Sight::Ended(ended)) = owner.look("a").await else { panic!("it is remembered") };
    assert_eq!(ended.end, End::Done { outputs: vec![json!("flight"), json!("hotel"), json!("car")] });
    assert_eq!(owner.look("never").await, None);
    let other = owner.runner.submit(saga("a", "elsewhere", vec![step("x", Nature::Idempotent)])).await;
    assert_eq!(other, Ok(Reply::Ended), "what is over keeps its id");
}

#[tokio::test]
async fn ended_sagas_are_forgotten_after_their_time() {
    // Breaks when the memory of ended sagas grows for ever.
    let ledger = MemoryLedger::new();
    Owner::start(ledger.clone(), Fake::willing()).await.run(trip("a")).await;
    assert_eq!(ledger.forget_ended(0, 10).await, Ok(0));
    let options = RunnerOptions { remember_ended: Duration::ZERO, ..RunnerOptions::default() };
    tokio::time::sleep(Duration::from_millis(5)).await;
    let _owner = Owner::with(ledger.clone(), Fake::willing(), options).await;
    eventually("forgetting", || ledger.contents().ended.is_empty()).await;
}

#[tokio::test]
async fn what_was_open_is_resumed_from_a_journal_closed_and_opened_again() {
    // Breaks when a real restart loses an open saga, doubles an effect, or forgets that a saga has ended.
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    let hang = Fake::new(|call| if call.step == 1 { Way::Hang } else { Way::Say(Answer::Done(json!(1))) });
    let mut owner = Owner::start(JournalLedger::new(journal.clone()), hang.clone()).await;
    owner.run(saga("early", "other", vec![step("x", Nature::Idempotent)])).await;
    owner.runner.submit(trip("a")).await.unwrap();
    eventually("the hanging call", || hang.names().contains(&"do hotel".to_owned())).await;
    drop(owner);
    journal.close();

    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    let hands = Fake::willing();
    let mut owner = Owner::start(JournalLedger::new(journal.clone()), hands.clone()).await;
    assert!(matches!(owner.until_ended("a").await, End::Done { .. }));
    assert_eq!(hands.names(), ["probe hotel", "do car"], "the hotel is asked about, the flight is known");
    assert_eq!(owner.runner.submit(trip("a")).await, Ok(Reply::Ended));
    let ledger = JournalLedger::new(journal);
    assert!(ledger.load_open().await.unwrap().is_empty());
    assert!(ledger.ended(&"early".into()).await.unwrap().is_some());
    let all = u64::MAX >> 1;
    assert_eq!(ledger.forget_ended(all, 1).await, Ok(1), "in bites");
    assert_eq!(ledger.forget_ended(all, 10).await, Ok(1));
}

#[tokio::test]
async fn the_kill_switch_stops_the_next_call_and_survives_recovery() {
    // Breaks when a call is made after acting was switched off, or a switched-off runner acts on what it recovers.
    let ledger = MemoryLedger::new();
    let hands = Fake::new(|_| Way::Slowly(Duration::from_millis(50)));
    let mut owner = Owner::start(ledger.clone(), hands.clone()).await;
    owner.runner.submit(trip("a")).await.unwrap();
    eventually("the first call", || !hands.names().is_empty()).await;
    owner.runner.set_acting(false);
    let ended = owner.until(|event| matches!(event, SagaEvent::StepEnded { .. })).await;
    assert!(matches!(ended, SagaEvent::StepEnded { answer: Answer::Done(_), .. }), "what was out is still heard");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(hands.names(), ["do flight"]);
    drop(owner);

    let options = RunnerOptions { acting: false, ..RunnerOptions::default() };
    let mut owner = Owner::with(ledger, hands.clone(), options).await;
    owner.runner.submit(saga("b", "u", vec![step("x", Nature::Idempotent)])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(hands.names(), ["do flight"], "submitted and durable, but not acted on");
    owner.runner.set_acting(true);
    owner.until_ended("a").await;
    assert_eq!(by_key(&hands.calls.lock().unwrap(), Verb::Do).len(), 4);
}

#[test]
fn a_call_withheld_after_its_intent_costs_no_try_and_is_not_unknown() {
    // Breaks when the kill switch, falling between intent and call, leaves a step unknown or uses up its tries.
    let mut run = crate::harness::Run::new(MemoryLedger::new(), 1, Box::new(|_| crate::world::Mood::Willing));
    let mut only = step("only", Nature::Neither);
    only.retry.attempts_max = 1;
    run.submit(saga("a", "t", vec![only]));
    for _ in 0..5 {
        // The intent is being written while the switch falls; the withdrawal is written after it.
        run.executor.set_acting(false, run.now_ms);
        run.turn();
        run.turn();
        assert!(run.world.calls.is_empty());
        run.executor.set_acting(true, run.now_ms);
    }
    run.until_quiet();
    run.judge();
    assert_eq!(run.calls_made(), ["do only"]);
    let withheld = run.ledger_log().iter().filter(|event| matches!(event, Event::CallWithheld { .. })).count();
    assert_eq!(withheld, 5);
    assert!(matches!(run.standing(&"a".into()), Some(End::Done { .. })));
}

#[tokio::test]
async fn a_panicking_driver_is_unknown_and_harms_nobody_else() {
    // Breaks when a panic in a driver ends the runner, or is taken for a failure.
    let hands = Fake::new(|call| if call.saga.0 == "a" { Way::Panic } else { Way::Say(Answer::Done(json!(1))) });
    let mut owner = Owner::start(MemoryLedger::new(), hands).await;
    owner.runner.submit(saga("a", "t", vec![step("x", Nature::Neither)])).await.unwrap();
    let End::Parked { why } = owner.until_ended("a").await else { panic!("nobody knows what it did") };
    assert!(why.contains("the driver panicked"), "{why}");
    owner.until(|event| matches!(event, SagaEvent::Alarm(alarm) if alarm.kind == AlarmKind::Parked)).await;
    assert_eq!(owner.runner.figures().resting, 1);
    assert!(matches!(owner.run(saga("b", "u", vec![step("x", Nature::Neither)])).await, End::Done { .. }));
    owner.runner.command(&"a".into(), Command::Skip { output: json!(0) }, "ana").await.unwrap();
    assert!(matches!(owner.until_ended("a").await, End::Done { .. }));
    let again = owner.runner.command(&"a".into(), Command::Resume, "ana").await;
    assert_eq!(again, Err(SagaError::NotOpen("a".into())));
}

#[tokio::test]
async fn an_owner_that_does_not_read_events_stops_new_calls_not_commands() {
    // Breaks when unread events grow without limit, are dropped, or block commands.
    let (sender, mut events) = mpsc::channel(1);
    let limits = Limits { running_max: 4, open_max: 2_000 };
    let hands = Fake::willing();
    let options = RunnerOptions { limits, ..RunnerOptions::default() };
    let runner = Runner::recover(MemoryLedger::new(), hands.clone(), options, sender).await.unwrap();
    for id in 0..600 {
        let new = saga(&format!("{id}"), &format!("{id}"), vec![step("x", Nature::Idempotent)]);
        runner.submit(new).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let made = hands.names().len();
    assert!((300..600).contains(&made), "{made} calls made with nobody listening");
    assert!(runner.look(&"599".into()).await.unwrap().is_some());
    runner.cancel(&"599".into(), "ana", "no need").await.unwrap();
    let mut ended = 0;
    while ended < 600 {
        if let SagaEvent::Ended { .. } = events.recv().await.unwrap() {
            ended += 1;
        }
    }
    assert_eq!(hands.names().len(), 599, "all but the cancelled one");
}

#[tokio::test]
async fn too_many_open_sagas_are_refused() {
    // Breaks when submissions pile up without limit.
    let options = RunnerOptions { limits: Limits { running_max: 1, open_max: 2 }, ..RunnerOptions::default() };
    let owner = Owner::with(MemoryLedger::new(), Fake::new(|_| Way::Hang), options).await;
    for (id, reply) in [("a", Ok(Reply::Accepted)), ("b", Ok(Reply::Accepted)), ("c", Err(SagaError::Full { open: 2 }))]
    {
        assert_eq!(owner.runner.submit(saga(id, id, vec![step("x", Nature::Idempotent)])).await, reply);
    }
    assert_eq!(owner.runner.figures().open, 2);
}

#[tokio::test]
async fn what_no_ledger_could_keep_is_cut_or_refused() {
    // Breaks when one driver's flood of output, or an endless id, brings the ledger to refuse everything.
    let hands = Fake::new(|call| match call.step {
        0 => Way::Say(Answer::Done(json!("x".repeat(100_000)))),
        _ => Way::Say(Answer::Failed { error: "é".repeat(100_000), retryable: false }),
    });
    let mut owner = Owner::start(MemoryLedger::new(), hands).await;
    owner
        .runner
        .submit(saga("a", "t", vec![step("x", Nature::Idempotent), step("y", Nature::Idempotent)]))
        .await
        .unwrap();
    let event = owner.until(|event| matches!(event, SagaEvent::StepEnded { step: 0, .. })).await;
    let SagaEvent::StepEnded { answer, .. } = event else { unreachable!("it was matched") };
    assert_eq!(answer, Answer::Done(json!({ "omitted_bytes": 100_002 })));
    let event = owner.until(|event| matches!(event, SagaEvent::TurnedBack { .. })).await;
    let SagaEvent::TurnedBack { cause, .. } = event else { unreachable!("it was matched") };
    assert!(cause.len() < 3_000);
    let long = saga(&"a".repeat(1_000), "t", vec![step("x", Nature::Idempotent)]);
    assert!(matches!(owner.runner.submit(long).await, Err(SagaError::Invalid { .. })));
}

#[tokio::test]
async fn stopping_waits_for_calls_that_are_out_and_writes_their_results() {
    // Breaks when an orderly end leaves steps unknown that need not be.
    let ledger = MemoryLedger::new();
    let hands = Fake::new(|_| Way::Slowly(Duration::from_millis(50)));
    let owner = Owner::start(ledger.clone(), hands.clone()).await;
    owner.runner.submit(trip("a")).await.unwrap();
    eventually("the first call", || !hands.names().is_empty()).await;
    let Owner { runner, mut events, .. } = owner;
    let reading = tokio::spawn(async move { while events.recv().await.is_some() {} });
    runner.stop(Duration::from_secs(30)).await;
    let saga = ledger.load_open_now().remove(0).saga.unwrap();
    assert_eq!(saga.steps[0].output, Some(json!("flight")));
    assert_eq!(hands.names(), ["do flight"], "nothing new was begun");
    assert!(matches!(runner.submit(trip("b")).await, Err(SagaError::Halted { .. })));
    reading.await.unwrap();
}

#[tokio::test]
async fn a_write_that_was_kept_though_it_failed_is_not_repeated() {
    // Breaks when a saga whose creation seemed to fail is run twice after the restart.
    let ledger = MemoryLedger::new();
    let hands = Fake::willing();
    let owner = Owner::start(ledger.clone(), hands.clone()).await;
    ledger.fail_at(ledger.writes() + 1, Fault::Kept);
    assert!(matches!(owner.runner.submit(trip("a")).await, Err(SagaError::Halted { .. })));
    ledger.reopen();
    let mut owner = Owner::start(ledger, hands.clone()).await;
    let again = owner.runner.submit(trip("a")).await;
    assert!(matches!(again, Ok(Reply::Open | Reply::Ended)), "{again:?}");
    owner.until_ended("a").await;
    assert!(by_key(&hands.calls.lock().unwrap(), Verb::Do).values().all(|count| *count == 1));
}
