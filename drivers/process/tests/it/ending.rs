//! Ends: by itself or asked to, seen at once, and with nothing left.

use crate::bed::{Bed, TESTBED, command, idle, instance, run, shell};
use homeostat_driver_process::LogBounds;
use homeostat_testkit::{processes, wait_until};
use homeostat_vocabulary::{Exit, Millis, Port, Service, StopSignal};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::net::TcpStream;

fn impatient(mut service: Service) -> Service {
    service.stop.grace = Millis(200);
    service
}

#[tokio::test]
async fn exit_codes_and_signals_are_told() {
    // Without the cause of death there is nothing to diagnose.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &shell("exit 7")).await.unwrap();
    assert_eq!(bed.next_exit().await, (instance("web/0"), run("A1"), Exit::Code { code: 7 }));
    bed.start("web/0", "A2", &shell("kill -SEGV $$")).await.unwrap();
    assert_eq!(bed.next_exit().await.2, Exit::Killed { signal: 11 });
    let sighting = bed.start("web/0", "A3", &idle()).await.unwrap();
    processes::signal(sighting.pid, Signal::KILL);
    assert_eq!(bed.next_exit().await.2, Exit::Killed { signal: 9 });
    let seen = bed.look("web/0", "A3").await.unwrap();
    let (exit, ended_at) = seen.ended.unwrap();
    assert_eq!(exit, Exit::Killed { signal: 9 });
    assert!(ended_at >= seen.since);
}

#[tokio::test]
async fn a_service_that_dies_at_once_is_told_each_time() {
    // A death between start and first look would be missed, and the service taken for running.
    let mut bed = Bed::new();
    for life in 1..=20 {
        let id = format!("A{life}");
        let sighting = bed.start("web/0", &id, &command(&["/bin/false"])).await.unwrap();
        assert_eq!(sighting.ended, None, "a start tells that it began, the exit comes as a signal");
        assert_eq!(bed.next_exit().await, (instance("web/0"), run(&id), Exit::Code { code: 1 }));
    }
}

#[tokio::test]
async fn a_service_that_ignores_the_stop_signal_is_killed_after_its_grace() {
    // One deaf service would hold up every deployment.
    let bed = Bed::new();
    let service = impatient(shell("trap '' TERM; echo deaf; while :; do sleep 0.1; done"));
    bed.start("web/0", "A1", &service).await.unwrap();
    bed.wait_for_line("web/0", "deaf");
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Killed { signal: 9 }));
    bed.assert_nothing_left();
}

#[tokio::test]
async fn the_declared_signal_is_sent_and_the_grace_is_granted() {
    // A database asked to end by the wrong signal, or killed too soon, has to recover at its next start.
    let bed = Bed::new();
    let mut service = shell("trap 'sleep 0.5; echo saved; exit 5' USR1; echo up; while :; do sleep 0.05; done");
    service.stop.signal = StopSignal::Usr1;
    // The children of the shell die of the signal; the shell itself saves and ends.
    bed.start("web/0", "A1", &service).await.unwrap();
    bed.wait_for_line("web/0", "up");
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Code { code: 5 }));
    assert!(bed.written("web/0").contains(&"saved".to_owned()));
}

#[tokio::test]
async fn a_stopped_process_can_be_ended() {
    // A process under SIGSTOP takes no signal but SIGKILL until it is continued.
    let bed = Bed::new();
    let sighting = bed.start("web/0", "A1", &idle()).await.unwrap();
    processes::signal(sighting.pid, Signal::STOP);
    wait_until("it is stopped", || processes::state(sighting.pid) == Some('T'));
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Killed { signal: 15 }), "gently, not by SIGKILL");
}

#[tokio::test]
async fn a_stopped_shim_can_be_ended() {
    // Somebody who stops the wrong process would make the service unstoppable.
    let bed = Bed::new();
    bed.start("web/0", "A1", &idle()).await.unwrap();
    processes::signal(bed.shim_of("web/0", "A1"), Signal::STOP);
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Killed { signal: 15 }));
    bed.assert_nothing_left();
}

/// Leaves behind: a daemon (its parent is gone), a child in a session of its own, a child that ignores SIGTERM.
const FORKS: &str = "(setsid sh -c 'sleep 3600 & sleep 3600' &) ; setsid sleep 3600 & \
    sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' & echo forked; ";

#[tokio::test]
async fn descendants_go_with_a_service_that_ends_by_itself() {
    // A worker left behind holds the port, and the next life cannot listen.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &impatient(shell(&format!("{FORKS} sleep 0.3; exit 4")))).await.unwrap();
    bed.wait_for_line("web/0", "forked");
    wait_until("all have forked", || bed.running().len() >= 6);
    assert_eq!(bed.next_exit().await.2, Exit::Code { code: 4 });
    bed.assert_nothing_left();
    let record = std::fs::read_to_string(bed.run_folder("web/0", "A1").join("exit.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert!(record["descendants_ended"].as_u64().unwrap() >= 4, "{record}");
}

#[tokio::test]
async fn descendants_go_with_a_service_that_is_stopped() {
    // The same by a stop: a double-forked daemon is no longer in the group and must be found all the same.
    let bed = Bed::new();
    bed.start("web/0", "A1", &impatient(shell(&format!("{FORKS} wait")))).await.unwrap();
    bed.wait_for_line("web/0", "forked");
    wait_until("all have forked", || bed.running().len() >= 6);
    assert!(bed.stop("web/0", "A1").await.unwrap().is_some());
    bed.assert_nothing_left();
}

#[tokio::test]
async fn a_worker_is_asked_to_end_once() {
    // Many programs take a second signal for impatience, and drop the work they were finishing.
    let bed = Bed::new();
    let worker = "trap 'echo asked' TERM; echo up; for i in 1 2 3 4 5 6 7 8; do sleep 0.05; done; echo finished";
    let line = format!("trap 'sleep 0.2; exit 3' TERM; sh -c \"{worker}\" & wait");
    bed.start("web/0", "A1", &shell(&line)).await.unwrap();
    bed.wait_for_line("web/0", "up");
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Code { code: 3 }));
    let written = bed.written("web/0");
    assert_eq!(written.iter().filter(|line| *line == "asked").count(), 1, "{written:?}");
    assert!(written.contains(&"finished".to_owned()), "{written:?}");
}

#[tokio::test]
async fn daemons_that_end_are_reaped_while_the_service_runs() {
    // Each would stay in the process table, until the host can start nothing more.
    let bed = Bed::new();
    bed.start("web/0", "A1", &shell("for i in 1 2 3 4 5; do (setsid true &); done; echo forked; sleep 3600"))
        .await
        .unwrap();
    bed.wait_for_line("web/0", "forked");
    let shim = bed.shim_of("web/0", "A1");
    wait_until("only the service is left", || processes::descendants(shim).len() == 2);
    assert!(processes::descendants(shim).into_iter().all(processes::runs), "no zombies");
}

#[tokio::test]
async fn a_service_that_turns_into_a_daemon_is_over() {
    // What a service leaves behind when its first process ends nobody would look after.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &shell("setsid sleep 3600 & exit 0")).await.unwrap();
    assert_eq!(bed.next_exit().await.2, Exit::Code { code: 0 });
    bed.assert_nothing_left();
}

#[tokio::test]
async fn stops_can_be_repeated() {
    // A step repeated after a crash of the engine would fail, and the saga be stuck.
    let bed = Bed::new();
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), None, "a life that never was");
    bed.start("web/0", "A1", &idle()).await.unwrap();
    let both = tokio::join!(bed.stop("web/0", "A1"), bed.stop("web/0", "A1"));
    let killed = Some(Exit::Killed { signal: 15 });
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (killed.clone(), killed.clone()));
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), killed);
}

#[tokio::test]
async fn a_stop_touches_no_other_life() {
    // A late stop of the old life would take the new one down.
    let bed = Bed::new();
    bed.start("web/0", "A1", &idle()).await.unwrap();
    bed.stop("web/0", "A1").await.unwrap();
    let second = bed.start("web/0", "A2", &idle()).await.unwrap();
    bed.stop("web/0", "A1").await.unwrap();
    assert!(processes::runs(second.pid));
}

#[tokio::test]
async fn a_service_that_closes_its_port_and_lives_can_be_stopped_and_started() {
    // It is no exit and must not be told as one; and its port must be free for the next life.
    let mut bed = Bed::new();
    let mut service = command(&[TESTBED, "leaks-port", "{port}"]);
    service.ports = BTreeMap::from([("port".to_owned(), Port::Auto)]);
    let sighting = bed.start("web/0", "A1", &service).await.unwrap();
    bed.wait_for_line("web/0", "listening");
    let port = sighting.ports["port"];
    drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    bed.wait_for_line("web/0", "closed");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(bed.look("web/0", "A1").await.unwrap().ended.is_none());
    assert!(bed.signals.try_recv().is_err(), "nothing has ended");
    bed.stop("web/0", "A1").await.unwrap();
    let again = bed.start("web/0", "A2", &service).await.unwrap();
    assert_eq!(again.ports["port"], port);
    wait_until("the new life listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

#[tokio::test]
async fn a_flood_neither_stops_the_exit_nor_the_stop_from_getting_through() {
    // A service that writes without end would starve its own shim.
    let mut bed = Bed::with_log_bounds(LogBounds { file_bytes_max: 1 << 20, files_max: 2 });
    bed.start("web/0", "A1", &command(&["/usr/bin/yes"])).await.unwrap();
    bed.wait_for_line("web/0", "y");
    assert_eq!(bed.stop("web/0", "A1").await.unwrap(), Some(Exit::Killed { signal: 15 }));
    let sighting = bed.start("web/0", "A2", &command(&["/usr/bin/yes"])).await.unwrap();
    processes::signal(sighting.pid, Signal::ABORT);
    bed.next_exit().await;
    assert_eq!(bed.next_exit().await, (instance("web/0"), run("A2"), Exit::Killed { signal: 6 }));
}

#[tokio::test]
async fn a_service_has_a_session_and_group_of_its_own() {
    // Ctrl-C in the engine's terminal would end every service.
    let bed = Bed::new();
    let sighting = bed.start("web/0", "A1", &shell("cut -d ' ' -f 5,6 /proc/self/stat; sleep 3600")).await.unwrap();
    let shim = bed.shim_of("web/0", "A1");
    bed.wait_for_line("web/0", &format!("{} {shim}", sighting.pid));
    // A terminal's signals reach the shim neither: caught, and left alone.
    for signal in [Signal::INT, Signal::HUP, Signal::QUIT] {
        processes::signal(shim, signal);
    }
    assert!(bed.look("web/0", "A1").await.unwrap().ended.is_none());
}
