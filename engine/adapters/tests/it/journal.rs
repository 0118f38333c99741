//! The journal as a target of rules.

use std::time::Duration;

use homeostat_adapters::journal::JournalSink;
use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::route::{Batch, Router, Sink, Target};
use homeostat_reactor::{Delivery, Event, Outcome};
use homeostat_store::{Journal, Options, Record, VALUE_BYTES_MAX};

use super::http_out::{everything_to, tracked};
use super::order::{Order, soon};

fn record(order: &Order) -> Record {
    Record {
        class: order.class() as u8,
        kind: order.kind().to_owned(),
        subject: order.subject().into_owned(),
        payload: serde_json::to_vec(order).unwrap(),
        ..Record::default()
    }
}

fn open() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    (folder, journal)
}

fn subjects(journal: &Journal) -> Vec<String> {
    let entries = journal.reader().unwrap().entries(1, 10_000).unwrap();
    entries.into_iter().map(|entry| entry.record.subject).collect()
}

fn router(journal: &Journal) -> Router<Order> {
    let sink = JournalSink::new("journal", journal.clone(), record);
    let once = Backoff { failures_max: 2, first: Duration::from_millis(1), longest: Duration::from_millis(1) };
    let target = Target::sink(sink).batch_max(8).retry(once);
    Router::builder().target(target).rules(everything_to("journal")).start().unwrap()
}

#[tokio::test]
async fn events_are_records_in_order_and_on_disk_before_they_count_as_delivered() {
    // Would break: a receipt for an event that a power cut takes away, or a journal that tells another order.
    let (folder, journal) = open();
    let router = router(&journal);
    let mut receipts = Vec::new();
    for id in 0..100 {
        let (order, receipt) = tracked(Order::new(id));
        router.route(order).await;
        receipts.push(receipt);
    }
    for receipt in receipts {
        assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    }
    let expected: Vec<String> = (0..100).map(|id| format!("shop.orders.{id}")).collect();
    assert_eq!(subjects(&journal), expected);
    drop(router);
    journal.close();
    let (again, entry) = {
        let journal = Journal::open(folder.path(), Options::default()).unwrap();
        (subjects(&journal), journal.reader().unwrap().entries(100, 1).unwrap().remove(0).record)
    };
    assert_eq!(again, expected);
    assert_eq!((entry.kind.as_str(), entry.payload.as_slice()), ("order", br#"{"id":99}"#.as_slice()));
}

#[tokio::test]
async fn a_batch_that_was_given_up_while_it_was_written_is_not_written_twice() {
    // Would break: a record twice in a journal that nothing is ever deleted from, each time a disk is slow.
    let (_folder, journal) = open();
    let sink = JournalSink::new("journal", journal.clone(), record);
    let mut expected = Vec::new();
    for id in 0..60_u64 {
        let deliveries: Vec<Delivery<Order>> = (0..3).map(|part| tracked(Order::new(id * 3 + part)).0).collect();
        expected.extend(deliveries.iter().map(|delivery| delivery.event.subject().into_owned()));
        let batch = |attempt| Batch { id, attempt, deliveries: &deliveries };
        for attempt in 1..=2 {
            // Dropped somewhere on its way, as by a timeout.
            let brief = Duration::from_micros(id * 13 % 400);
            let _ = tokio::time::timeout(brief, sink.deliver(batch(attempt))).await;
        }
        let mut attempt = 3;
        while soon(sink.deliver(batch(attempt))).await.is_err() {
            attempt += 1;
        }
    }
    assert_eq!(subjects(&journal), expected);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_a_dead_letter_and_takes_nothing_along() {
    // Would break: one oversized event that keeps all others out of the journal.
    let (_folder, journal) = open();
    let router = router(&journal);
    let mut receipts = Vec::new();
    for id in 0..3 {
        let text = if id == 1 { "x".repeat(VALUE_BYTES_MAX) } else { String::new() };
        let (order, receipt) = tracked(Order { text, ..Order::new(id) });
        router.route(order).await;
        receipts.push(receipt);
    }
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(soon(receipt).await.outcome);
    }
    assert_eq!(outcomes, [Outcome::Done, Outcome::Failed, Outcome::Done]);
    assert_eq!(subjects(&journal), ["shop.orders.0", "shop.orders.2"]);
    assert_eq!(router.dead_letters().try_next().map(|letter| letter.event.id), Some(1));
}

#[tokio::test]
async fn two_sinks_of_different_names_do_not_disturb_each_other() {
    // Would break: routers that take each other's batches for their own repetition.
    let (_folder, journal) = open();
    let (one, two) =
        (JournalSink::new("one", journal.clone(), record), JournalSink::new("two", journal.clone(), record));
    for id in 1..=20 {
        let deliveries = [tracked(Order::new(id)).0];
        let batch = || Batch { id, attempt: 1, deliveries: &deliveries };
        let (first, second) = tokio::join!(one.deliver(batch()), two.deliver(batch()));
        assert!(first.is_ok() && second.is_ok());
    }
    assert_eq!(subjects(&journal).len(), 40);
}
