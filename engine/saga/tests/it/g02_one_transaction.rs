//! Guarantee 2: result, next intent, the caller's records and consumer offset in one transaction.

use std::sync::Arc;

use homeostat_saga::{
    Event, Extra, Fault, JournalLedger, JournalRecord, MemoryLedger, Note, RunnerOptions, SagaError, Verb,
};
use homeostat_store::{Journal, Options};

use crate::definitions::trip;
use crate::hands::{Fake, Owner};
use crate::harness::Run;
use crate::world::Mood;

fn note(kind: &str) -> Note {
    let (kind, payload) = (kind.to_owned(), b"{}".to_vec());
    Note { at_ms: 1, class: 1, kind, subject: "trip".into(), trace: "t".into(), payload }
}

#[test]
fn guarantee_02_result_and_next_intent_share_a_batch() {
    // Breaks when a crash could fall between the result of one step and the intent of the next.
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(|_| Mood::Willing));
    run.submit(trip("a"));
    run.until_quiet();
    let kinds: Vec<Vec<&str>> =
        run.batches.iter().map(|batch| batch.records.iter().map(|record| record.event.kind()).collect()).collect();
    let next = vec!["saga.step_ended", "saga.step_started"];
    let (first, last) =
        (vec!["saga.created", "saga.taken", "saga.step_started"], vec!["saga.step_ended", "saga.ended"]);
    assert_eq!(kinds, [first, next.clone(), next, last]);
}

#[tokio::test]
async fn guarantee_02_saga_and_consumer_offset_are_lost_together() {
    // Breaks when the offset of the event that caused a saga could survive without the saga.
    let ledger = MemoryLedger::new();
    let owner = Owner::start(ledger.clone(), Fake::willing()).await;
    ledger.fail_at(ledger.writes() + 1, Fault::Lost);
    let extra = Extra { notes: vec![note("action.planned")], offsets: vec![("controller".into(), 41)] };
    let refused = owner.runner.submit_with(trip("a"), extra).await;
    assert!(matches!(refused, Err(SagaError::Halted { .. })));
    let contents = ledger.contents();
    assert!(contents.open.is_empty() && contents.notes.is_empty() && contents.offsets.is_empty(), "{contents:?}");
}

#[tokio::test]
async fn guarantee_02_the_journal_holds_saga_offset_and_companion_records_together() {
    // Breaks when the journal ledger spreads one batch over several commits, or drops the caller's part.
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    let options = RunnerOptions {
        companion: Some(Arc::new(|_, records| {
            let done =
                records.iter().any(|record| matches!(record.event, Event::StepEnded { verb: Verb::Do, step: 0, .. }));
            let offsets = if done { vec![("results".to_owned(), 7)] } else { Vec::new() };
            Extra { notes: done.then(|| note("action.flight_booked")).into_iter().collect(), offsets }
        })),
        ..RunnerOptions::default()
    };
    let mut owner = Owner::with(JournalLedger::new(journal.clone()), Fake::willing(), options).await;
    let extra = Extra { notes: vec![note("action.planned")], offsets: vec![("controller".into(), 41)] };
    owner.runner.submit_with(trip("a"), extra).await.unwrap();
    owner.until_ended("a").await;
    let reader = journal.reader().unwrap();
    assert_eq!(reader.offset("controller").unwrap(), Some(41));
    assert_eq!(reader.offset("results").unwrap(), Some(7));
    let kinds: Vec<String> = reader.entries(1, 100).unwrap().into_iter().map(|entry| entry.record.kind).collect();
    let expected = [
        "saga.created",
        "saga.taken",
        "saga.step_started",
        "action.planned",
        "saga.step_ended",
        "saga.step_started",
        "action.flight_booked",
        "saga.step_ended",
        "saga.step_started",
        "saga.step_ended",
        "saga.ended",
    ];
    assert_eq!(kinds, expected);
    let first = &reader.entries(1, 1).unwrap()[0];
    assert_eq!((first.record.subject.as_str(), first.record.trace.as_str()), ("trip", "trace of a"));
    let record: JournalRecord = serde_json::from_slice(&first.record.payload).unwrap();
    assert_eq!(record.saga, "a".into());
    assert_eq!(reader.entries_of_trace("trace of a", 100).unwrap().len(), 9, "a story is found by its trace");
}
