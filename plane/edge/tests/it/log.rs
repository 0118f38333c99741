//! The access log, as whoever reads it does.

use crate::WALL_MS;
use homeostat_edge::{AccessLog, Record, RequestId};
use homeostat_routing::settings;
use homeostat_vocabulary::Timestamp;
use homeostat_vocabulary::quantity::{Period, Share};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const WAIT_MAX: Duration = Duration::from_secs(30);

fn record() -> Record<'static> {
    Record {
        at: Timestamp(WALL_MS),
        client: "192.0.2.1".parse().unwrap(),
        method: "GET",
        host: "shop.example",
        path: "/cart",
        protocol: "1.1",
        status: 200,
        bytes: 512,
        duration: Duration::from_micros(1_500),
        route: "shop",
        upstream: "shop",
        endpoint: "127.0.0.1:9001",
        attempts: 1,
        cache: "",
        code: "",
        caller: "",
        agent: "curl/8",
        request_id: RequestId::parse(b"abc").unwrap(),
        trace_id: Some(0xab),
    }
}

fn open(folder: &Path, sample: u32) -> AccessLog {
    let settings = settings::AccessLog {
        file: Some("a.log".to_owned()),
        sample: Share(sample),
        slow: Period::seconds(1),
        enabled: true,
    };
    AccessLog::open(&settings, folder).unwrap()
}

/// Closes a log and reads what is in a file.
fn lines(log: &AccessLog, file: &Path) -> Vec<Value> {
    assert!(log.close(WAIT_MAX));
    read(file)
}

fn read(file: &Path) -> Vec<Value> {
    std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_request_is_one_line() {
    // Would break: whatever reads the log by these names.
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), 1_000_000);
    log.note(&record());
    assert!(log.close(WAIT_MAX));
    let text = std::fs::read_to_string(folder.path().join("a.log")).unwrap();
    insta::assert_snapshot!(text.trim_end(), @r#"{"time":"2025-06-15T15:06:40.000Z","client":"192.0.2.1","method":"GET","host":"shop.example","path":"/cart","protocol":"1.1","status":200,"bytes":512,"duration_us":1500,"route":"shop","upstream":"shop","endpoint":"127.0.0.1:9001","attempts":1,"agent":"curl/8","request_id":"abc","trace_id":"000000000000000000000000000000ab"}"#);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(folder.path().join("a.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "addresses of people are for the owner alone");
}

#[test]
fn failures_and_slow_requests_are_written_whatever_the_sample() {
    // Would break: of a million requests the three that matter are not in the log.
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), 1);
    for status in [200, 404, 499, 500, 503] {
        log.note(&Record { status, path: "/x?token=secret", ..record() });
    }
    log.note(&Record { duration: Duration::from_secs(1), ..record() });
    let written: Vec<u64> =
        lines(&log, &folder.path().join("a.log")).iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(written.iter().filter(|status| **status >= 500).count(), 2);
    assert!(written.contains(&200) && written.len() <= 4, "{written:?}");
    assert!(!std::fs::read_to_string(folder.path().join("a.log")).unwrap().contains("secret"));
    let off = AccessLog::open(&settings::AccessLog { enabled: false, ..settings::AccessLog::default() }, folder.path())
        .unwrap();
    off.note(&record());
    assert!(off.close(WAIT_MAX) && !folder.path().join("access.log").exists());
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew() {
    // Would break: after a rotation everything goes on into a file that is compressed or gone.
    let folder = tempfile::tempdir().unwrap();
    let (file, old) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
    let log = open(folder.path(), 1_000_000);
    log.note(&record());
    while log.counts().written < 1 {
        std::thread::yield_now();
    }
    std::fs::rename(&file, &old).unwrap();
    log.reopen();
    while !file.exists() {
        std::thread::yield_now();
    }
    log.note(&Record { path: "/second", ..record() });
    assert_eq!(lines(&log, &file)[0]["path"], "/second");
    assert_eq!(read(&old).len(), 1);
}

#[test]
fn a_log_that_takes_nothing_holds_nobody_up_and_counts_what_it_lost() {
    // Would break: a pipe that nobody reads stops the gateway.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("a.log");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    // Opened for both, so that neither side waits for the other; nobody ever reads.
    let _reader = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let log = open(folder.path(), 1_000_000);
    let agent = "x".repeat(900);
    for _ in 0..10_000 {
        log.note(&Record { agent: &agent, ..record() });
    }
    assert!(log.counts().dropped > 1_000, "{:?}", log.counts());
    assert!(!log.close(Duration::from_millis(50)), "it cannot be closed in order, and says so");
    // A reader that comes after all lets the thread end.
    drop(log);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_a_client_sends_is_one_field_of_one_line(texts in proptest::collection::vec(any::<String>(), 1..20), long in 0_usize..5_000) {
        // Would break: a user agent with a line break in it writes a second, made-up request into the log.
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), 1_000_000);
        let filler = "é".repeat(long);
        for text in &texts {
            log.note(&Record { agent: text, host: &filler, method: "\u{1b}[2J\r\n\u{202e}\u{2028}\"\\", ..record() });
        }
        prop_assert!(log.close(WAIT_MAX));
        let raw = std::fs::read_to_string(folder.path().join("a.log")).unwrap();
        let odd = |letter: char| letter != '\n' && (letter.is_control() || "\u{2028}\u{202e}".contains(letter));
        prop_assert!(!raw.chars().any(odd));
        let written = read(&folder.path().join("a.log"));
        prop_assert_eq!(written.len(), texts.len());
        for (line, text) in written.iter().zip(&texts) {
            if text.len() <= 1_024 {
                prop_assert_eq!(line.get("agent").and_then(Value::as_str).unwrap_or_default(), text.as_str());
            }
            prop_assert_eq!(line["method"].as_str().unwrap(), "\u{1b}[2J\r\n\u{202e}\u{2028}\"\\");
        }
    }
}
