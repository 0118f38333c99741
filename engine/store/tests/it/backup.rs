//! Copies made on purpose: consistent beside a running writer, verified on the way back, never over something.

use homeostat_store::{Journal, StoreError};

use crate::sandbox::{DATABASE, numbered, open, whole};

/// If this breaks, a backup taken while the engine works is a mixture of two moments, or cannot be used.
#[test]
fn backup_beside_a_writer_can_be_restored() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit_blocking(numbered(0, 500)).unwrap();
    let writer = {
        let journal = journal.clone();
        std::thread::spawn(move || (0..400).for_each(|n| drop(journal.commit_blocking(numbered(n, 5)).unwrap())))
    };
    let target = tempfile::tempdir().unwrap();
    for number in 0..5 {
        let copy = target.path().join(number.to_string());
        let before = *journal.durable().borrow();
        let backed_up = journal.backup(&copy).unwrap();
        assert!(backed_up.last_seq >= before);
        let summary = whole(&copy);
        assert_eq!((summary.last_seq, summary.remarks.len()), (backed_up.last_seq, 0));

        let restored = target.path().join(format!("restored {number}"));
        assert_eq!(Journal::restore(&copy, &restored).unwrap(), backed_up);
        let restored_journal = open(&restored);
        let committed = restored_journal.commit_blocking(numbered(0, 1)).unwrap();
        assert_eq!(committed.first_seq, backed_up.last_seq + 1);
        restored_journal.close();
        whole(&restored);
    }
    writer.join().unwrap();
    assert_eq!(whole(folder.path()).records, 2500);
}

/// If this breaks, a backup command typed twice, or the wrong way round, destroys a journal.
#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit_blocking(numbered(0, 3)).unwrap();
    open(other.path()).close();
    let occupied = StoreError::Occupied { folder: other.path().to_owned() };
    assert_eq!(journal.backup(other.path()).unwrap_err(), occupied);
    assert_eq!(Journal::restore(folder.path(), other.path()).unwrap_err(), occupied);
    assert_eq!(journal.backup(folder.path()).unwrap_err(), StoreError::Occupied { folder: folder.path().to_owned() });
    assert_eq!(whole(folder.path()).records, 3);
}

/// If this breaks, a rotten backup is put in place of a journal and nobody hears of it.
#[test]
fn broken_backup_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let journal = open(&folder.path().join("journal"));
    journal.commit_blocking(numbered(0, 30)).unwrap();
    journal.backup(&copy).unwrap();
    let database = rusqlite::Connection::open(copy.join(DATABASE)).unwrap();
    database.execute("UPDATE events SET payload = x'00' WHERE seq = 17", []).unwrap();
    drop(database);
    let refusal = Journal::restore(&copy, &folder.path().join("restored")).unwrap_err();
    assert!(refusal.to_string().contains("record 17 was edited"), "{refusal}");
    assert!(!folder.path().join("restored").exists());
}
