//! Guarantee 11: one saga at a time on a target, in order, and a cap over all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_saga::{
    Answer, Call, Command, End, Hands, Limits, MemoryLedger, Nature, Roster, RunnerOptions, SagaEvent,
};

use crate::definitions::{saga, step};
use crate::hands::Owner;
use crate::harness::{Crash, Run};
use crate::world::Mood;

fn one(id: &str, target: &str) -> homeostat_saga::NewSaga {
    saga(id, target, vec![step("x", Nature::Idempotent), step("y", Nature::Idempotent)])
}

fn order(run: &Run<MemoryLedger>, target: &str) -> Vec<String> {
    let mut order: Vec<String> =
        run.world.calls.iter().filter(|call| call.target == target).map(|call| call.saga.0.clone()).collect();
    order.dedup();
    order
}

#[test]
fn guarantee_11_sagas_of_one_target_run_one_after_the_other() {
    // Breaks when two sagas act on one target at once (the harness checks every moment), or overtake each other.
    for seed in 0..8 {
        let limits = Limits { running_max: 3, ..Limits::default() };
        let mut run = Run::with_limits(MemoryLedger::new(), seed, Box::new(|_| Mood::Willing), limits);
        for id in ["a", "b", "c", "d"] {
            for target in ["one", "two", "three", "four", "five"] {
                run.submit(one(&format!("{id}-{target}"), target));
            }
        }
        run.until_quiet();
        run.judge();
        for target in ["one", "five"] {
            assert_eq!(order(&run, target), ["a", "b", "c", "d"].map(|id| format!("{id}-{target}")));
        }
    }
}

#[test]
fn guarantee_11_after_a_restart_the_one_that_began_goes_first() {
    // Breaks when recovery lets a waiting saga onto a target where another has left half its effects.
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(|_| Mood::Willing));
    run.submit(one("z-first", "t"));
    run.submit(one("a-second", "t"));
    run.crashes.push_back(Crash::AfterCall(1));
    run.until_quiet();
    run.judge();
    assert_eq!(order(&run, "t"), ["z-first", "a-second"]);
}

#[test]
fn guarantee_11_a_parked_saga_keeps_its_target_until_a_person_settles_it() {
    // Breaks when a second repair starts on a target whose state nobody knows.
    let silent = |call: &homeostat_saga::Call| if call.saga.0 == "a" { Mood::LostUnheard } else { Mood::Willing };
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(silent));
    run.submit(saga("a", "t", vec![step("x", Nature::Neither)]));
    run.submit(one("b", "t"));
    while run.standing(&"a".into()).is_none() {
        run.turn();
    }
    assert_eq!(order(&run, "t"), ["a"]);
    assert_eq!(run.executor.holder("t"), Some(&"a".into()));
    run.moods = Box::new(|_| Mood::Willing);
    run.command(&"a".into(), Command::Disprove).unwrap().unwrap();
    assert_eq!(order(&run, "t"), ["a", "b"]);
    assert!(matches!(run.standing(&"b".into()), Some(End::Done { .. })));
}

#[test]
fn guarantee_11_one_that_waits_too_long_ends_without_having_acted() {
    // Breaks when a stale plan is carried out long after it was made.
    let silent = |call: &homeostat_saga::Call| if call.saga.0 == "a" { Mood::LostUnheard } else { Mood::Willing };
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(silent));
    run.submit(saga("a", "t", vec![step("x", Nature::Neither)]));
    run.submit(one("b", "t"));
    run.until_quiet();
    assert_eq!(run.standing(&"b".into()), Some(End::Undone { cause: "older than 600000 ms".into() }));
    assert_eq!(order(&run, "t"), ["a"]);
}

#[test]
fn guarantee_11_the_roster_does_not_overtake() {
    // Breaks when a full cap, a leaving or a woken saga changes the order on a target.
    let mut roster = Roster::new(2);
    let ids = ["a", "b", "c", "d"].map(homeostat_saga::SagaId::from);
    let [a, b, c, d] = &ids;
    roster.join(a, "t");
    roster.join(b, "t");
    roster.join(c, "u");
    roster.join(d, "v");
    assert_eq!(roster.admit(), [a.clone(), c.clone()]);
    assert_eq!(roster.admit(), []);
    roster.rest(a);
    assert_eq!(roster.admit(), std::slice::from_ref(d), "the cap has room, the target has not");
    roster.wake(a, "t");
    assert_eq!(roster.admit(), [], "no room under the cap");
    roster.leave(d, "v");
    assert_eq!(roster.admit(), std::slice::from_ref(a), "before b, whatever the order of asking");
    roster.leave(a, "t");
    assert_eq!(roster.admit(), std::slice::from_ref(b));
}

/// Notes who is out while a call lasts.
#[derive(Clone, Default)]
struct Counting(Arc<Mutex<Out>>);

#[derive(Default)]
struct Out {
    targets: Vec<String>,
    most: usize,
    twice: bool,
}

impl Hands for Counting {
    async fn call(&self, call: Call) -> Answer {
        {
            let mut out = self.0.lock().unwrap();
            out.twice |= out.targets.contains(&call.target);
            out.targets.push(call.target.clone());
            out.most = out.most.max(out.targets.len());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.0.lock().unwrap().targets.retain(|target| *target != call.target);
        Answer::Done(serde_json::Value::Null)
    }
}

#[tokio::test]
async fn guarantee_11_the_runner_never_has_more_calls_out_than_allowed() {
    // Breaks when the runner starts calls beyond the cap or two on one target.
    let hands = Counting::default();
    let options = RunnerOptions { limits: Limits { running_max: 2, ..Limits::default() }, ..RunnerOptions::default() };
    let mut owner = Owner::with(MemoryLedger::new(), hands.clone(), options).await;
    let submitting = owner.runner.clone();
    let submitting = tokio::spawn(async move {
        for id in 0..12 {
            submitting.submit(one(&format!("{id}"), &format!("target {}", id % 4))).await.unwrap();
        }
    });
    for _ in 0..12 {
        owner.until(|event| matches!(event, SagaEvent::Ended { end: End::Done { .. }, .. })).await;
    }
    submitting.await.unwrap();
    let out = hands.0.lock().unwrap();
    assert_eq!((out.most, out.twice), (2, false));
}
