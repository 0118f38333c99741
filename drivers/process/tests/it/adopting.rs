//! Engines come and go; services live on, and what became of them is known.

use crate::bed::{Bed, TESTBED, idle, instance, run, shell};
use homeostat_act::{Driver, Sighting};
use homeostat_testkit::{processes, wait_until};
use homeostat_vocabulary::{Exit, Service};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Lets an engine start `web/0`, and kills it with SIGKILL as soon as the service runs.
fn start_under_a_doomed_engine(bed: &Bed, service: &Service, life: &str) {
    let mut engine = Command::new(TESTBED)
        .arg("engine")
        .arg(bed.data_folder())
        .args([&serde_json::to_string(service).unwrap(), life])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(engine.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    engine.kill().unwrap();
    engine.wait().unwrap();
}

async fn adopt_one(bed: &Bed) -> Sighting {
    let mut found = bed.driver.adopt().await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[tokio::test]
async fn a_service_outlives_its_engine_and_is_adopted() {
    // An update of the engine would restart every service.
    let mut bed = Bed::new();
    let service = shell("echo up; sleep 1; exit 6");
    start_under_a_doomed_engine(&bed, &service, "A1");
    let sighting = adopt_one(&bed).await;
    assert_eq!((&sighting.instance, &sighting.run), (&instance("web/0"), &run("A1")));
    assert_eq!(sighting.fingerprint, service.fingerprint());
    assert!(sighting.ended.is_none() && processes::runs(sighting.pid));
    assert_eq!(bed.next_exit().await, (instance("web/0"), run("A1"), Exit::Code { code: 6 }));
}

#[tokio::test]
async fn an_adopted_service_can_be_stopped() {
    // Adopted in name only, it would run for ever.
    let bed = Bed::new();
    start_under_a_doomed_engine(&bed, &idle(), "A1");
    adopt_one(&bed).await;
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Killed { signal: 15 }));
    bed.assert_nothing_left();
}

#[tokio::test]
async fn an_exit_is_told_once_however_often_it_is_adopted() {
    // Two exits of one life would count as two faults.
    let mut bed = Bed::new();
    let sighting = bed.start("web/0", "A1", &idle()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(adopt_one(&bed).await, sighting);
        assert_eq!(bed.start("web/0", "A1", &idle()).await.unwrap(), sighting);
    }
    bed.stop("web/0", "A1").await.unwrap();
    bed.next_exit().await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(bed.signals.try_recv().is_err());
}

#[tokio::test]
async fn how_it_died_while_no_engine_ran_is_known() {
    // The story of the night would have a hole where the cause should be.
    for (line, expected) in
        [("sleep 0.2; exit 9", Exit::Code { code: 9 }), ("sleep 0.2; kill -ABRT $$", Exit::Killed { signal: 6 })]
    {
        let bed = Bed::new();
        start_under_a_doomed_engine(&bed, &shell(line), "A1");
        wait_until("it has died", || bed.running().is_empty());
        let sighting = adopt_one(&bed).await;
        let (exit, ended_at) = sighting.ended.unwrap();
        assert_eq!(exit, expected);
        assert!(ended_at >= sighting.since);
    }
}

#[tokio::test]
async fn a_killed_shim_takes_everything_with_it() {
    // A service without a shim would run unseen, beside the one that is started in its place.
    let mut bed = Bed::new();
    let line = "(setsid sleep 3600 &); sleep 3600 & env -i sleep 3600 & echo forked; wait";
    bed.start("web/0", "A1", &shell(line)).await.unwrap();
    bed.wait_for_line("web/0", "forked");
    let shim = bed.shim_of("web/0", "A1");
    wait_until("all have forked", || processes::descendants(shim).len() >= 4);
    let all = processes::descendants(shim);
    processes::signal(shim, Signal::KILL);
    assert_eq!(bed.next_exit().await, (instance("web/0"), run("A1"), Exit::Unknown));
    let left: Vec<u32> = all.into_iter().filter(|pid| processes::runs(*pid)).collect();
    assert!(left.is_empty(), "{left:?} are left, also of those that dropped their environment");
    // It can begin anew at once.
    assert!(bed.start("web/0", "A2", &idle()).await.is_ok());
}

#[tokio::test]
async fn a_service_does_not_outlive_its_shim_even_with_no_engine() {
    // Until the next engine comes, nobody would know how it ends.
    let bed = Bed::new();
    start_under_a_doomed_engine(&bed, &idle(), "A1");
    processes::signal(bed.shim_of("web/0", "A1"), Signal::KILL);
    wait_until("the kernel has ended it", || bed.running().is_empty());
}

#[tokio::test]
async fn a_shim_killed_while_no_engine_ran_leaves_nothing_to_the_next() {
    // The leftovers would hold the port for ever, as nobody remembers them.
    let bed = Bed::new();
    start_under_a_doomed_engine(&bed, &shell("(setsid sleep 3600 &); echo forked; sleep 3600"), "A1");
    bed.wait_for_line("web/0", "forked");
    let shim = bed.shim_of("web/0", "A1");
    processes::signal(shim, Signal::KILL);
    wait_until("the shim is dead", || !processes::runs(shim));
    let sighting = adopt_one(&bed).await;
    assert_eq!(sighting.ended.map(|(exit, _)| exit), Some(Exit::Unknown));
    bed.assert_nothing_left();
    let again = adopt_one(&bed).await;
    assert_eq!(again.ended.map(|(exit, _)| exit), Some(Exit::Unknown), "and it stays so");
}

#[tokio::test]
async fn a_shim_that_nobody_noticed_dying_is_swept_before_the_next_life() {
    // A start that comes without an adoption must not find the port taken by what a dead shim left.
    let bed = Bed::new();
    start_under_a_doomed_engine(&bed, &shell("(setsid sleep 3600 &); echo forked; sleep 3600"), "A1");
    bed.wait_for_line("web/0", "forked");
    processes::signal(bed.shim_of("web/0", "A1"), Signal::KILL);
    bed.start("web/0", "A2", &idle()).await.unwrap();
    bed.wait_for_running(2);
}

/// Rewrites a field of a life's `started.json`.
fn forge(bed: &Bed, change: impl FnOnce(&mut serde_json::Value)) {
    let path = bed.run_folder("web/0", "A1").join("started.json");
    let mut record: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut record);
    fs::write(&path, record.to_string()).unwrap();
}

#[tokio::test]
async fn a_stranger_with_a_recorded_number_is_left_alone() {
    // After the host has handed a pid out again, a stop would kill somebody else's process.
    let mut stranger = Command::new("/bin/sleep").arg("3600").spawn().unwrap();
    for right_start_time in [false, true] {
        let mut bed = Bed::new();
        bed.start("web/0", "A1", &shell("exit 0")).await.unwrap();
        bed.next_exit().await;
        fs::remove_file(bed.run_folder("web/0", "A1").join("exit.json")).unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", stranger.id())).unwrap();
        let start_ticks: u64 = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().parse().unwrap();
        forge(&bed, |record| {
            let ticks = if right_start_time { start_ticks } else { start_ticks + 1 };
            for whose in ["shim", "service"] {
                record[whose] = serde_json::json!({ "pid": stranger.id(), "start_ticks": ticks });
            }
        });
        bed.next_engine();
        let sighting = adopt_one(&bed).await;
        assert_eq!(sighting.ended.map(|(exit, _)| exit), Some(Exit::Unknown));
        assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Unknown));
        assert!(processes::runs(stranger.id()), "the stranger was touched");
    }
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn after_a_boot_nothing_is_taken_for_running() {
    // Numbers and start times come again after a boot; the records of the boot before mean nobody.
    let mut bed = Bed::new();
    let sighting = bed.start("web/0", "A1", &idle()).await.unwrap();
    forge(&bed, |record| record["boot_id"] = "another boot".into());
    bed.next_engine();
    assert_eq!(adopt_one(&bed).await.ended.map(|(exit, _)| exit), Some(Exit::Unknown));
    assert!(processes::runs(sighting.pid), "it was touched, although it cannot be the one that is meant");
}

#[tokio::test]
async fn an_order_that_was_never_carried_out_can_be() {
    // An engine that dies between order and start would leave an instance that can never be started again.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &shell("exit 0")).await.unwrap();
    bed.next_exit().await;
    for record in ["started.json", "exit.json"] {
        fs::remove_file(bed.run_folder("web/0", "A1").join(record)).unwrap();
    }
    bed.next_engine();
    assert!(bed.driver.adopt().await.unwrap().is_empty());
    assert!(bed.look("web/0", "A1").await.is_none());
    assert!(bed.start("web/0", "A1", &idle()).await.unwrap().ended.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_at_any_moment_of_a_start_leaves_a_clear_state() {
    // Started and unknown, or known and not started: either would be started twice or never.
    for delay_ms in 0..25 {
        let bed = Bed::new();
        let service = serde_json::to_string(&idle()).unwrap();
        let mut engine = Command::new(TESTBED)
            .arg("engine")
            .arg(bed.data_folder())
            .args([service.as_str(), "A1"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(delay_ms)).await;
        engine.kill().unwrap();
        engine.wait().unwrap();
        let looked = bed.look("web/0", "A1").await;
        let begun = bed.start("web/0", "A1", &idle()).await.unwrap();
        assert!(looked.is_none_or(|looked| looked == begun));
        bed.wait_for_running(2);
        assert!(bed.running().contains(&begun.pid), "after {delay_ms} ms");
    }
}
