//! Disks that fail for real: full, read-only, failing to sync, and a file size limit that works everywhere.
//!
//! The first three need a mount of their own, made in a private mount namespace (as root, or through a user
//! namespace). Where that is not permitted the test says so and passes: the file size limit has still run.

use std::path::Path;
use std::process::Command;

use homeostat_store::{Journal, Options, Reader, StoreError, StoreHealth};

use crate::sandbox::{FOLDER_VARIABLE, copy_files, folder_of_child, numbered, open, whole};

/// More commits than fit on any of the small disks below.
const COMMITS_MAX: u64 = 5000;
const RECORDS_PER_COMMIT: u64 = 20;

const BALLAST: &str = "ballast";

/// The exit code of a set-up that is not permitted here.
const NOT_PERMITTED: i32 = 77;

/// If this breaks, a full disk stops the engine without a word, or spoils what was acknowledged before.
#[test]
fn full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let setup = "mount -t tmpfs -o size=3m none \"$DISK\"";
    run_on_own_mount(setup, "disk::child_meets_a_full_disk", folder.path());
}

#[test]
#[ignore = "the child of full_disk"]
fn child_meets_a_full_disk() {
    let Some(folder) = folder_of_child() else { return };
    std::fs::write(folder.join(BALLAST), vec![1; 1024 * 1024]).unwrap();
    let acknowledged = write_until_failure(&folder);
    // Once there is room again, a new start goes on.
    std::fs::remove_file(folder.join(BALLAST)).unwrap();
    goes_on(&folder, acknowledged);
}

/// If this breaks, a disk that no longer takes a sync would go on collecting acknowledgements. The disk is an ext4
/// image on a full tmpfs: writes succeed, the sync fails with an input/output error.
#[test]
fn failing_sync() {
    let folder = tempfile::tempdir().unwrap();
    let setup = "mount -t tmpfs -o size=4m none \"$DISK\" && truncate -s 64m \"$DISK/image\" \
         && mkfs.ext4 -q -O ^has_journal -E lazy_itable_init=1 \"$DISK/image\" && mount -o loop \"$DISK/image\" \"$DISK\"";
    run_on_own_mount(setup, "disk::child_meets_a_failing_sync", folder.path());
}

#[test]
#[ignore = "the child of failing_sync"]
fn child_meets_a_failing_sync() {
    let Some(folder) = folder_of_child() else { return };
    let acknowledged = write_until_failure(&folder);
    println!("the sync failed after {acknowledged} records");
}

/// If this breaks, a read-only disk makes even reading impossible, or opening fails with a riddle.
#[test]
fn read_only_disk() {
    let clean = tempfile::tempdir().unwrap();
    let journal = open(clean.path());
    journal.commit_blocking(numbered(1, 30)).unwrap();
    // As a killed engine leaves it: the records are still in the log.
    let killed = tempfile::tempdir().unwrap();
    copy_files(clean.path(), killed.path(), &["journal.db", "journal.db-wal", "journal.db-shm", "journal.head"]);
    // As a backup is kept: one file and its head, no log.
    let kept = tempfile::tempdir().unwrap();
    journal.backup(kept.path()).unwrap();
    journal.close();
    for source in [clean.path(), killed.path(), kept.path()] {
        let folder = tempfile::tempdir().unwrap();
        let setup = format!(
            "mount -t tmpfs -o size=8m none \"$DISK\" && cp \"{}\"/* \"$DISK\" && mount -o remount,ro \"$DISK\"",
            source.display()
        );
        run_on_own_mount(&setup, "disk::child_meets_a_read_only_disk", folder.path());
    }
}

#[test]
#[ignore = "the child of read_only_disk"]
fn child_meets_a_read_only_disk() {
    let Some(folder) = folder_of_child() else { return };
    let refusal = Journal::open(&folder, Options::default()).unwrap_err();
    assert_eq!(refusal.code(), Some("H0102"), "{refusal}");
    assert!(refusal.to_string().to_lowercase().contains("read-only"), "{refusal}");
    assert_eq!(Reader::open(&folder).unwrap().entries(1, 100).unwrap().len(), 30);
    assert_eq!(whole(&folder).records, 30);
}

/// If this breaks, the same as for a full disk; needs no privilege.
#[test]
fn file_size_limit() {
    let folder = tempfile::tempdir().unwrap();
    // The signal is ignored, so that the write fails instead of ending the process.
    let output = shell("trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "disk::child_meets_a_limit", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let acknowledged = text
        .lines()
        .find_map(|line| line.strip_prefix("acknowledged ")?.parse().ok())
        .unwrap_or_else(|| panic!("the child did not say how far it came: {text}"));
    goes_on(folder.path(), acknowledged);
}

#[test]
#[ignore = "the child of file_size_limit"]
fn child_meets_a_limit() {
    let Some(folder) = folder_of_child() else { return };
    println!("acknowledged {}", write_until_failure(&folder));
}

/// Commits until one fails, checks that the journal says so from then on and can still be read, and returns the last
/// acknowledged record.
fn write_until_failure(folder: &Path) -> u64 {
    let journal = open(folder);
    let early_reader = journal.reader().unwrap();
    let mut acknowledged = 0;
    let mut commits = 0..COMMITS_MAX;
    let failure = loop {
        let number = commits.next().unwrap_or_else(|| panic!("the disk never failed"));
        match journal.commit_blocking(numbered(number, RECORDS_PER_COMMIT)) {
            Ok(committed) => acknowledged = committed.last_seq,
            Err(failure) => break failure,
        }
    };
    println!("after {acknowledged} records: {failure}");
    // The failing write may have been the one after an acknowledgement (folding in the log): then it is refused.
    assert!(matches!(failure, StoreError::Io { .. } | StoreError::ReadOnly { .. }), "{failure}");
    assert_eq!(failure.code(), Some("H0106"));
    let StoreHealth::ReadOnly { reason } = journal.health() else { panic!("the journal still calls itself healthy") };
    for _ in 0..3 {
        let refusal = journal.commit_blocking(numbered(1, 1)).unwrap_err();
        assert_eq!(refusal, StoreError::ReadOnly { reason: reason.clone() });
    }
    for reader in [early_reader, journal.reader().unwrap()] {
        assert_eq!(reader.entries(1, usize::MAX).unwrap().len() as u64, acknowledged);
    }
    journal.close();
    acknowledged
}

/// After the cause is gone, everything acknowledged is there and the journal takes commits again.
fn goes_on(folder: &Path, acknowledged: u64) {
    let journal = open(folder);
    let summary = whole(folder);
    assert!(summary.last_seq >= acknowledged, "{} of {acknowledged} records are left", summary.last_seq);
    assert_eq!(journal.commit_blocking(numbered(1, 1)).unwrap().first_seq, summary.last_seq + 1);
    assert_eq!(journal.health(), StoreHealth::Writable);
}

/// Runs a child test with its folder mounted by `setup`, in a mount namespace that ends with it.
fn run_on_own_mount(setup: &str, test: &str, folder: &Path) {
    let script = format!("({setup}) || exit {NOT_PERMITTED}; exec \"$@\"");
    for namespace in ["-m", "-Urm"] {
        let inner = shell(&script, test, folder);
        let output = Command::new("unshare")
            .arg(namespace)
            .arg(inner.get_program())
            .args(inner.get_args())
            .env("DISK", folder)
            .env(FOLDER_VARIABLE, folder)
            .output();
        let Ok(output) = output else { break };
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        match output.status.code() {
            Some(0) => {
                assert!(text.contains("1 passed"), "the child ran nothing: {text}");
                println!("ran on a mount of its own (unshare {namespace}):\n{text}");
                return;
            }
            // unshare itself says 1 when it is not permitted; a failed test says 101.
            Some(1 | NOT_PERMITTED) => println!("unshare {namespace} is not permitted here: {text}"),
            _ => panic!("{text}"),
        }
    }
    println!("not run: no mount of its own is permitted here");
}

/// A shell that ends by becoming this test binary, running one ignored test.
pub fn shell(script: &str, test: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER_VARIABLE, folder);
    command
}
