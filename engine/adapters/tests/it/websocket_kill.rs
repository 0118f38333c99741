//! Processes killed with -9 in the middle of a feed: what follows resumes, and nothing is lost or doubled.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use homeostat_adapters::Door;
use homeostat_adapters::websocket::{
    Arrival, DurableFeed, Feed, Incoming, Keep, Liveness, Origin, ReceiveOptions, Start, push, serve,
};
use homeostat_reactor::{Clock, Outcome};
use homeostat_store::{Commit, Entry, Journal, Options, Record};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::child::{self, Killed};
use super::order::{Order, soon, token};
use super::websocket::{counter, feed, listen, next_id, offer, remote};

const EVENTS: u64 = 3_000;

/// The effects of a receiver: what it handled, what it missed, and how far it got, in one file.
fn effects(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("effects.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    // Killing a process takes nothing from the system's cache; waiting for the disk would only slow the test down.
    connection.pragma_update(None, "synchronous", "off").unwrap();
    let schema = "CREATE TABLE IF NOT EXISTS done (id INTEGER); CREATE TABLE IF NOT EXISTS missed (gap TEXT);
        CREATE TABLE IF NOT EXISTS origin (one INTEGER PRIMARY KEY, feed TEXT, number INTEGER)";
    connection.execute_batch(schema).unwrap();
    connection
}

fn load_origin(effects: &Connection) -> Option<Origin> {
    let sql = "SELECT feed, number FROM origin";
    let read = |row: &rusqlite::Row<'_>| Ok(Origin { feed: row.get(0)?, number: row.get::<_, i64>(1)?.unsigned_abs() });
    effects.query_row(sql, [], read).optional().unwrap()
}

/// Handles what comes, each event with its origin in one transaction, until this process is killed.
async fn handle(mut orders: Incoming<Order>, mut effects: Connection) {
    loop {
        match orders.next().await.unwrap() {
            Arrival::Event { delivery, origin } => {
                let transaction = effects.transaction().unwrap();
                transaction.execute("INSERT INTO done VALUES (?1)", [i64::try_from(delivery.id).unwrap()]).unwrap();
                let place = params![origin.feed, i64::try_from(origin.number).unwrap()];
                transaction.execute("REPLACE INTO origin VALUES (1, ?1, ?2)", place).unwrap();
                transaction.commit().unwrap();
                delivery.settle(Outcome::Done);
            }
            Arrival::Gap(gap) => {
                effects.execute("INSERT INTO missed VALUES (?1)", [gap.to_string()]).unwrap();
            }
        }
    }
}

fn done(effects: &Connection) -> u64 {
    effects.query_row("SELECT count(*) FROM done", [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
}

/// Each event has had its effect once and in order, and none was told as missing.
fn check(effects: &Connection) {
    let mut statement = effects.prepare("SELECT id FROM done ORDER BY rowid").unwrap();
    let ids: Vec<i64> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(ids, (1..=i64::try_from(EVENTS).unwrap()).collect::<Vec<_>>());
    let missed: i64 = effects.query_row("SELECT count(*) FROM missed", [], |row| row.get(0)).unwrap();
    assert_eq!(missed, 0);
}

/// Waits until a receiver has handled so many more, or all, while a few more are on their way.
async fn progress(effects: &Connection, allowed: &watch::Sender<u64>, more: u64) {
    let target = (done(effects) + more).min(EVENTS);
    allowed.send_replace(target + 50);
    let waiting = async {
        while done(effects) < target {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    soon(waiting).await;
}

/// Publishes all events, none beyond what is allowed for now: else a quick child could be done before it is killed.
fn publish_all(feed: &Feed, mut allowed: watch::Receiver<u64>) -> JoinHandle<()> {
    let feed = feed.clone();
    tokio::spawn(async move {
        for id in 1..=EVENTS {
            allowed.wait_for(|allowed| id <= *allowed).await.unwrap();
            feed.publish(&Order::new(id)).await.unwrap();
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_is_killed_again_and_again_handles_each_event_once() {
    // Would break: effects lost or doubled by the death of the process that has them.
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(Keep::UntilSeen, 64);
    let server = offer(&feed, 0).await;
    let allowed = watch::Sender::new(0);
    let publishing = publish_all(&feed, allowed.subscribe());
    let effects = effects(folder.path());
    let mut kills = 0;
    while done(&effects) < EVENTS {
        let child = Killed::start("websocket_kill::following", folder.path(), &server.address().to_string());
        progress(&effects, &allowed, 200 + kills * 97 % 331).await;
        drop(child);
        kills += 1;
    }
    soon(publishing).await.unwrap();
    check(&effects);
    assert!(kills > 5, "{kills}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child of the test above"]
async fn following() {
    // Would break: nothing by itself; it is killed by its parent.
    let Some((folder, peer)) = child::orders() else { return };
    let effects = effects(&folder);
    let start = load_origin(&effects).map_or(Start::Oldest, Start::After);
    handle(listen(peer.parse().unwrap(), start), effects).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_killed_again_and_again_handles_each_event_once() {
    // Would break: the same where the sender is the one that connects.
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(Keep::UntilSeen, 64);
    let allowed = watch::Sender::new(0);
    let publishing = publish_all(&feed, allowed.subscribe());
    let effects = effects(folder.path());
    let mut kills = 0;
    while done(&effects) < EVENTS {
        let mut child = Killed::start("websocket_kill::collecting", folder.path(), "");
        let address = child.told().parse().unwrap();
        let _pusher = push(&feed, remote(address), Liveness::default(), Clock::machine());
        progress(&effects, &allowed, 200 + kills * 97 % 331).await;
        drop(child);
        kills += 1;
    }
    soon(publishing).await.unwrap();
    check(&effects);
    assert!(kills > 5, "{kills}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_is_killed_again_and_again_is_heard_once_from_its_journal() {
    // Would break: events lost or doubled by the death of the process that sends them, or sent before they were on disk.
    let folder = tempfile::tempdir().unwrap();
    // The child gets a port that is free now; whoever follows knows only that.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut orders = listen(address, Start::Oldest);
    let (mut next, mut kills) = (1, 0);
    while next <= EVENTS {
        let child = Killed::start("websocket_kill::sending", folder.path(), &address.port().to_string());
        for _ in 0..(200 + kills * 97 % 331).min(EVENTS + 1 - next) {
            assert_eq!(next_id(&mut orders).await, next);
            next += 1;
        }
        drop(child);
        kills += 1;
    }
    assert_eq!(orders.snapshot().gaps, 0);
    assert!(kills > 5, "{kills}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child of the test above"]
async fn sending() {
    // Would break: nothing by itself; it is killed by its parent.
    let Some((folder, port)) = child::orders() else { return };
    let journal = Journal::open(&folder, Options::default()).unwrap();
    let make = |entry: &Entry| serde_json::from_slice::<Order>(&entry.record.payload).ok();
    let feed = DurableFeed::new("shop", journal.source().unwrap(), make).unwrap();
    let door = Door::local(port.parse().unwrap()).token(token());
    let _server = serve(&feed, door, Liveness::default(), Clock::machine()).await.unwrap();
    let orders_in =
        |entries: Vec<Entry>| entries.iter().filter(|entry| !entry.record.payload.is_empty()).count() as u64;
    let mut id = orders_in(journal.reader().unwrap().entries(1, usize::MAX).unwrap());
    loop {
        // Every third record is none of the feed's.
        id += 1;
        let payload = serde_json::to_vec(&Order::new(id)).unwrap();
        let mut records = vec![Record { payload, ..Record::default() }];
        records.extend((id % 3 == 0).then(Record::default));
        journal.commit(Commit { records, ..Commit::default() }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child of the test above"]
async fn collecting() {
    // Would break: nothing by itself; it is killed by its parent.
    let Some((folder, _)) = child::orders() else { return };
    let effects = effects(&folder);
    let known = load_origin(&effects).into_iter().collect();
    let (orders, address) = counter(known, ReceiveOptions::default()).await;
    child::tell(&address.to_string());
    handle(orders, effects).await;
}
