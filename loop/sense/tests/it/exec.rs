//! The exec probe: exit codes, and commands that hang, fork and leave things behind.

use crate::{Bench, eventually, shell};
use homeostat_vocabulary::{Exit, Millis, Probe, ProbeFailure};
use std::path::{Path, PathBuf};

/// Whether a process of ours is there, if only as a zombie.
fn exists(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether a process still runs. One that was orphaned may stay a zombie for as long as the machine's first process likes.
fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !matches!(rest.trim_start().chars().next(), Some('Z' | 'X')))
}

fn number_in(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Children of this process that ended and were not waited for.
fn zombies() -> usize {
    let me = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let behind_name = text.rsplit_once(')')?.1.to_owned();
        Some(behind_name)
    });
    stats
        .filter(|stat| {
            let mut words = stat.split_whitespace();
            words.next() == Some("Z") && words.next() == Some(&me)
        })
        .count()
}

#[tokio::test]
async fn the_exit_code_decides() {
    // A failing command would be called a pass.
    for (script, expected) in [
        ("exit 0", None),
        ("test {instance}-{service}-{port} = 0-web-1", None),
        ("exit 3", Some(Exit::Code { code: 3 })),
        ("kill -9 $$", Some(Exit::Killed { signal: 9 })),
    ] {
        let mut bench = Bench::new();
        bench.watch("web/0", 1, shell(script), 60_000, 10_000);
        assert_eq!(bench.verdict().await, expected.map(|exit| ProbeFailure::CommandFailed { exit }), "{script}");
    }
    let mut bench = Bench::new();
    bench.watch("web/0", 1, Probe::Exec { command: vec!["/no/such/program".to_owned()] }, 60_000, 10_000);
    assert!(matches!(bench.verdict().await, Some(ProbeFailure::Other { text }) if text.contains("/no/such/program")));
}

#[tokio::test]
async fn a_command_that_forks_and_hangs_is_killed_with_all_it_spawned() {
    // Each timed-out probe would leave processes behind until the machine is full.
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let script = format!(
        "trap '' TERM; sleep 600 & echo $! > {child}; echo $$ > {leader}; wait",
        child = file("child").display(),
        leader = file("leader").display()
    );
    let mut bench = Bench::new();
    bench.watch("web/0", 1, shell(&script), 60_000, 1_000);
    assert_eq!(bench.verdict().await, Some(ProbeFailure::TimedOut { after: Millis(1_000) }));
    let (child, leader) = (number_in(&file("child")).unwrap(), number_in(&file("leader")).unwrap());
    eventually("the child is dead", || !runs(child)).await;
    eventually("the leader is dead and reaped", || !exists(leader)).await;
    eventually("no zombie is left", || zombies() == 0).await;
}

#[tokio::test]
async fn what_a_passing_command_leaves_behind_is_ended() {
    // A check that starts something in the background would add one process for each probe.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("child");
    let mut bench = Bench::new();
    bench.watch("web/0", 1, shell(&format!("sleep 600 & echo $! > {}", path.display())), 60_000, 10_000);
    assert_eq!(bench.verdict().await, None);
    let child = number_in(&path).unwrap();
    eventually("the child is dead", || !runs(child)).await;
}

#[tokio::test]
async fn forgetting_kills_what_runs() {
    // A check of a service that is gone would run on for the rest of its timeout.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leader");
    let mut bench = Bench::new();
    bench.watch("web/0", 1, shell(&format!("echo $$ > {}; exec sleep 600", path.display())), 60_000, 600_000);
    eventually("the command runs", || number_in(&path).is_some()).await;
    bench.prober.forget(&"web/0".parse().unwrap());
    let leader = number_in(&path).unwrap();
    eventually("the command is dead and reaped", || !exists(leader)).await;
}

#[tokio::test]
async fn the_engines_own_environment_stays_with_the_engine() {
    // A health check could read the secrets that the engine was started with.
    let mut bench = Bench::new();
    // Cargo sets this one for every test.
    bench.watch("web/0", 1, shell("test -z \"$CARGO_MANIFEST_DIR\" && test -n \"$PATH\""), 60_000, 10_000);
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(bench.verdict().await, None);
}
