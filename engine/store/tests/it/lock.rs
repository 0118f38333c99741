//! One engine a folder: a second opener is refused and told whom to stop, and the lock dies with its holder.

use std::io::{BufRead, BufReader};

use homeostat_store::{Journal, Options, Reader, StoreError};

use crate::sandbox::{child, exit_with_parent, folder_of_child, numbered, open};

/// If this breaks, two engines would act on the same services, each with half of the story.
#[test]
fn second_opener_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = child("lock::child_holds_the_folder", folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")));

    let refusal = Journal::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refusal, StoreError::Locked { pid, .. } if pid == holder.id()), "{refusal}");
    assert!(refusal.to_string().contains(&format!("process {}", holder.id())), "{refusal}");
    // Reading needs no lock.
    assert_eq!(Reader::open(folder.path()).unwrap().last().unwrap().unwrap().seq, 3);

    holder.kill().unwrap();
    holder.wait().unwrap();
    let journal = open(folder.path());
    let refusal = Journal::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refusal, StoreError::Locked { pid, .. } if pid == std::process::id()), "{refusal}");
    drop(journal);
    open(folder.path());
}

#[test]
#[ignore = "the child of second_opener_is_told_who_has_it"]
fn child_holds_the_folder() {
    let Some(folder) = folder_of_child() else { return };
    exit_with_parent();
    let journal = open(&folder);
    journal.commit_blocking(numbered(1, 3)).unwrap();
    println!("holding");
    loop {
        std::thread::park();
    }
}
