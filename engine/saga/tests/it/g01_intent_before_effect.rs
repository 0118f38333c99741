//! Guarantee 1: intent before effect.

use std::sync::Arc;

use homeostat_saga::{
    Batch, Ended, Event, Fault, Lease, Ledger, LedgerError, Loaded, MemoryLedger, SagaError, SagaEvent, SagaId,
};
use tokio::sync::Semaphore;

use crate::definitions::trip;
use crate::hands::{Fake, Owner, eventually};
use crate::harness::Run;
use crate::world::Mood;

/// A ledger whose commits take until they are let through.
#[derive(Clone)]
struct Slow {
    inner: MemoryLedger,
    permits: Arc<Semaphore>,
}

impl Ledger for Slow {
    async fn take_lease(&self, owner: &str) -> Result<Lease, LedgerError> {
        self.inner.take_lease(owner).await
    }
    async fn load_open(&self) -> Result<Vec<Loaded>, LedgerError> {
        self.inner.load_open().await
    }
    async fn commit(&self, batch: Batch) -> Result<u64, LedgerError> {
        self.permits.acquire().await.unwrap().forget();
        self.inner.commit(batch).await
    }
    async fn ended(&self, id: &SagaId) -> Result<Option<Ended>, LedgerError> {
        self.inner.ended(id).await
    }
    async fn forget_ended(&self, before_ms: u64, limit: usize) -> Result<usize, LedgerError> {
        self.inner.forget_ended(before_ms, limit).await
    }
}

#[test]
fn guarantee_01_every_call_finds_its_intent_in_storage() {
    // Breaks when a call is handed out before, or without, the write that holds its intent (the harness looks it up).
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(|_| Mood::Willing));
    run.submit(trip("a"));
    run.until_quiet();
    run.judge();
    assert_eq!(run.world.calls.len(), 3);
    for call in &run.world.calls {
        let intent = run.batches.iter().flat_map(|batch| &batch.records).find_map(|record| match &record.event {
            Event::StepStarted { step, attempt, key, fencing, .. } if *step == call.step => {
                Some((*attempt, key.clone(), *fencing))
            }
            _ => None,
        });
        assert_eq!(intent, Some((call.attempt, call.key.clone(), call.fencing)));
    }
}

#[tokio::test]
async fn guarantee_01_the_runner_waits_for_the_commit_before_it_calls() {
    // Breaks when the runner calls a driver while the commit of the intent is still under way.
    let (inner, permits) = (MemoryLedger::new(), Arc::new(Semaphore::new(0)));
    let hands = Fake::willing();
    let mut owner = Owner::start(Slow { inner, permits: Arc::clone(&permits) }, hands.clone()).await;
    let runner = owner.runner.clone();
    let submitting = tokio::spawn(async move { runner.submit(trip("a")).await });
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(hands.names(), Vec::<String>::new(), "nothing is durable yet");
    permits.add_permits(1);
    eventually("the first call", || !hands.names().is_empty()).await;
    assert_eq!(hands.names(), ["do flight"], "the second intent is not durable yet");
    permits.add_permits(100);
    submitting.await.unwrap().unwrap();
    owner.until_ended("a").await;
}

#[tokio::test]
async fn guarantee_01_a_failed_write_means_no_call_and_no_more_acting() {
    // Breaks when the runner acts although the intent, or the result before it, could not be written.
    let ledger = MemoryLedger::new();
    let hands = Fake::willing();
    let mut owner = Owner::start(ledger.clone(), hands.clone()).await;
    ledger.fail_at(ledger.writes() + 2, Fault::Lost);
    owner.runner.submit(trip("a")).await.unwrap();
    owner.until(|event| matches!(event, SagaEvent::Halted { .. })).await;
    assert_eq!(hands.names(), ["do flight"], "its result could not be written, so nothing may follow");
    assert!(matches!(owner.runner.submit(trip("b")).await, Err(SagaError::Halted { .. })));
    ledger.reopen();
    assert!(matches!(owner.runner.submit(trip("c")).await, Err(SagaError::Halted { .. })), "it stays stopped");
    assert_eq!(hands.names().len(), 1);
}
