//! Torn and edited bytes: found, named, never a panic, and never a pass when something acknowledged has changed.

use std::path::Path;
use std::sync::OnceLock;

use homeostat_store::{Broken, Commit, Document, Entry, Expect, Fault, Journal, Options, Reader, StoreError, Verdict};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::sandbox::{DATABASE, HEAD, WAL, copy_files, numbered, open, put, record, whole};

const FILES: [&str; 3] = [DATABASE, WAL, HEAD];

/// Everything a journal says.
#[derive(Debug, PartialEq)]
struct Contents {
    entries: Vec<Entry>,
    documents: Vec<Document>,
    offset: Option<u64>,
}

fn contents(folder: &Path) -> Result<Contents, StoreError> {
    let reader = Reader::open(folder)?;
    Ok(Contents {
        entries: reader.entries(0, usize::MAX)?,
        documents: reader.documents("space")?,
        offset: reader.offset("c")?,
    })
}

/// The files of a sound journal and what they say, kept in memory: a static folder would never be removed.
struct Original {
    files: Vec<(&'static str, Vec<u8>)>,
    contents: Contents,
}

impl Original {
    fn write(&self, folder: &Path, names: &[&str]) {
        for (name, bytes) in self.files.iter().filter(|(name, _)| names.contains(name)) {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }

    fn length(&self, file: &str) -> usize {
        self.files.iter().find(|(name, _)| *name == file).unwrap().1.len()
    }
}

/// A journal as a killed engine leaves it: half in the database, half still in the log.
fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let commit_some = |first: u64| {
            for number in first..first + 40 {
                journal.commit_blocking(numbered(number, 3)).unwrap();
                let value = vec![number as u8; 150];
                let puts = vec![put(&format!("doc {}", number % 7), Some(&value), Expect::Any)];
                let offsets = vec![("c".into(), number)];
                journal.commit_blocking(Commit { puts, offsets, ..Commit::default() }).unwrap();
            }
        };
        commit_some(1);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(journal.checkpoint()).unwrap();
        commit_some(41);
        let files = FILES.map(|name| (name, std::fs::read(folder.path().join(name)).unwrap())).into();
        Original { files, contents: contents(folder.path()).unwrap() }
    })
}

/// A fresh copy with one file changed by `change`.
fn damaged(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    original().write(copy.path(), &FILES);
    let path = copy.path().join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    copy
}

/// The law: either the damage is found, or nothing that was acknowledged has changed.
fn found_or_harmless(folder: &Path, what: &str) {
    let verdict = Reader::open(folder).and_then(|reader| reader.verify(|_| {}));
    if let Ok(Verdict::Whole(summary)) = &verdict {
        let found = contents(folder).unwrap_or_else(|error| panic!("{what}: verified, but {error}"));
        assert!(found == original().contents, "{what} was not noticed: {summary:?}");
    }
    // Opening for writing may refuse or not, but it must neither panic nor turn a finding into a pass.
    let opened = Journal::open(folder, Options::default());
    if let Ok(journal) = opened {
        journal.close();
        let again = Reader::open(folder).and_then(|reader| reader.verify(|_| {}));
        if let Ok(Verdict::Whole(_)) = again {
            let found = contents(folder).unwrap_or_else(|error| panic!("{what}: verified, but {error}"));
            assert!(found == original().contents, "{what} was covered up by opening");
        }
    }
}

/// If this breaks, a flipped bit somewhere in the files passes for the truth.
#[test]
fn flipped_bytes_everywhere() {
    for file in FILES {
        let length = original().length(file);
        for (count, position) in (0..length).step_by(length / 80).enumerate() {
            let bit = 1 << (count % 8);
            let folder = damaged(file, |bytes| bytes[position] ^= bit);
            found_or_harmless(folder.path(), &format!("{file}, byte {position}, bit {bit}"));
        }
    }
}

/// If this breaks, a file cut short by a crash or a bad copy passes for the truth.
#[test]
fn torn_files() {
    for file in FILES {
        let length = original().length(file);
        for part in 0..24 {
            let folder = damaged(file, |bytes| bytes.truncate(length * part / 24));
            found_or_harmless(folder.path(), &format!("{file} cut to {part}/24"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// If this breaks, some run of wrong bytes (a lost sector, a misplaced write) passes for the truth.
    #[test]
    fn overwritten_runs(file in 0..2_usize, place in 0.0..1.0_f64, length in 1..6000_usize, byte in any::<u8>()) {
        let folder = damaged(FILES[file], |bytes| {
            let start = (bytes.len() as f64 * place) as usize;
            let end = (start + length).min(bytes.len());
            bytes[start..end].fill(byte);
        });
        found_or_harmless(folder.path(), &format!("{}: {length} bytes of {byte} at {place}", FILES[file]));
    }
}

/// A journal of ten records with one document, edited by somebody with an SQLite shell.
fn edited(sql: &str) -> Broken {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit_blocking(numbered(1, 10)).unwrap();
    let puts = vec![put("doc", Some(b"value"), Expect::Any), put("other", Some(b"value"), Expect::Any)];
    let offsets = vec![("c".into(), 1)];
    journal.commit_blocking(Commit { puts, offsets, ..Commit::default() }).unwrap();
    journal.close();
    let database = Connection::open(folder.path().join(DATABASE)).unwrap();
    database.execute_batch(sql).unwrap();
    drop(database);
    match Reader::open(folder.path()).unwrap().verify(|_| {}).unwrap() {
        Verdict::Broken(broken) => broken,
        Verdict::Whole(_) => panic!("not noticed: {sql}"),
    }
}

/// If this breaks, `verify` finds an edit but blames the wrong row or the wrong thing.
#[test]
fn edits_are_named() {
    let document = |key: &str| Fault::DocumentEdited { space: "space".into(), key: key.into() };
    let cases = [
        ("UPDATE events SET payload = x'00' WHERE seq = 4", 4, Fault::ContentEdited),
        ("UPDATE events SET at_ms = 2 WHERE seq = 10", 10, Fault::ContentEdited),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 7", 7, Fault::HashEdited),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 10", 10, Fault::HashEdited),
        ("UPDATE events SET hash = zeroblob(32), kind = 'x' WHERE seq = 5", 5, Fault::HashMismatch),
        ("DELETE FROM events WHERE seq = 3", 3, Fault::Gap { next: 4 }),
        ("DELETE FROM events WHERE seq BETWEEN 1 AND 5", 1, Fault::Gap { next: 6 }),
        ("DELETE FROM events WHERE seq > 8", 9, Fault::TailMissing { acknowledged: 10 }),
        ("DELETE FROM events", 1, Fault::TailMissing { acknowledged: 10 }),
        ("UPDATE documents SET value = x'00' WHERE key = 'doc'", 10, document("doc")),
        ("UPDATE documents SET version = 9 WHERE key = 'other'", 10, document("other")),
        ("DELETE FROM documents WHERE key = 'doc'", 10, Fault::StateMismatch),
        ("UPDATE offsets SET seq = 9", 10, Fault::StateMismatch),
        ("UPDATE meta SET version_floor = 9", 10, Fault::StateMismatch),
    ];
    for (sql, seq, fault) in cases {
        assert_eq!(edited(sql), Broken { seq, fault }, "{sql}");
    }
    let short_hash = edited("UPDATE events SET hash = x'00' WHERE seq = 2");
    assert!(matches!(short_hash, Broken { seq: 2, fault: Fault::Unreadable { .. } }), "{short_hash:?}");
    for sql in ["DROP INDEX events_by_kind", "CREATE TABLE more(x)", "UPDATE meta SET base_hash = x'11'"] {
        let broken = edited(sql);
        assert!(matches!(broken.fault, Fault::Structure { .. } | Fault::Unreadable { .. }), "{sql}: {broken:?}");
    }
}

/// If this breaks, a person reads a finding and does not know which row, or what is wrong with it.
#[test]
fn findings_read_well() {
    let texts: Vec<String> = [
        "UPDATE events SET payload = x'00' WHERE seq = 4",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events WHERE seq IN (3, 4)",
        "DELETE FROM events WHERE seq > 8",
        "UPDATE documents SET value = x'00' WHERE key = 'doc'",
    ]
    .map(|sql| edited(sql).to_string())
    .into();
    let expected = [
        "record 4 was edited: its content does not match its hash",
        "record 3 is missing",
        "records 3 to 4 are missing",
        "records 9 to 10 were acknowledged and are missing at the end",
        "document space/doc does not match its hash",
    ];
    assert_eq!(texts, expected);
}

/// If this breaks, somebody can replace the whole story by another one that is consistent in itself.
#[test]
fn another_story_is_not_the_acknowledged_one() {
    let [told, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, kind) in [(&told, "a"), (&other, "b")] {
        let journal = open(folder.path());
        for _ in 0..5 {
            journal.commit_blocking(Commit::record(record(kind, b"x"))).unwrap();
        }
        journal.close();
    }
    copy_files(other.path(), told.path(), &[DATABASE]);
    let verdict = Reader::open(told.path()).unwrap().verify(|_| {}).unwrap();
    assert_eq!(verdict, Verdict::Broken(Broken { seq: 5, fault: Fault::Replaced }));
    assert!(Journal::open(told.path(), Options::default()).is_err());
}

/// If this breaks, SQLite's silent dropping of damaged log frames loses acknowledged records without a word: opening
/// must refuse, change nothing, and go on only when a person has put the witness aside.
#[test]
fn lost_tail_is_refused_until_a_person_accepts_it() {
    let folder = damaged(WAL, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    let wal = std::fs::read(folder.path().join(WAL)).unwrap();
    for _ in 0..2 {
        let refusal = Journal::open(folder.path(), Options::default()).unwrap_err();
        assert_eq!(refusal.code(), Some("H0105"), "{refusal}");
        assert!(wal == std::fs::read(folder.path().join(WAL)).unwrap(), "the evidence was changed");
    }
    std::fs::remove_file(folder.path().join(HEAD)).unwrap();
    let journal = open(folder.path());
    let last = whole(folder.path()).last_seq;
    assert!(last < 240, "{last}");
    assert_eq!(journal.commit_blocking(numbered(1, 1)).unwrap().first_seq, last + 1);
}

/// If this breaks, a journal whose database file was lost starts again from nothing without a word.
#[test]
fn lost_database_is_not_a_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    original().write(folder.path(), &[HEAD]);
    let refusal = Journal::open(folder.path(), Options::default()).unwrap_err();
    assert_eq!(refusal, StoreError::TailMissing { acknowledged: 240, found: 0 });
}

/// If this breaks, a check without a head file claims more than it can know.
#[test]
fn missing_head_is_remarked() {
    let folder = tempfile::tempdir().unwrap();
    original().write(folder.path(), &[DATABASE, WAL]);
    assert_eq!(whole(folder.path()).remarks.len(), 1);
    let folder = damaged(HEAD, |bytes| bytes[4100] ^= 1);
    assert_eq!(whole(folder.path()).remarks.len(), 1);
}

/// If this breaks, a record that an index has lost is missing from its story, although every row is sound.
#[test]
fn record_lost_by_an_index_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.commit_blocking(numbered(1, 10)).unwrap();
    journal.close();
    let edit = |sql: &str| Connection::open(folder.path().join(DATABASE)).unwrap().execute_batch(sql).unwrap();
    // The index sees the kind change, but not change back: it is hidden from SQLite meanwhile.
    edit(
        "UPDATE events SET kind = 'x' WHERE seq = 4;
         CREATE TABLE hidden AS SELECT rowid AS place, * FROM sqlite_schema WHERE name = 'events_by_kind';
         PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'events_by_kind'",
    );
    edit(
        "UPDATE events SET kind = 'numbered' WHERE seq = 4; PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema(rowid, type, name, tbl_name, rootpage, sql) SELECT * FROM hidden",
    );
    edit("DROP TABLE hidden");
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.entries_of_kind("numbered", 1, 100).unwrap().len(), 9);
    let verdict = reader.verify(|_| {}).unwrap();
    let Verdict::Broken(Broken { fault: Fault::Structure { reason }, .. }) = verdict else { panic!("{verdict:?}") };
    assert!(reason.contains("events_by_kind"), "{reason}");
}
