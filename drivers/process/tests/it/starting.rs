//! Starts: once for each run id, with what was declared, and with a clear word when they fail.

use crate::bed::{Bed, command, idle, instance, run, shell};
use homeostat_act::{Driver, DriverError, StartOrder};
use homeostat_testkit::processes;
use homeostat_vocabulary::{EnvironmentValue, Exit, Limits, Port, SecretReference, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

fn refused(result: Result<homeostat_act::Sighting, DriverError>) -> String {
    match result {
        Err(DriverError::Impossible { reason }) => reason,
        other => panic!("expected an impossibility, got {other:?}"),
    }
}

#[tokio::test]
async fn a_service_gets_its_command_environment_and_folder() {
    // A service started with the wrong port or folder would run, and be of no use.
    let mut bed = Bed::new();
    let mut service =
        shell("echo $0 $PLAIN $HOMEOSTAT_SERVICE $HOMEOSTAT_INSTANCE $HOMEOSTAT_RUN; pwd; readlink /proc/self/fd/0");
    service.command.push("{service}-{instance}-{run}-{port:admin}".to_owned());
    service.environment.insert("PLAIN".to_owned(), EnvironmentValue::Plain("at-{port}".to_owned()));
    service.ports = BTreeMap::from([("port".to_owned(), Port::Fixed(7001)), ("admin".to_owned(), Port::Fixed(7002))]);
    service.working_folder = "/usr".to_owned();
    let sighting = bed.start("web/3", "A1-x", &service).await.unwrap();
    assert_eq!(sighting.ports, BTreeMap::from([("port".to_owned(), 7001), ("admin".to_owned(), 7002)]));
    assert_eq!(sighting.fingerprint, service.fingerprint());
    assert_eq!(bed.next_exit().await, (instance("web/3"), run("A1-x"), Exit::Code { code: 0 }));
    assert_eq!(bed.written("web/3"), ["web-3-A1-x-7002 at-7001 web web/3 A1-x", "/usr", "/dev/null"]);
}

#[tokio::test]
async fn of_the_engines_environment_little_is_passed_on() {
    // A token meant for the engine, or another service's secret, would be readable by every service.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &command(&["/usr/bin/env"])).await.unwrap();
    bed.next_exit().await;
    let allowed = ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"];
    for line in bed.written("web/0") {
        let name = line.split('=').next().unwrap().to_owned();
        let own = name.starts_with("HOMEOSTAT_") && !name.starts_with("HOMEOSTAT__");
        assert!(own || allowed.contains(&name.as_str()) || name.starts_with("LC_"), "{line} was passed on");
    }
}

#[tokio::test]
async fn the_same_run_id_starts_once() {
    // A step repeated after a crash of the engine would start a second process beside the first.
    let mut bed = Bed::new();
    let first = bed.start("web/0", "A1", &idle()).await.unwrap();
    let second = bed.start("web/0", "A1", &idle()).await.unwrap();
    assert_eq!(first, second);
    bed.next_engine();
    assert_eq!(bed.start("web/0", "A1", &idle()).await.unwrap(), first);
    bed.wait_for_running(2);
    bed.stop("web/0", "A1").await.unwrap();
    let over = bed.start("web/0", "A1", &idle()).await.unwrap();
    assert_eq!(over.ended.map(|(exit, _)| exit), Some(Exit::Killed { signal: 15 }));
    bed.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_at_the_same_moment_begin_one_life() {
    // Two retries of one step that overlap would start it twice; two steps that overlap would fight for the port.
    let bed = Bed::new();
    let (idle, other) = (idle(), idle());
    let same = tokio::join!(
        bed.start("web/0", "A1", &idle),
        bed.start("web/0", "A1", &idle),
        bed.start("web/0", "A1", &idle),
        bed.start("web/0", "A1", &idle)
    );
    let pid = same.0.unwrap().pid;
    for sighting in [same.1, same.2, same.3] {
        assert_eq!(sighting.unwrap().pid, pid);
    }
    let results = tokio::join!(bed.start("web/0", "A2", &other), bed.start("web/0", "A3", &other));
    for result in [results.0, results.1] {
        let Err(DriverError::Failed { reason }) = result else { panic!("a second life began: {result:?}") };
        assert!(reason.ends_with("an earlier life of it still runs, stop that first (H0307)"), "{reason}");
    }
    bed.wait_for_running(2);
}

#[tokio::test]
async fn a_second_life_is_refused_while_the_first_runs_under_another_engine() {
    // Two drivers on one folder, as in a botched restore, would run an instance twice.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &idle()).await.unwrap();
    bed.next_engine();
    let second = bed.start("web/0", "A2", &idle()).await;
    assert!(matches!(&second, Err(DriverError::Failed { reason }) if reason.contains("H0307")), "{second:?}");
    assert!(bed.look("web/0", "A2").await.is_none(), "a refused start never began");
    assert!(bed.look("web/0", "A1").await.unwrap().ended.is_none());
}

#[tokio::test]
async fn what_cannot_be_run_is_said_in_words() {
    // "exit code 127" would leave the owner guessing what is missing.
    let bed = Bed::new();
    let missing = refused(bed.start("web/0", "A1", &command(&["no-such-program", "x"])).await);
    assert_said(
        &missing,
        "the program \"no-such-program\" of web/0 cannot be run: No such file or directory (os error 2); no folder of PATH holds it; give its whole path, or set PATH in its environment (H0301)",
    );
    let text = bed.folder.path().join("text");
    fs::write(&text, "just text").unwrap();
    let not_executable = refused(bed.start("web/0", "A2", &command(&[text.to_str().unwrap()])).await);
    assert!(not_executable.contains("it is not executable"), "{not_executable}");
    let mut service = idle();
    service.working_folder = "/no/such/folder".to_owned();
    let folder = refused(bed.start("web/0", "A3", &service).await);
    assert_said(
        &folder,
        "the working folder \"/no/such/folder\" of web/0 cannot be entered: No such file or directory (os error 2) (H0302)",
    );
    let port = refused(bed.start("web/0", "A4", &shell("echo {port:metrics}")).await);
    assert!(port.contains("web/0 has no port named \"metrics\""), "{port}");
    let mut greedy = idle();
    greedy.limits = Limits { open_files: Some(1 << 40), ..Limits::default() };
    let limits = refused(bed.start("web/0", "A5", &greedy).await);
    assert!(limits.contains("the limits of web/0 cannot be set"), "{limits}");
    bed.assert_nothing_left();
    for life in ["A1", "A2", "A3", "A4", "A5"] {
        assert!(bed.look("web/0", life).await.is_none(), "{life} never began");
    }
}

#[track_caller]
fn assert_said(said: &str, expected: &str) {
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_start_that_failed_can_be_tried_again_under_the_same_run_id() {
    // After the owner has installed the program, the repeated step would still tell the old error.
    let bed = Bed::new();
    let program = bed.folder.path().join("later");
    let service = command(&[program.to_str().unwrap(), "3600"]);
    refused(bed.start("web/0", "A1", &service).await);
    fs::copy("/bin/sleep", &program).unwrap();
    assert!(processes::runs(bed.start("web/0", "A1", &service).await.unwrap().pid));
}

#[tokio::test]
async fn secrets_reach_the_service_and_never_the_disk() {
    // A secret in a record, a log or a command line would be in every backup.
    let bed = Bed::new();
    let secret = "s3cr3t-of-the-file";
    let file = bed.folder.path().join("secret");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let mut service = shell("[ \"$TOKEN\" = s3cr3t-of-the-fi\"\"le ] && echo right; sleep 3600");
    let reference = SecretReference::File(file.to_str().unwrap().to_owned());
    service.environment.insert("TOKEN".to_owned(), EnvironmentValue::Secret(reference));
    bed.start("web/0", "A1", &service).await.unwrap();
    bed.wait_for_line("web/0", "right");
    for pid in bed.running() {
        assert!(!processes::command_line(pid).contains(secret));
    }
    bed.stop("web/0", "A1").await.unwrap();
    assert_holds_nowhere(&bed.data_folder(), secret.as_bytes());
}

fn assert_holds_nowhere(folder: &Path, bytes: &[u8]) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            assert_holds_nowhere(&entry.path(), bytes);
        } else {
            let content = fs::read(entry.path()).unwrap();
            assert!(!content.windows(bytes.len()).any(|window| window == bytes), "found in {:?}", entry.path());
        }
    }
}

#[tokio::test]
async fn a_missing_secret_is_named_and_not_shown() {
    // The service would start without its password, and fail in a way that is hard to read.
    let bed = Bed::new();
    let mut service = idle();
    let reference = SecretReference::File("/no/such/secret".to_owned());
    service.environment.insert("TOKEN".to_owned(), EnvironmentValue::Secret(reference));
    let reason = refused(bed.start("web/0", "A1", &service).await);
    assert_said(
        &reason,
        "the secret file:/no/such/secret for TOKEN of web/0 cannot be read: No such file or directory (os error 2) (H0304)",
    );
}

#[tokio::test]
async fn limits_are_in_force() {
    // A leaking service would take the whole host with it.
    let mut bed = Bed::new();
    let mut service = shell("ulimit -n; ulimit -d; ulimit -t; ulimit -f");
    service.limits = Limits {
        memory_bytes: Some(64 << 20),
        open_files: Some(123),
        cpu_seconds: Some(77),
        file_bytes: Some(512 * 1_000),
    };
    bed.start("web/0", "A1", &service).await.unwrap();
    bed.next_exit().await;
    assert_eq!(bed.written("web/0"), ["123", "65536", "77", "1000"]);
}

#[tokio::test]
async fn a_service_over_its_processor_time_is_ended() {
    // A limit that is set but not heeded is worse than none.
    let mut bed = Bed::new();
    let mut service = shell("while :; do :; done");
    service.limits.cpu_seconds = Some(1);
    bed.start("web/0", "A1", &service).await.unwrap();
    let (_, _, exit) = bed.next_exit().await;
    assert_eq!(exit, Exit::Killed { signal: 24 }, "SIGXCPU");
}

fn with_port() -> Service {
    let mut service = idle();
    service.ports = BTreeMap::from([("port".to_owned(), Port::Auto), ("admin".to_owned(), Port::Auto)]);
    service
}

#[tokio::test]
async fn ports_are_distinct_and_stay_with_the_instance() {
    // Whoever remembers an address would talk to another instance after a restart.
    let mut bed = Bed::new();
    let mut seen = BTreeSet::new();
    let mut before = Vec::new();
    for index in 0..4 {
        let id = format!("web/{index}");
        let ports = bed.start(&id, "A1", &with_port()).await.unwrap().ports;
        assert!(ports.values().all(|port| seen.insert(*port)), "{ports:?} were given out twice");
        before.push(ports);
        bed.stop(&id, "A1").await.unwrap();
    }
    bed.next_engine();
    for index in (0..4).rev() {
        let again = bed.start(&format!("web/{index}"), "A2", &with_port()).await.unwrap().ports;
        assert_eq!(again, before[index]);
    }
}

#[tokio::test]
async fn a_port_somebody_else_has_taken_is_not_given_out() {
    // The service would fail to listen, for ever.
    let bed = Bed::new();
    let before = bed.start("web/0", "A1", &with_port()).await.unwrap().ports;
    bed.stop("web/0", "A1").await.unwrap();
    let _stranger = TcpListener::bind(("127.0.0.1", before["port"])).unwrap();
    let after = bed.start("web/0", "A2", &with_port()).await.unwrap().ports;
    assert_ne!(after["port"], before["port"]);
    assert_eq!(after["admin"], before["admin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_instances_start_and_stop_at_once() {
    // A boot of the host would be where it breaks: all at the same moment.
    let bed = Bed::new();
    let started = futures(&bed, 50, |driver, index| async move {
        let order = StartOrder { instance: instance(&format!("web/{index}")), run: run("A1"), service: with_port() };
        driver.start(order).await.unwrap()
    });
    let started = started.await;
    let ports: BTreeSet<u16> = started.iter().flat_map(|sighting| sighting.ports.values().copied()).collect();
    assert_eq!(ports.len(), 100, "every port is different");
    bed.wait_for_running(100);
    let exits = futures(&bed, 50, |driver, index| async move {
        driver.stop(instance(&format!("web/{index}")), run("A1")).await.unwrap()
    });
    assert!(exits.await.into_iter().all(|exit| exit == Some(Exit::Killed { signal: 15 })));
    bed.assert_nothing_left();
}

async fn futures<T, F>(
    bed: &Bed,
    count: usize,
    work: impl Fn(homeostat_driver_process::ProcessDriver, usize) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..count {
        tasks.spawn(work(bed.driver.clone(), index));
    }
    tasks.join_all().await
}

#[tokio::test]
async fn old_records_go_and_the_latest_stay() {
    // A service that dies every second would fill the disk with records in a year.
    let mut bed = Bed::new();
    for life in 1..=8 {
        bed.start("web/0", &format!("A{life}"), &shell("exit 3")).await.unwrap();
        bed.next_exit().await;
    }
    let mut kept: Vec<String> = fs::read_dir(bed.data_folder().join("runs/web/0"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('A'))
        .collect();
    kept.sort();
    assert_eq!(kept, ["A4", "A5", "A6", "A7", "A8"]);
}
