//! The prober against real sockets and real processes.
//!
//! Nothing here asserts how fast something is: waits poll with a generous deadline, and counts have wide bounds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where and stop")]

mod exec;
mod http;
mod many;
mod server;
mod tcp;

use homeostat_sense::{Prober, Watch};
use homeostat_vocabulary::{HealthCheck, Millis, Probe, ProbeFailure, Signal, SignalKind, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a test waits for what should come soon.
const PATIENCE: Duration = Duration::from_secs(30);

/// A prober and what it reports.
struct Bench {
    prober: Prober,
    signals: mpsc::Receiver<Signal>,
}

impl Bench {
    fn new() -> Self {
        Self::with_queue(1024)
    }

    fn with_queue(length: usize) -> Self {
        let (sender, signals) = mpsc::channel(length);
        Self { prober: Prober::new(sender, Arc::new(|| Timestamp(7)), 42), signals }
    }

    fn watch(&mut self, instance: &str, port: u16, probe: Probe, interval_ms: u64, timeout_ms: u64) {
        self.prober.watch(Watch {
            instance: instance.parse().unwrap(),
            run: format!("run-{}", instance.replace('/', "-")).parse().unwrap(),
            ports: BTreeMap::from([("port".to_owned(), port)]),
            check: HealthCheck {
                probe,
                interval: Millis(interval_ms),
                timeout: Millis(timeout_ms),
                failures: 3,
                successes: 1,
                start_grace: Millis(0),
            },
            working_folder: std::env::temp_dir(),
        });
    }

    async fn next(&mut self) -> Signal {
        tokio::time::timeout(PATIENCE, self.signals.recv()).await.unwrap().unwrap()
    }

    /// The next result: `None` is a pass.
    async fn verdict(&mut self) -> Option<ProbeFailure> {
        match self.next().await.kind {
            SignalKind::ProbePassed { .. } => None,
            SignalKind::ProbeFailed { failure } => Some(failure),
            other => panic!("no probe says {other:?}"),
        }
    }
}

fn http(path: &str) -> Probe {
    Probe::Http { url: format!("http://127.0.0.1:{{port}}{path}") }
}

fn tcp() -> Probe {
    Probe::Tcp { address: "127.0.0.1:{port}".to_owned() }
}

fn shell(script: &str) -> Probe {
    Probe::Exec { command: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()] }
}

/// Waits until `holds` or fails the test.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
