//! Guarantee 9: one executor for a saga; a stale one can neither write nor begin anything.

use homeostat_saga::{
    Effect, Executor, Extra, JournalLedger, Ledger, LedgerError, Limits, MemoryLedger, SagaError, SagaEvent,
};
use homeostat_store::{Journal, Options};

use crate::definitions::trip;
use crate::hands::{Fake, Owner, Way, eventually};

/// Works off what the executor wants written; gives the calls it wants made.
async fn pump(executor: &mut Executor, ledger: &impl Ledger) -> Vec<homeostat_saga::Call> {
    let mut calls = Vec::new();
    loop {
        let effects = executor.take_effects();
        if effects.is_empty() {
            return calls;
        }
        for effect in effects {
            match effect {
                Effect::Commit(batch) => {
                    let id = batch.saga.id.clone();
                    let result = ledger.commit(*batch).await;
                    executor.committed(&id, result, 1_000);
                }
                Effect::Call(call) => calls.push(call),
                _ => {}
            }
        }
    }
}

async fn takeover(ledger: impl Ledger) {
    let mut old = Executor::new(ledger.take_lease("old").await.unwrap(), Limits::default(), true);
    old.submit(1, trip("a"), Extra::default(), 1_000);
    let old_calls = pump(&mut old, &ledger).await;
    assert_eq!((old_calls.len(), old_calls[0].fencing), (1, 1));

    let mut new = Executor::new(ledger.take_lease("new").await.unwrap(), Limits::default(), true);
    let mut late_submitter = old.clone();
    late_submitter.submit(2, trip("b"), Extra::default(), 1_000);
    assert!(pump(&mut late_submitter, &ledger).await.is_empty(), "a stale executor begins nothing");
    assert!(late_submitter.halted().unwrap().contains("another executor"), "{:?}", late_submitter.halted());

    new.adopt(ledger.load_open().await.unwrap(), 1_000);
    let new_calls = pump(&mut new, &ledger).await;
    assert_eq!((new_calls[0].fencing, &new_calls[0].key), (2, &old_calls[0].key), "same effect, higher number");

    old.answered(old_calls[0].clone(), homeostat_saga::Answer::Done(serde_json::json!("stale")), 1_000);
    assert!(pump(&mut old, &ledger).await.is_empty());
    assert!(old.halted().is_some(), "a stale result is not written");
    let saga = ledger.load_open().await.unwrap().remove(0).saga.unwrap();
    assert_eq!((saga.owner.as_str(), saga.fencing, saga.steps[0].output.as_ref()), ("new", 2, None));
}

#[tokio::test]
async fn guarantee_09_a_stale_executor_cannot_write_in_memory() {
    // Breaks when the ledger accepts a write from an executor whose lease was taken over.
    takeover(MemoryLedger::new()).await;
}

#[tokio::test]
async fn guarantee_09_a_stale_executor_cannot_write_on_disk() {
    // Breaks when the journal ledger's conditions let a stale executor through.
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    takeover(JournalLedger::new(journal)).await;
}

#[tokio::test]
async fn guarantee_09_a_stale_version_is_a_conflict() {
    // Breaks when two writers of one saga under the same lease overwrite each other.
    let folder = tempfile::tempdir().unwrap();
    let ledger = JournalLedger::new(Journal::open(folder.path(), Options::default()).unwrap());
    let mut executor = Executor::new(ledger.take_lease("x").await.unwrap(), Limits::default(), true);
    executor.submit(1, trip("a"), Extra::default(), 1_000);
    let effects = executor.take_effects();
    let Effect::Commit(mut batch) = effects[0].clone() else { panic!("a submission is written first") };
    let version = ledger.commit(*batch.clone()).await.unwrap();
    assert_eq!(ledger.commit(*batch.clone()).await, Err(LedgerError::Exists("a".into())));
    batch.expected_version = version;
    ledger.commit(*batch.clone()).await.unwrap();
    assert!(matches!(ledger.commit(*batch).await, Err(LedgerError::Conflict(_))));
}

#[tokio::test]
async fn guarantee_09_a_runner_that_lost_its_lease_halts() {
    // Breaks when the first of two runners on one ledger goes on acting.
    let ledger = MemoryLedger::new();
    let first_hands = Fake::new(|_| Way::Slowly(std::time::Duration::from_millis(200)));
    let mut first = Owner::start(ledger.clone(), first_hands.clone()).await;
    first.runner.submit(trip("a")).await.unwrap();
    eventually("the first call", || !first_hands.names().is_empty()).await;
    let second_hands = Fake::willing();
    let mut second = Owner::start(ledger, second_hands.clone()).await;
    second.until_ended("a").await;
    first.until(|event| matches!(event, SagaEvent::Halted { .. })).await;
    assert!(matches!(first.runner.submit(trip("b")).await, Err(SagaError::Halted { .. })));
    assert_eq!(first_hands.names().len(), 1);
}
