//! Steps run real programs, pass on what they say, and add up to the closing line.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::steps::{End, run, tell};
use xtask::summary::Count;

fn shell(script: &str) -> End {
    tell(Command::new("sh").args(["-c", script])).unwrap()
}

/// If this fails, tests that ran are not counted, on either stream, or are counted once where there were several runs.
#[test]
fn closing_lines_of_a_program_are_added_up() {
    let end = shell(
        "echo 'test result: ok. 3 passed; 0 failed; 0 ignored'; echo '     Summary [   1.0s] 2 tests run: 1 passed, 1 failed' >&2; exit 100",
    );
    assert_eq!(end, End { passed: false, tests: Some(Count { passed: 4, failed: 1 }) });
    assert_eq!(end.count(), Count { passed: 4, failed: 1 });
}

/// If this fails, a check that is no test is not counted, or a run that broke down looks green.
#[test]
fn a_step_counts_as_one_and_a_failed_one_never_as_none() {
    assert_eq!(shell("exit 0").count(), Count { passed: 1, failed: 0 });
    assert_eq!(shell("exit 1").count(), Count { passed: 0, failed: 1 });
    let all_passed_and_yet = shell("echo 'test result: ok. 3 passed; 0 failed;'; exit 1");
    assert_eq!(all_passed_and_yet.count(), Count { passed: 3, failed: 1 });
    let broken = run("made-up", || anyhow::bail!("could not begin"));
    assert_eq!(broken.count(), Count { passed: 0, failed: 1 });
}

/// If this fails, a program waits for an answer that nobody gives.
#[test]
fn a_program_gets_no_input() {
    assert!(shell("! read answer").passed);
}

/// If this fails, a process left behind by a test stops the whole run for ever.
#[test]
fn a_left_over_process_does_not_hold_the_run_up() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    let begun = Instant::now();
    let end = shell(&format!("sleep 60 & echo $! > {}", note.display()));
    let waited = begun.elapsed();
    let left_over = fs::read_to_string(&note).unwrap();
    Command::new("kill").arg(left_over.trim()).status().unwrap();
    assert!(end.passed);
    // Far under the sleeper's minute, far over the grace: no measurement, only whether it waited.
    assert!(waited < Duration::from_secs(50), "waited {waited:?}");
}
