//! Conditions on documents: a stale writer never wins, and its failure is its own.

use homeostat_store::{Commit, Expect, StoreError};

use crate::sandbox::{open, put, record, whole};

/// If this breaks, two executors could both believe that they own a saga.
#[test]
fn stale_versions_fail_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let commit = |expect, value: Option<&[u8]>| {
        journal.commit_blocking(Commit {
            records: vec![record("k", b"")],
            puts: vec![put("other", Some(b"x"), Expect::Any), put("doc", value, expect)],
            offsets: vec![("c".into(), 1)],
            ..Commit::default()
        })
    };
    assert_eq!(commit(Expect::Absent, Some(b"1")).unwrap().versions, [1, 1]);
    assert_eq!(commit(Expect::Version(1), Some(b"2")).unwrap().versions, [2, 2]);
    for expect in [Expect::Absent, Expect::Version(1), Expect::Version(3)] {
        let conflict = commit(expect, Some(b"stale")).unwrap_err();
        let expected =
            StoreError::Conflict { space: "space".into(), key: "doc".into(), expected: expect, found: Some(2) };
        assert_eq!(conflict, expected);
    }
    let reader = journal.reader().unwrap();
    assert_eq!(reader.document("space", "doc").unwrap().unwrap().value, b"2");
    assert_eq!(reader.document("space", "other").unwrap().unwrap().version, 2);
    assert_eq!(reader.last().unwrap().unwrap().seq, 2);
    whole(folder.path());
}

/// If this breaks, a writer from before a deletion would overwrite the document made after it.
#[test]
fn versions_never_come_back_after_a_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let commit = |expect, value: Option<&[u8]>| {
        let puts = vec![put("doc", value, expect)];
        journal.commit_blocking(Commit { puts, ..Commit::default() }).map(|committed| committed.versions[0])
    };
    assert_eq!(commit(Expect::Absent, Some(b"1")).unwrap(), 1);
    assert_eq!(commit(Expect::Version(1), None).unwrap(), 0);
    assert_eq!(commit(Expect::Any, None).unwrap(), 0);
    assert_eq!(commit(Expect::Absent, Some(b"2")).unwrap(), 2);
    assert!(commit(Expect::Version(1), Some(b"stale")).is_err());
    assert_eq!(whole(folder.path()).documents, 1);
}

/// If this breaks, one caller's conflict would fail the commits that happened to share its transaction.
#[tokio::test]
async fn conflict_fails_only_its_own_commit() {
    let folder = tempfile::tempdir().unwrap();
    // All are queued before the writer can answer many: they end up in few groups.
    let journal = open(folder.path());
    let mut commits = tokio::task::JoinSet::new();
    for number in 0..300_u32 {
        let journal = journal.clone();
        commits.spawn(async move {
            let expect = if number % 3 == 0 { Expect::Version(77) } else { Expect::Absent };
            let puts = vec![put(&format!("doc {number}"), Some(b"v"), expect)];
            let records = vec![record("k", &number.to_le_bytes())];
            (number, journal.commit(Commit { records, puts, ..Commit::default() }).await)
        });
    }
    let mut seqs = Vec::new();
    for (number, result) in commits.join_all().await {
        match result {
            Ok(committed) => seqs.push(committed.first_seq),
            Err(StoreError::Conflict { found: None, .. }) => assert_eq!(number % 3, 0),
            Err(other) => panic!("{other}"),
        }
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=200).collect::<Vec<u64>>());
    let summary = whole(folder.path());
    assert_eq!((summary.records, summary.documents), (200, 200));
}

/// If this breaks, two consumers of one name would both do what only one may.
#[test]
fn moved_offsets_fail_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let commit = |expected: Option<u64>, upto: u64| {
        journal.commit_blocking(Commit {
            records: vec![record("k", b"")],
            puts: vec![put("doc", Some(b"x"), Expect::Any)],
            offsets: vec![("c".into(), upto)],
            expected_offsets: vec![("other".into(), None), ("c".into(), expected)],
        })
    };
    assert!(commit(Some(0), 1).is_err());
    assert!(commit(None, 5).is_ok());
    for expected in [None, Some(0), Some(4), Some(u64::MAX)] {
        let refusal = StoreError::OffsetMoved { consumer: "c".into(), expected, found: Some(5) };
        assert_eq!(commit(expected, 9).unwrap_err(), refusal);
    }
    assert!(commit(Some(5), 7).is_ok());
    let reader = journal.reader().unwrap();
    assert_eq!(reader.offset("c").unwrap(), Some(7));
    assert_eq!(reader.last().unwrap().unwrap().seq, 2);
    assert_eq!(reader.document("space", "doc").unwrap().unwrap().version, 2);
    whole(folder.path());
}
