//! What every caller relies on: commits are atomic, numbered, chained, and found again.

use homeostat_store::{Commit, Expect, Journal, Options, Put, Reader, Record, StoreHealth, Verdict};

pub fn record(kind: &str, payload: &[u8]) -> Record {
    Record { at_ms: 1, class: 2, kind: kind.into(), subject: "s".into(), trace: "t".into(), payload: payload.into() }
}

pub fn put(key: &str, value: Option<&[u8]>, expect: Expect) -> Put {
    Put { space: "space".into(), key: key.into(), value: value.map(Into::into), expect }
}

/// If this breaks, nothing else matters: records, documents and offsets of one commit are there together, also after
/// reopening.
#[test]
fn commit_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    let committed = journal
        .commit_blocking(Commit {
            records: vec![record("a", b"1"), record("b", b"2")],
            puts: vec![put("k", Some(b"v"), Expect::Absent)],
            offsets: vec![("c".into(), 7)],
        })
        .unwrap();
    assert_eq!((committed.first_seq, committed.last_seq, committed.versions), (1, 2, vec![1]));
    assert_eq!(*journal.durable().borrow(), 2);
    assert_eq!(journal.health(), StoreHealth::Writable);
    journal.close();

    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.entries(1, 10).unwrap().len(), 2);
    assert_eq!(reader.entries_of_kind("b", 1, 10).unwrap()[0].seq, 2);
    assert_eq!(reader.entries_of_trace("t", 10).unwrap().len(), 2);
    assert_eq!(reader.last().unwrap().unwrap().record, record("b", b"2"));
    assert_eq!(reader.document("space", "k").unwrap().unwrap().value, b"v");
    assert_eq!(reader.offset("c").unwrap(), Some(7));
    let verdict = reader.verify(|_| {}).unwrap();
    assert!(
        matches!(&verdict, Verdict::Whole(summary) if summary.records == 2 && summary.documents == 1),
        "{verdict:?}"
    );
    drop(journal);
}
