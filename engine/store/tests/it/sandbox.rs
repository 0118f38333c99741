//! What several modules need: records to write, a child process of this very test binary, a check of everything.
//!
//! The child is this binary again, running one ignored test; its folder and orders come through the environment. It
//! exits by itself when its standard input closes, so a killed parent leaves nothing behind.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use homeostat_store::{Commit, Expect, Journal, Options, Put, Reader, Record, Summary, Verdict};

pub const FOLDER_VARIABLE: &str = "HOMEOSTAT_STORE_TEST_FOLDER";

pub fn record(kind: &str, payload: &[u8]) -> Record {
    Record { at_ms: 1, class: 2, kind: kind.into(), subject: "s".into(), trace: "t".into(), payload: payload.into() }
}

pub fn put(key: &str, value: Option<&[u8]>, expect: Expect) -> Put {
    Put { space: "space".into(), key: key.into(), value: value.map(Into::into), expect }
}

pub fn open(folder: &Path) -> Journal {
    Journal::open(folder, Options::default()).unwrap()
}

/// A commit of `count` records with recognisable payloads.
pub fn numbered(first: u64, count: u64) -> Commit {
    let records = (first..first + count).map(|number| record("numbered", format!("payload {number}").as_bytes()));
    Commit { records: records.collect(), ..Commit::default() }
}

/// Everything verified, or a failed test.
pub fn whole(folder: &Path) -> Summary {
    match Reader::open(folder).unwrap().verify(|_| {}).unwrap() {
        Verdict::Whole(summary) => summary,
        Verdict::Broken(broken) => panic!("{broken}"),
    }
}

/// The command that runs one ignored test of this binary as a child.
pub fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER_VARIABLE, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// The folder a child was given; `None` when somebody runs the ignored tests by hand.
pub fn folder_of_child() -> Option<PathBuf> {
    std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from)
}

/// Ends the child when its parent is gone.
pub fn exit_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
}

/// Copies the journal's files, whatever is going on in them.
pub fn copy_files(from: &Path, to: &Path, names: &[&str]) {
    std::fs::create_dir_all(to).unwrap();
    for name in names {
        let _ = std::fs::copy(from.join(name), to.join(name));
    }
}

pub const DATABASE: &str = "journal.db";
pub const WAL: &str = "journal.db-wal";
pub const HEAD: &str = "journal.head";

/// A number below `limit` that differs from run to run: crashes should not always come at the same moments.
pub fn random_below(limit: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() % limit
}
