//! Forgetting on purpose: the right rows go, the chain stays checkable, the space comes back.

use std::time::Duration;

use homeostat_store::{Commit, Journal, Options, Record, Retention};

use crate::sandbox::{DATABASE, numbered, open, record, whole};

fn keep(records_max: u64) -> Retention {
    Retention { records_max: Some(records_max), records_min: 1, ..Retention::default() }
}

/// If this breaks, pruning would take what is to be kept, break the chain, or never give space back.
#[tokio::test]
async fn prune_by_count_in_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for first in (0..20_000).step_by(500) {
        journal.commit(numbered(first, 500)).await.unwrap();
    }
    journal.checkpoint().await.unwrap();
    let size_before = std::fs::metadata(folder.path().join(DATABASE)).unwrap().len();

    let pruned = journal.prune(keep(1000), 0).await.unwrap();
    assert_eq!((pruned.removed, pruned.first_seq), (19_000, 19_001));
    assert_eq!(journal.prune(keep(1000), 0).await.unwrap().removed, 0);
    let summary = whole(folder.path());
    assert_eq!((summary.first_seq, summary.last_seq, summary.records), (19_001, 20_000, 1000));
    assert_eq!(journal.commit(numbered(20_000, 1)).await.unwrap().first_seq, 20_001);

    journal.checkpoint().await.unwrap();
    let size_after = std::fs::metadata(folder.path().join(DATABASE)).unwrap().len();
    assert!(size_after < size_before / 4, "{size_before} bytes before, {size_after} after");

    // The anchor is enough to go on after a reopening.
    journal.close();
    let journal = open(folder.path());
    assert_eq!(journal.prune(keep(1), 0).await.unwrap().first_seq, 20_001);
    assert_eq!(whole(folder.path()).records, 1);
}

/// If this breaks, old records stay for ever, or young ones go because they stand behind an old one.
#[tokio::test]
async fn prune_by_age_stops_at_the_first_younger() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    // Not in order: the clock was set back at the fourth.
    let records = [100, 200, 300, 50, 400].map(|at_ms| Record { at_ms, ..record("k", b"") });
    journal.commit(Commit { records: records.into(), ..Commit::default() }).await.unwrap();
    let retention = Retention { age_max: Some(Duration::from_millis(1000)), records_min: 1, ..Retention::default() };
    assert_eq!(journal.prune(retention, 1100).await.unwrap().removed, 0);
    assert_eq!(journal.prune(retention, 1201).await.unwrap().first_seq, 3);
    assert_eq!(journal.prune(retention, 1350).await.unwrap().first_seq, 5);
    assert_eq!(whole(folder.path()).first_seq, 5);
}

/// If this breaks, a clock that jumps a year ahead empties the journal.
#[tokio::test]
async fn newest_records_stay_whatever_the_clock_says() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit(numbered(0, 50)).await.unwrap();
    let retention = Retention { age_max: Some(Duration::from_secs(1)), records_max: Some(0), records_min: 20 };
    assert_eq!(journal.prune(retention, u64::MAX).await.unwrap().removed, 30);
    let nothing_left = Retention { records_min: 0, ..retention };
    assert_eq!(journal.prune(nothing_left, u64::MAX).await.unwrap().removed, 19);
    assert_eq!(journal.reader().unwrap().last().unwrap().unwrap().seq, 50);
}

/// If this breaks, a journal with a retention still grows without end.
#[test]
fn retention_of_the_options_happens_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { retention: Some(keep(1000)), ..Options::default() };
    let journal = Journal::open(folder.path(), options).unwrap();
    for first in (0..30_000).step_by(500) {
        journal.commit_blocking(numbered(first, 500)).unwrap();
    }
    journal.close();
    let summary = whole(folder.path());
    // Looked at every 4,096 records, so as many more may still be there.
    assert!((1000..=1000 + 2 * 4096).contains(&summary.records), "{summary:?}");
    assert_eq!(summary.last_seq, 30_000);
}
