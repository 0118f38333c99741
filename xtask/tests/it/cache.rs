//! The build cache is found where it was asked for, is taken by one run at a time, and never shows one clone the build of another.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::tempdir;
use xtask::cache::{Cache, target_folder};

fn folder_with(set: &[(&str, &str)]) -> Option<PathBuf> {
    target_folder(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())).ok()
}

/// If this fails, a build lands where nobody looks for it, or in the clone.
#[test]
fn the_nearest_setting_wins() {
    let home = ("HOME", "/h");
    assert_eq!(folder_with(&[home]), Some("/h/.cache/homeostat/target".into()));
    assert_eq!(folder_with(&[home, ("XDG_CACHE_HOME", "/x")]), Some("/x/homeostat/target".into()));
    assert_eq!(folder_with(&[home, ("HOMEOSTAT_CACHE", "/c"), ("XDG_CACHE_HOME", "/x")]), Some("/c/target".into()));
    assert_eq!(folder_with(&[home, ("HOMEOSTAT_CACHE", "/c"), ("CARGO_TARGET_DIR", "/t")]), Some("/t".into()));
    assert_eq!(
        folder_with(&[home, ("HOMEOSTAT_CACHE", "")]),
        Some("/h/.cache/homeostat/target".into()),
        "empty is unset"
    );
    assert_eq!(folder_with(&[]), None);
}

fn note(target: &Path, name: &str) -> PathBuf {
    let note = target.join("debug/.fingerprint").join(name);
    fs::create_dir_all(&note).unwrap();
    note
}

/// If this fails, one clone tests what another has built.
#[test]
fn another_clone_forgets_our_crates_and_keeps_the_foreign_ones() {
    let (first, second, cache) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let target = cache.path().join("target");
    let members = ["homeostat-store".to_owned()];
    let take = |clone: &Path| drop(Cache::take(clone, target.clone(), &members).unwrap());
    take(first.path());
    let (ours, foreign) = (note(&target, "homeostat-store-0123abcd"), note(&target, "homeostat-store-like-0123abcd"));
    take(first.path());
    assert!(ours.exists(), "the same clone keeps its build");
    take(second.path());
    assert!(!ours.exists(), "another clone must build anew");
    assert!(foreign.exists(), "what is not ours is the same for all");
    let again = note(&target, "homeostat-store-0123abcd");
    take(first.path());
    assert!(!again.exists(), "and so when the first comes back");
}

/// If this fails, two runs build into each other.
#[test]
fn runs_take_turns() {
    let (clone, cache) = (tempdir().unwrap(), tempdir().unwrap());
    let target = cache.path().join("target");
    let first = Cache::take(clone.path(), target.clone(), &[]).unwrap();
    let (say, heard) = mpsc::sync_channel(1);
    let second = thread::spawn({
        let clone = clone.path().to_path_buf();
        move || {
            let cache = Cache::take(&clone, target, &[]).unwrap();
            say.send(()).unwrap();
            drop(cache);
        }
    });
    // It cannot be proven that it waits for ever; that it waits at all, it can.
    assert!(heard.recv_timeout(Duration::from_millis(300)).is_err(), "the second must wait");
    drop(first);
    heard.recv_timeout(Duration::from_secs(60)).unwrap();
    second.join().unwrap();
}

/// If this fails, a folder that cannot be used gives a riddle instead of a code.
#[test]
fn an_unusable_folder_is_told_with_its_code() {
    let clone = tempdir().unwrap();
    let file = clone.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Cache::take(clone.path(), file.join("target"), &[]).unwrap_err().to_string();
    assert!(error.starts_with("H0903: cannot create "), "{error}");
    assert!(error.contains("HOMEOSTAT_CACHE"), "{error}");
}
