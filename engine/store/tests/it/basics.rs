//! What every caller relies on: commits are atomic, numbered, chained, and found again.

use std::path::Path;

use homeostat_store::{Commit, Expect, Journal, Options, Reader, StoreError, StoreHealth, VALUE_BYTES_MAX};

use crate::sandbox::{open, put, record, whole};

/// If this breaks, nothing else matters: records, documents and offsets of one commit are there together, also after
/// reopening.
#[test]
fn commit_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let committed = journal
        .commit_blocking(Commit {
            records: vec![record("a", b"1"), record("b", b"2")],
            puts: vec![put("k", Some(b"v"), Expect::Absent)],
            offsets: vec![("c".into(), 7)],
            ..Commit::default()
        })
        .unwrap();
    assert_eq!((committed.first_seq, committed.last_seq, committed.versions), (1, 2, vec![1]));
    assert_eq!(*journal.durable().borrow(), 2);
    assert_eq!(journal.health(), StoreHealth::Writable);
    journal.close();

    let journal = open(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.entries(1, 10).unwrap().len(), 2);
    assert_eq!(reader.entries(2, 10).unwrap().len(), 1);
    assert_eq!(reader.entries(1, 1).unwrap().len(), 1);
    assert_eq!(reader.entries_of_kind("b", 1, 10).unwrap()[0].seq, 2);
    assert_eq!(reader.entries_of_trace("t", 10).unwrap().len(), 2);
    assert!(reader.entries_of_trace("", 10).unwrap().is_empty());
    assert_eq!(reader.last().unwrap().unwrap().record, record("b", b"2"));
    assert_eq!(reader.document("space", "k").unwrap().unwrap().value, b"v");
    assert_eq!(reader.documents("space").unwrap().len(), 1);
    assert_eq!(reader.offset("c").unwrap(), Some(7));
    assert_eq!(reader.offset("nobody").unwrap(), None);
    let summary = whole(folder.path());
    assert_eq!((summary.records, summary.documents, summary.offsets), (2, 1, 1));
    assert_eq!(summary.remarks, Vec::<String>::new());
    assert_eq!(journal.commit_blocking(Commit::record(record("c", b"3"))).unwrap().first_seq, 3);
}

/// If this breaks, a commit that cannot be stored would take the journal or its neighbours down with it.
#[test]
fn impossible_commits_are_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut too_late = record("k", b"");
    too_late.at_ms = u64::MAX;
    let impossible = [
        Commit::record(too_late),
        Commit::record(record(&"k".repeat(2000), b"")),
        Commit::record(record("k", &vec![0; VALUE_BYTES_MAX + 1])),
        Commit { records: vec![record("k", &vec![0; VALUE_BYTES_MAX]); 5], ..Commit::default() },
        Commit { puts: vec![put("k", None, Expect::Any), put("k", None, Expect::Any)], ..Commit::default() },
        Commit { offsets: vec![("c".into(), u64::MAX)], ..Commit::default() },
    ];
    for commit in impossible {
        let refusal = journal.commit_blocking(commit).unwrap_err();
        assert!(matches!(refusal, StoreError::Invalid { .. }), "{refusal}");
    }
    assert_eq!(journal.commit_blocking(Commit::default()).unwrap().last_seq, 0);
    assert_eq!(journal.commit_blocking(Commit::record(record("k", b""))).unwrap().last_seq, 1);
}

/// If this breaks, a consumer would sleep on although there is more to read.
#[tokio::test]
async fn durable_wakes_a_consumer() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut durable = journal.durable();
    let consumer = tokio::spawn(async move { *durable.wait_for(|seq| *seq >= 3).await.unwrap() });
    for number in 0..3_u8 {
        journal.commit(Commit::record(record("k", &[number]))).await.unwrap();
    }
    assert_eq!(consumer.await.unwrap(), 3);
}

/// If this breaks, closing one handle leaves others waiting for ever, or loses what was queued.
#[test]
fn close_ends_all_handles() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let other = journal.clone();
    journal.commit_blocking(Commit::record(record("k", b"1"))).unwrap();
    journal.close();
    assert_eq!(other.commit_blocking(Commit::record(record("k", b"2"))).unwrap_err(), StoreError::Closed);
    // The folder is free although a handle is still around, and the log was folded in.
    let again = open(folder.path());
    assert_eq!(again.commit_blocking(Commit::record(record("k", b"3"))).unwrap().last_seq, 2);
    drop(again);
    assert_eq!(std::fs::metadata(folder.path().join("journal.db-wal")).unwrap().len(), 0);
}

/// If this breaks, a typing error in a path would look like an empty journal.
#[test]
fn reader_of_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = Reader::open(folder.path()).unwrap_err();
    assert_eq!(refusal.code(), Some("H0102"), "{refusal}");
    let refusal = Journal::open(Path::new("/proc/no/journal/here"), Options::default()).unwrap_err();
    assert_eq!(refusal.code(), Some("H0102"), "{refusal}");
}

/// If this breaks, an older program would write into a newer journal and spoil it.
#[test]
fn newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close();
    let database = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let refusal = Journal::open(folder.path(), Options::default()).unwrap_err();
    assert_eq!(refusal, StoreError::Format { found: 99, known: 1 });
}
