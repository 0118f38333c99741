//! The demo's schedule is the same for the same seed, and its signals reach only its own processes.

use std::fs;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::tempdir;
use xtask::demo::{Break, Fault, Schedule, running_below, signal};

/// If this fails, a demo cannot be shown twice, or a short one shows only half.
#[test]
fn a_seed_gives_its_faults() {
    let first: Vec<Break> = Schedule::new(7).take(50).collect();
    let again: Vec<Break> = Schedule::new(7).take(50).collect();
    let other: Vec<Break> = Schedule::new(8).take(50).collect();
    assert_eq!(first, again);
    assert_ne!(first, other);
    for schedule in [&first, &other] {
        let faults: Vec<Fault> = schedule.iter().map(|next| next.fault).collect();
        assert_eq!(faults[..2], [Fault::Kill, Fault::Hang]);
        assert!(faults[2..].contains(&Fault::Kill) && faults[2..].contains(&Fault::Hang));
        assert!(schedule.iter().all(|next| (5..=15).contains(&next.after_s)));
    }
}

/// A child that is ended with the test, whatever becomes of it.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(20));
    }
}

/// If this fails, the demo kills somebody else's process, or does not see what it left behind.
#[test]
fn only_processes_of_the_folder_are_seen_and_hit() {
    let (ours, theirs) = (tempdir().unwrap(), tempdir().unwrap());
    let start = |folder: &tempfile::TempDir| {
        let program = folder.path().canonicalize().unwrap().join("sleeper");
        fs::copy("/bin/sleep", &program).unwrap();
        Sleeper(Command::new(program).arg("60").spawn().unwrap())
    };
    let (mut mine, mut other) = (start(&ours), start(&theirs));
    let folder = ours.path().canonicalize().unwrap();
    let seen = || running_below(&folder);
    wait_until("the process is seen", || seen().len() == 1);
    let found = seen().remove(0);
    assert_eq!(u32::try_from(found.pid).unwrap(), mine.0.id());
    assert!(found.command.ends_with("sleeper 60") && !found.stopped, "{found:?}");

    assert!(signal(&found, &folder, Signal::STOP));
    wait_until("the stop is seen", || seen()[0].stopped);
    let foreign = running_below(&theirs.path().canonicalize().unwrap()).remove(0);
    assert!(!signal(&foreign, &folder, Signal::KILL), "not of the folder");
    assert!(other.0.try_wait().unwrap().is_none(), "still there");

    assert!(signal(&found, &folder, Signal::KILL));
    mine.0.wait().unwrap();
    assert_eq!(seen(), []);
    assert!(!signal(&found, &folder, Signal::KILL), "gone");
}
