//! Feeds of what is on disk: numbers that are offsets, items that are passed over, a past that is no longer kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures::StreamExt;
use homeostat_adapters::websocket::{
    DurableFeed, FeedServer, GapCause, Liveness, Origin, Outgoing, ReceiveOptions, Start, push, serve,
};
use homeostat_adapters::{AdapterError, Door};
use homeostat_reactor::Clock;
use homeostat_reactor::durable::Memory;
use homeostat_store::{Commit, Entry, Journal, Options, Record, Retention};
use serde::{Serialize, Serializer};

use super::order::{Order, token, until};
use super::websocket::{counter, listen, next_gap, next_id, remote};

async fn offer(feed: &impl Outgoing) -> FeedServer {
    serve(feed, Door::local(0).token(token()), Liveness::default(), Clock::machine()).await.unwrap()
}

fn numbers(numbers: RangeInclusive<u64>) -> Memory<u64, ()> {
    let source = Memory::new();
    source.extend(numbers);
    source
}

fn tens(number: &u64) -> Option<Order> {
    number.is_multiple_of(10).then(|| Order::new(*number))
}

#[tokio::test]
async fn items_that_are_none_of_the_feed_are_no_gap_and_are_not_asked_for_again() {
    // Would break: a feed of one kind of record that tells of gaps all day, or that scans the same thousand records each time.
    let source = numbers(1..=1_005);
    let feed = DurableFeed::new("tens", source.clone(), tens).unwrap();
    let server = offer(&feed).await;
    let mut orders = listen(server.address(), Start::Oldest);
    for ten in 1..=100 {
        assert_eq!(next_id(&mut orders).await, ten * 10);
    }
    until("the rest to be seen too", || feed.snapshot().seen == 1_005).await;
    source.extend(1_006..=1_010);
    assert_eq!(next_id(&mut orders).await, 1_010);
    let now = feed.snapshot();
    assert_eq!((now.sent, now.gaps, now.published, orders.snapshot().gaps), (101, 0, 1_010, 0));
}

#[tokio::test]
async fn who_follows_may_begin_now_behind_a_number_or_with_all_and_a_feed_can_be_pushed() {
    // Would break: the same choices that a feed in memory gives.
    let source = numbers(1..=50);
    let feed = DurableFeed::new("tens", source.clone(), tens).unwrap();
    let server = offer(&feed).await;
    let mut new = listen(server.address(), Start::Now);
    let mut rest = listen(server.address(), Start::After(Origin { feed: "tens".to_owned(), number: 25 }));
    let (mut pushed, address) = counter(Vec::new(), ReceiveOptions::default()).await;
    let _pusher = push(&feed, remote(address), Liveness::default(), Clock::machine());
    assert_eq!((next_id(&mut rest).await, next_id(&mut pushed).await), (30, 10));
    until("who wants new ones to be there", || new.snapshot().feeds == 1).await;
    source.extend(51..=60);
    assert_eq!(next_id(&mut new).await, 60);
}

#[tokio::test]
async fn another_source_under_the_same_name_is_noticed() {
    // Would break: a receiver that waits behind number 50 of a journal that was put back to 20 from a backup.
    let source = numbers(1..=20);
    let feed = DurableFeed::new("tens", source, tens).unwrap();
    let server = offer(&feed).await;
    let known = Origin { feed: "tens".to_owned(), number: 50 };
    let mut orders = listen(server.address(), Start::After(known.clone()));
    assert_eq!(next_gap(&mut orders).await.cause, GapCause::BegunAnew { before: known });
    assert_eq!((next_id(&mut orders).await, next_id(&mut orders).await), (10, 20));
    for name in ["", &"x".repeat(129)] {
        let refused = DurableFeed::new(name, numbers(1..=1), tens);
        assert!(matches!(refused.map(drop), Err(AdapterError::Name { .. })));
    }
}

#[derive(Debug)]
struct Stubborn(u64);

impl Serialize for Stubborn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            2 => Err(serde::ser::Error::custom("not today")),
            id => Order::new(id).serialize(serializer),
        }
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_written_is_a_gap_and_the_rest_goes_on() {
    // Would break: a feed that stands still for ever before one item.
    let source = numbers(1..=3);
    let feed = DurableFeed::new("all", source, |number: &u64| Some(Stubborn(*number))).unwrap();
    let server = offer(&feed).await;
    let mut orders = listen(server.address(), Start::Oldest);
    assert_eq!(next_id(&mut orders).await, 1);
    assert_eq!(next_gap(&mut orders).await.missed(), Some(1));
    assert_eq!(next_id(&mut orders).await, 3);
    assert_eq!((feed.snapshot().sent, feed.snapshot().gaps), (2, 1));
}

fn open(folder: &std::path::Path) -> Journal {
    Journal::open(folder, Options::default()).unwrap()
}

async fn append(journal: &Journal, ids: RangeInclusive<u64>) {
    let record = |id| Record { at_ms: id, payload: serde_json::to_vec(&Order::new(id)).unwrap(), ..Record::default() };
    journal.commit(Commit { records: ids.map(record).collect(), ..Commit::default() }).await.unwrap();
}

fn order(entry: &Entry) -> Option<Order> {
    serde_json::from_slice(&entry.record.payload).ok()
}

#[tokio::test]
async fn what_the_journal_has_forgotten_is_told_in_its_place() {
    // Would break: a receiver that was away for longer than the journal keeps, and never learns what it missed.
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    append(&journal, 1..=100).await;
    let retention = Retention { records_max: Some(20), records_min: 10, age_max: None };
    journal.prune(retention, 1_000_000_000_000).await.unwrap();
    let first = journal.reader().unwrap().entries(1, 1).unwrap()[0].seq;
    assert!(first > 50);
    let feed = DurableFeed::new("shop", journal.source().unwrap(), order).unwrap();
    let server = offer(&feed).await;
    let mut all = listen(server.address(), Start::Oldest);
    let mut away = listen(server.address(), Start::After(Origin { feed: "shop".to_owned(), number: 20 }));
    let gap = next_gap(&mut away).await;
    assert_eq!((gap.after, gap.next, gap.cause), (20, first, GapCause::Overwritten));
    for id in first..=100 {
        assert_eq!((next_id(&mut away).await, next_id(&mut all).await), (id, id));
    }
}

#[tokio::test]
async fn a_journal_that_is_closed_ends_sessions_and_does_not_keep_them_busy() {
    // Would break: a loop that asks a closed journal as fast as it can.
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    append(&journal, 1..=3).await;
    let feed = DurableFeed::new("shop", journal.source().unwrap(), order).unwrap();
    let server = offer(&feed).await;
    let mut orders = listen(server.address(), Start::Oldest);
    for id in 1..=3 {
        assert_eq!(next_id(&mut orders).await, id);
    }
    journal.close();
    until("the session to end", || matches!(orders.snapshot(), now if now.sessions > 0 && now.sessions_open == 0))
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(feed.snapshot().sessions < 10, "it comes back later each time: {}", feed.snapshot().sessions);
    assert!(futures::poll!(orders.next()).is_pending(), "nothing is missing");
}
