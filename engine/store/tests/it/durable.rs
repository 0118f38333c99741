//! The journal as a durable source: whatever happens to a consumer, what it has written equals the fold of the records.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use homeostat_reactor::Clock;
use homeostat_reactor::durable::{Consumer, Durable, DurableError, DurableSource, Fold, Folded, Offset, SourceError};
use homeostat_store::{
    COMMIT_ITEMS_MAX, Commit, Entry, Journal, JournalEffects, JournalSource, Options, Reader, Record, Retention,
    SNAPSHOT_SPACE, StoreError, VALUE_BYTES_MAX,
};
use proptest::prelude::*;

use crate::disk;
use crate::sandbox::{child, exit_with_parent, folder_of_child, numbered, open, random_below, record, whole};

const KILLS: u32 = 30;
const KEYS: u64 = 7;
const TOTALS: &str = "totals";
const DEADLINE: Duration = Duration::from_secs(60);

type Totals = BTreeMap<String, u64>;

/// Counts events by subject: a document for each count, and an echo for each event.
fn count(totals: &mut Totals, entry: Entry) -> JournalEffects {
    // The echoes come by as well.
    if entry.record.kind != "event" {
        return JournalEffects::none();
    }
    let total = totals.entry(entry.record.subject.clone()).or_default();
    *total += entry.seq;
    let echo = Record { kind: "echo".into(), subject: entry.seq.to_string(), ..Record::default() };
    JournalEffects::none().record(echo).put(TOTALS, entry.record.subject, total.to_le_bytes())
}

fn event(number: u64) -> Record {
    Record { subject: format!("key {}", number % KEYS), ..record("event", b"") }
}

fn events(count: u64) -> Commit {
    Commit { records: (0..count).map(event).collect(), ..Commit::default() }
}

/// What every test here consumes with.
fn counter(source: &JournalSource) -> Fold<JournalSource, Totals, fn(&mut Totals, Entry) -> JournalEffects> {
    Durable::consume(source.clone(), "counter", Offset::START).fold(Totals::new(), count)
}

/// As text, a line for each key.
fn save(totals: &Totals) -> Result<Vec<u8>, std::fmt::Error> {
    let mut text = String::new();
    for (key, total) in totals {
        std::fmt::Write::write_fmt(&mut text, format_args!("{key}={total}\n"))?;
    }
    Ok(text.into_bytes())
}

fn load(bytes: &[u8]) -> Result<Totals, String> {
    let line = |line: &str| {
        let (key, total) = line.split_once('=')?;
        Some((key.to_owned(), total.parse().ok()?))
    };
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(|text| line(text).ok_or_else(|| format!("no count: {text}"))).collect()
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("it never came");
}

/// Everything the consumer has written equals the fold of the records up to its offset: nothing missing, nothing twice.
/// Returns the offset.
fn check(folder: &Path) -> u64 {
    whole(folder);
    let reader = Reader::open(folder).unwrap();
    reader
        .at_one_instant(|reader| {
            let offset = reader.offset("counter")?.unwrap_or(0);
            let entries = reader.entries(1, usize::MAX)?;
            let snapshot = reader.document(SNAPSHOT_SPACE, "counter")?;
            let mut totals = Totals::new();
            let mut echoes = Vec::new();
            for entry in entries.iter().filter(|entry| entry.seq <= offset) {
                if entry.record.kind == "event" {
                    echoes.push(entry.seq.to_string());
                }
                count(&mut totals, entry.clone());
                if let Some(document) = &snapshot
                    && document.value[..8] == entry.seq.to_le_bytes()
                {
                    assert_eq!(load(&document.value[8..]).unwrap(), totals, "the snapshot at {}", entry.seq);
                }
            }
            let found = reader.documents(TOTALS)?.into_iter();
            let found: Totals =
                found.map(|document| (document.key, u64::from_le_bytes(document.value.try_into().unwrap()))).collect();
            assert_eq!(found, totals, "the documents at {offset}");
            let found: Vec<_> = entries.iter().filter(|entry| entry.record.kind == "echo").collect();
            assert!(found.iter().map(|entry| &entry.record.subject).eq(&echoes), "the echoes at {offset}");
            Ok(offset)
        })
        .unwrap()
}

/// If this breaks, a crash at the wrong moment loses an effect or does it twice: the consumer's one promise.
#[tokio::test]
async fn killed_at_any_moment_effects_happen_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut offsets = Vec::new();
    for _ in 0..KILLS {
        let mut consumer = child("durable::child_consumes_until_killed", folder.path()).spawn().unwrap();
        let mut lines = BufReader::new(consumer.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("consuming")));
        std::thread::sleep(Duration::from_micros(random_below(60_000)));
        consumer.kill().unwrap();
        consumer.wait().unwrap();
        open(folder.path()).close();
        offsets.push(check(folder.path()));
    }
    assert!(offsets.is_sorted());
    assert!(*offsets.last().unwrap() > 0, "nothing was ever consumed");

    let journal = open(folder.path());
    let folded = counter(&journal.source().unwrap()).snapshots(50, save, load).catch_up().await.unwrap();
    assert_eq!(check(folder.path()), folded.upto.0);
    // Rebuilt from the first record on, without any snapshot, the state is the same.
    let rebuilt = counter(&journal.source().unwrap()).catch_up().await.unwrap();
    assert_eq!(rebuilt, folded);
    println!("{KILLS} kills, {} records", folded.upto);
}

#[test]
#[ignore = "the child of the test above"]
fn child_consumes_until_killed() {
    let Some(folder) = folder_of_child() else { return };
    exit_with_parent();
    let journal = open(&folder);
    let producer = journal.clone();
    std::thread::spawn(move || {
        loop {
            producer.commit_blocking(events(1 + random_below(20))).unwrap();
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let run = counter(&journal.source().unwrap());
    let run = run.batch(1 + random_below(40) as usize, Duration::from_millis(random_below(2)));
    let run = if random_below(2) == 0 { run.snapshots(50, save, load) } else { run };
    println!("consuming");
    let Err(error) = runtime.block_on(run.run());
    panic!("{error}");
}

/// One life of a consumer: what is appended before it, how it is set up, and after how many polls it is dropped.
#[derive(Debug, Clone)]
struct Life {
    appended: u64,
    batch: usize,
    snapshots_every: Option<u64>,
    polls_max: usize,
    reopen: bool,
}

fn life() -> impl Strategy<Value = Life> {
    let parts = (0..30_u64, 1..20_usize, proptest::option::of(0..40_u64), 1..40_usize, any::<bool>());
    parts.prop_map(|(appended, batch, snapshots_every, polls_max, reopen)| Life {
        appended,
        batch,
        snapshots_every,
        polls_max,
        reopen,
    })
}

/// Drops the future after so many polls, at whatever await it is then.
async fn polled<F: Future>(future: F, polls_max: usize) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut polls_left = polls_max;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if polls_left == 0 => Poll::Ready(None),
        Poll::Pending => {
            polls_left -= 1;
            Poll::Pending
        }
    })
    .await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// If this breaks, the state or the effects depend on how big the batches were, or on where a consumer was stopped.
    #[test]
    fn dropped_at_any_await_it_goes_on_the_same(lives in proptest::collection::vec(life(), 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut journal = open(folder.path());
        for life in &lives {
            if life.reopen {
                journal.close();
                journal = open(folder.path());
            }
            journal.commit_blocking(events(life.appended)).unwrap();
            let run = counter(&journal.source().unwrap()).batch(life.batch, Duration::ZERO);
            let run = match life.snapshots_every {
                Some(every) => run.snapshots(every, save, load),
                None => run,
            };
            if let Some(ended) = runtime.block_on(polled(run.catch_up(), life.polls_max)) {
                ended.unwrap();
            }
            // A commit that was on its way when its consumer was dropped is in before this empty one.
            journal.commit_blocking(Commit::default()).unwrap();
            check(folder.path());
        }
        let folded = runtime.block_on(counter(&journal.source().unwrap()).snapshots(1, save, load).catch_up()).unwrap();
        assert_eq!(check(folder.path()), folded.upto.0);
        let replayed = runtime.block_on(counter(&journal.source().unwrap()).catch_up()).unwrap();
        assert_eq!(replayed, folded);
    }
}

/// If this breaks, two copies of one service both write, and every effect is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_consumers_with_one_name_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let start = || tokio::spawn(counter(&journal.source().unwrap()).batch(10, Duration::ZERO).run());
    let (one, other) = (start(), start());
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !one.is_finished() && !other.is_finished() {
        assert!(tokio::time::Instant::now() < deadline, "both go on");
        journal.commit(events(10)).await.unwrap();
    }
    let (loser, winner) = if one.is_finished() { (one, other) } else { (other, one) };
    let Err(error) = loser.await.unwrap();
    assert!(matches!(&error, DurableError::Fenced { consumer, .. } if consumer == "counter"), "{error}");

    let last = journal.commit(events(100)).await.unwrap().last_seq;
    let reader = journal.reader().unwrap();
    eventually(|| reader.offset("counter").unwrap() >= Some(last)).await;
    assert!(!winner.is_finished());
    winner.abort();
    let _ = winner.await;
    check(folder.path());
}

/// If this breaks, a consumer skips what was pruned away without a word, or rebuilds its state from half of the past.
#[tokio::test]
async fn a_pruned_past_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let source = journal.source().unwrap();
    journal.commit(events(100)).await.unwrap();
    let before = counter(&source).snapshots(1, save, load).catch_up().await.unwrap();
    let retention = Retention { records_max: Some(50), records_min: 1, ..Retention::default() };
    let first = journal.prune(retention, 0).await.unwrap().first_seq;

    let pruned = DurableError::Pruned { after: Offset::START, first: Offset(first) };
    assert_eq!(source.stream_from(Offset::START).next().await.unwrap().unwrap_err(), pruned);
    assert_eq!(counter(&source).catch_up().await.unwrap_err(), pruned);
    let late = Durable::consume(source.clone(), "late", Offset::START).map(|_| JournalEffects::none());
    assert_eq!(late.catch_up().await.unwrap_err(), pruned);
    assert!(pruned.to_string().contains(&format!("the oldest is {first}")), "{pruned}");
    // From where it is whole all goes well, and a snapshot needs no past.
    assert_eq!(source.stream_from(Offset(first - 1)).next().await.unwrap().unwrap().0, Offset(first));
    assert_eq!(counter(&source).snapshots(1, save, load).catch_up().await.unwrap().state, before.state);

    let last = *journal.durable().borrow();
    let ahead = DurableError::Ahead { after: Offset(9_999), last: Offset(last) };
    let read = tokio::time::timeout(DEADLINE, source.read(Offset(9_999), 1)).await.unwrap();
    assert_eq!(read, Err(SourceError::Ahead { after: Offset(9_999), last: Offset(last) }));
    assert_eq!(source.stream_from(Offset(9_999)).next().await.unwrap().unwrap_err(), ahead);
}

/// If this breaks, a consumer whose state has grown beyond what a document holds ends for good at the item that makes it so.
#[tokio::test]
async fn a_snapshot_for_which_there_is_no_room_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let source = journal.source().unwrap();
    let reader = journal.reader().unwrap();
    let snapshot_of = async |consumer: &str| source.checkpoint(consumer).await.unwrap().snapshot;
    let sized = |bytes: &[u8]| Ok::<_, std::fmt::Error>(bytes.len());
    // The state says how large its snapshot is: one that just fits, and then one byte more.
    let largest = VALUE_BYTES_MAX - 8;
    let consume = |consumer: &str| {
        Durable::consume(source.clone(), consumer, Offset::START)
            .fold(largest - 1, |size: &mut usize, _| {
                *size += 1;
                JournalEffects::none()
            })
            .snapshots(1, |size: &usize| Ok::<_, std::fmt::Error>(vec![0; *size]), sized)
    };
    journal.commit(events(1)).await.unwrap();
    consume("grows").catch_up().await.unwrap();
    journal.commit(events(1)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(consume("grows").catch_up().await.unwrap().state, largest + 1);
        assert_eq!(reader.offset("grows").unwrap(), Some(2));
        assert_eq!(snapshot_of("grows").await.unwrap().offset, Offset(1), "the one before stays");
    }
    // Small, but beside effects that fill the commit.
    let value = vec![0; VALUE_BYTES_MAX];
    let fills = Durable::consume(source.clone(), "fills", Offset(1)).fold(0, move |_: &mut usize, _| {
        (0..4).fold(JournalEffects::none(), |effects, key| effects.put("values", key.to_string(), value.clone()))
    });
    fills.snapshots(1, |_| Ok::<_, std::fmt::Error>(vec![0]), sized).catch_up().await.unwrap();
    assert_eq!((reader.offset("fills").unwrap(), snapshot_of("fills").await), (Some(2), None));
}

/// If this breaks, a consumer folds for hours and learns at its first commit that nobody can have its name.
#[tokio::test]
async fn a_name_that_is_too_long_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let source = open(folder.path()).source().unwrap();
    let refused = Consumer::open(source.clone(), "n".repeat(1_025), Offset::START).await.unwrap_err();
    assert!(refused.to_string().contains("at most 1024 are allowed"), "{refused}");
    Consumer::open(source, "n".repeat(1_024), Offset::START).await.unwrap();
}

/// If this breaks, a consumer stops at the end of what was there, or sleeps through what is appended.
#[tokio::test]
async fn who_is_behind_catches_up_and_then_follows() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..20 {
        journal.commit(events(100)).await.unwrap();
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = counter(&journal.source().unwrap()).run_until(async { drop(stopped.await) });
    let run = tokio::spawn(run);
    let reader = journal.reader().unwrap();
    for _ in 0..20 {
        let last = journal.commit(events(5)).await.unwrap().last_seq;
        eventually(|| reader.offset("counter").unwrap() >= Some(last)).await;
    }
    stop.send(()).unwrap();
    let Folded { upto, state } = run.await.unwrap().unwrap();
    assert_eq!(check(folder.path()), upto.0);
    assert_eq!(state.len() as u64, KEYS);
}

/// If this breaks, somebody who only looks at a journal, from another process or at a copy, sees nothing or can write.
#[tokio::test]
async fn a_journal_opened_for_reading_is_replayed_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit(events(700)).await.unwrap();
    let looking = JournalSource::read_only(folder.path(), Clock::machine()).unwrap();
    let mut stream = looking.stream_from(Offset(10));
    let first: Vec<_> = stream.by_ref().take(690).map_ok(|(offset, _)| offset.0).try_collect().await.unwrap();
    assert!(first.into_iter().eq(11..=700));
    let (next, _) = tokio::join!(stream.next(), journal.commit(events(1)));
    assert_eq!(next.unwrap().unwrap().0, Offset(701));
    let nothing = tokio::time::timeout(Duration::from_millis(300), looking.more(Offset(701))).await;
    assert!(nothing.is_err(), "there is no more, and whoever asks again and again would spin");
    let error = counter(&looking).catch_up().await.unwrap_err();
    let DurableError::Source { doing: "committing", cause: StoreError::ReadOnly { reason } } = error else {
        panic!("{error}");
    };
    assert!(reason.contains("for reading only"), "{reason}");

    let copy = tempfile::tempdir().unwrap();
    journal.backup(copy.path()).unwrap();
    let kept = JournalSource::read_only(copy.path(), Clock::machine()).unwrap();
    let records = kept.stream_from(Offset::START).take(701).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(records.last().unwrap().1.record, event(0));
}

/// If this breaks, a consumer waits for ever for records that can never come.
#[tokio::test]
async fn a_closed_journal_ends_its_consumers() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit(events(10)).await.unwrap();
    let source = journal.source().unwrap();
    let run = tokio::spawn(counter(&source).run());
    let reader = journal.reader().unwrap();
    eventually(|| reader.offset("counter").unwrap() == Some(20)).await;
    let mut waiting = pin!(source.more(Offset(20)));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    tokio::task::spawn_blocking(|| journal.close()).await.unwrap();
    let woken = tokio::time::timeout(DEADLINE, waiting).await.unwrap();
    assert_eq!(woken, Err(SourceError::Failed(StoreError::Closed)));
    let Err(error) = tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
    assert!(matches!(&error, DurableError::Source { cause: StoreError::Closed, .. }), "{error}");
    let records = source.stream_from(Offset::START).take(20).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(records.len(), 20);
}

/// If this breaks, a full disk leaves consumers waiting in silence, or spoils what they had done.
#[tokio::test]
async fn a_failing_disk_ends_consumers_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 2000; exec \"$@\"";
    let output = disk::shell(script, "durable::child_consumes_on_a_failing_disk", folder.path()).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    // With room again it goes on.
    let journal = open(folder.path());
    counter(&journal.source().unwrap()).catch_up().await.unwrap();
    check(folder.path());
}

#[tokio::test]
#[ignore = "the child of the test above"]
async fn child_consumes_on_a_failing_disk() {
    let Some(folder) = folder_of_child() else { return };
    let journal = open(&folder);
    let source = journal.source().unwrap();
    let consumer = tokio::spawn(counter(&source).run());
    // Has nothing to do but to wait.
    let last = *journal.durable().borrow();
    let idle = Durable::consume(source.clone(), "idle", Offset(last)).map(|_| JournalEffects::none());
    let idle = tokio::spawn(idle.batch(usize::MAX, 10 * DEADLINE).run());
    // Hears of every commit, and waits on.
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { source.more(Offset(1 << 40)).await }
    });
    while journal.commit(numbered(1, 20)).await.is_ok() && journal.commit(events(20)).await.is_ok() {}
    let woken = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
    let Err(SourceError::Failed(StoreError::Io { .. } | StoreError::ReadOnly { .. })) = woken else {
        panic!("{woken:?}");
    };
    for run in [consumer, idle] {
        let Err(error) = tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
        let DurableError::Source { cause: StoreError::Io { .. } | StoreError::ReadOnly { .. }, .. } = error else {
            panic!("{error}");
        };
    }
    // What was acknowledged can still be read.
    let acknowledged = *journal.durable().borrow() as usize;
    let records = source.stream_from(Offset::START).take(acknowledged).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(records.len(), acknowledged);
}

/// If this breaks, a batch grows beyond what one commit may hold and can never be committed, or big records fill the
/// memory.
#[tokio::test]
async fn big_records_and_many_effects_are_taken_in_portions() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..6 {
        journal.commit(Commit::record(record("big", &vec![1; VALUE_BYTES_MAX]))).await.unwrap();
    }
    journal.commit(events(5)).await.unwrap();
    let source = journal.source().unwrap();
    assert_eq!(source.read(Offset::START, 1_000).await.unwrap().len(), 2);

    let copy = |entry: Entry| match entry.record.kind.as_str() {
        "big" => JournalEffects::none().put("copies", entry.seq.to_string(), entry.record.payload),
        "event" => {
            let many = (0..COMMIT_ITEMS_MAX / 4).map(|_| record("many", b""));
            many.fold(JournalEffects::none(), JournalEffects::record)
        }
        _ => JournalEffects::none(),
    };
    Durable::consume(source, "copier", Offset::START).map(copy).catch_up().await.unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(reader.documents("copies").unwrap().len(), 6);
    assert_eq!(reader.last_seq().unwrap(), 6 + 5 + 5 * COMMIT_ITEMS_MAX as u64 / 4);
}

/// If this breaks, a document that a batch puts twice refuses the whole batch, or keeps the older value.
#[tokio::test]
async fn the_last_put_of_a_batch_wins() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit(events(3)).await.unwrap();
    let step = |entry: Entry| {
        let effects = JournalEffects::none().put("s", "k", entry.seq.to_string()).put("s", "gone", "soon");
        if entry.seq == 3 { effects.delete("s", "gone") } else { effects }
    };
    Durable::consume(journal.source().unwrap(), "puts", Offset::START).map(step).catch_up().await.unwrap();
    let documents = journal.reader().unwrap().documents("s").unwrap();
    assert_eq!((documents.len(), documents[0].value.as_slice(), documents[0].version), (1, b"3".as_slice(), 1));
}

/// If this breaks, records that are lost from the middle of a journal are skipped as if they had never been.
#[tokio::test]
async fn missing_records_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    journal.commit(events(10)).await.unwrap();
    let database = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
    database.execute("DELETE FROM events WHERE seq IN (5, 6)", []).unwrap();
    let error = counter(&journal.source().unwrap()).catch_up().await.unwrap_err();
    let DurableError::Source { cause: StoreError::Damaged { reason }, .. } = error else { panic!("{error}") };
    assert_eq!(reason, "record 5 is missing");
}
