//! The guard and the looks into `/proc` that all other tests lean on.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use homeostat_testkit::processes::{self, Guard, MARK};
use homeostat_testkit::wait_until;
use std::process::{Child, Command};

fn marked_sleep(folder: &std::path::Path) -> Child {
    let run = folder.canonicalize().unwrap().join("runs/web/0/A1");
    Command::new("/bin/sh").args(["-c", "sleep 3600 & wait"]).env(MARK, run).spawn().unwrap()
}

#[test]
fn a_guard_ends_what_bears_its_mark_and_nothing_else() {
    // A test that failed would leave processes behind, or end those of another test.
    let (ours, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut mine, mut other) = (marked_sleep(ours.path()), marked_sleep(others.path()));
    let guard = Guard::over(ours.path());
    wait_until("both have started their child", || processes::marked(ours.path()).len() == 2);
    assert!(std::panic::catch_unwind(|| guard.assert_nothing_left()).is_err());
    drop(guard);
    assert!(processes::marked(ours.path()).is_empty());
    assert!(processes::runs(other.id()));
    drop(Guard::over(others.path()));
    mine.wait().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_tree_and_its_use_are_seen() {
    // Figures about memory and processor time would be about the wrong process.
    let mut shell = Command::new("/bin/sh").args(["-c", "sleep 3600 & while :; do :; done"]).spawn().unwrap();
    wait_until("it has a child", || processes::descendants(shell.id()).len() == 1);
    let child = processes::descendants(shell.id())[0];
    assert_eq!(processes::parent(child), Some(shell.id()));
    wait_until("it uses the processor", || processes::processor_time(shell.id()).unwrap().as_millis() > 20);
    let (resident, proportional) =
        (processes::resident_kib(child).unwrap(), processes::proportional_kib(child).unwrap());
    assert!(resident >= proportional && proportional > 0);
    let own = processes::own_kib(child).unwrap();
    assert!(own > 0 && own < resident);
    processes::signal(child, rustix::process::Signal::KILL);
    wait_until("the child has ended", || !processes::runs(child));
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert!(!processes::signal(shell.id(), rustix::process::Signal::KILL));
}
