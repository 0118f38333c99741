//! A data folder with a driver, and whatever a test needs to see what it does.

use homeostat_act::{Driver, DriverError, Sighting, StartOrder};
use homeostat_driver_process::{LogBounds, Options, ProcessDriver, logs};
use homeostat_testkit::processes::{self, Guard};
use homeostat_testkit::{PATIENCE, wait_until};
use homeostat_vocabulary::{
    Autonomy, Exit, InstanceId, Limits, Millis, Objectives, RunId, Service, Signal, SignalKind, StartMode, Stop,
    StopSignal, Timestamp,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// The program that dispatches to the shim, as the real one does.
pub const TESTBED: &str = env!("CARGO_BIN_EXE_homeostat-process-testbed");

pub struct Bed {
    pub driver: ProcessDriver,
    pub signals: mpsc::Receiver<Signal>,
    // Dropped in this order: what still runs is ended before its folder goes.
    guard: Guard,
    pub folder: TempDir,
}

impl Bed {
    pub fn new() -> Self {
        Self::with_log_bounds(LogBounds::default())
    }

    pub fn with_log_bounds(log_bounds: LogBounds) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (driver, signals) = driver_of(&folder.path().join("data"), log_bounds);
        Self { driver, signals, guard: Guard::over(&folder.path().join("data")), folder }
    }

    /// The next engine: knows nothing but what is in the data folder.
    pub fn next_engine(&mut self) {
        (self.driver, self.signals) = driver_of(&self.data_folder(), LogBounds::default());
    }

    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn run_folder(&self, instance: &str, run: &str) -> PathBuf {
        self.data_folder().join("runs").join(instance).join(run)
    }

    pub async fn start(&self, id: &str, run_id: &str, service: &Service) -> Result<Sighting, DriverError> {
        let order = StartOrder { instance: instance(id), run: run(run_id), service: service.clone() };
        self.driver.start(order).await
    }

    pub async fn stop(&self, id: &str, run_id: &str) -> Result<Option<Exit>, DriverError> {
        self.driver.stop(instance(id), run(run_id)).await
    }

    pub async fn look(&self, id: &str, run_id: &str) -> Option<Sighting> {
        self.driver.look(instance(id), run(run_id)).await.unwrap()
    }

    /// The exit that is told next.
    pub async fn next_exit(&mut self) -> (InstanceId, RunId, Exit) {
        let signal = tokio::time::timeout(PATIENCE, self.signals.recv()).await.expect("an exit is told").unwrap();
        match signal.kind {
            SignalKind::Exited { exit, .. } => (signal.subject, signal.run, exit),
            other => panic!("a driver tells nothing but exits, and this was {other:?}"),
        }
    }

    /// What the service has written to its outputs so far.
    pub fn written(&self, id: &str) -> Vec<String> {
        let lines = logs::tail(&self.data_folder(), &instance(id), usize::MAX).unwrap();
        lines.into_iter().filter(|line| line.stream != logs::Stream::Shim).map(|line| line.text).collect()
    }

    /// Waits until the service has written `text` as a whole line.
    pub fn wait_for_line(&self, id: &str, text: &str) {
        wait_until(&format!("{id} writes {text:?}"), || self.written(id).iter().any(|line| line == text));
    }

    /// Every process of this bed's services, shims included.
    pub fn running(&self) -> Vec<u32> {
        processes::marked(&self.data_folder())
    }

    /// Waits until `count` processes run. For a moment, while one becomes the service, it has no environment to be known by.
    pub fn wait_for_running(&self, count: usize) {
        wait_until(&format!("{count} processes run"), || self.running().len() == count);
    }

    pub fn assert_nothing_left(&self) {
        self.guard.assert_nothing_left();
    }

    /// The shim of a life, from its record.
    pub fn shim_of(&self, id: &str, run_id: &str) -> u32 {
        let text = std::fs::read_to_string(self.run_folder(id, run_id).join("started.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        u32::try_from(record["shim"]["pid"].as_u64().unwrap()).unwrap()
    }
}

fn driver_of(data_folder: &Path, log_bounds: LogBounds) -> (ProcessDriver, mpsc::Receiver<Signal>) {
    let (sender, signals) = mpsc::channel(256);
    let mut options = Options::new(data_folder.to_owned(), sender, Arc::new(now));
    options.shim_program = TESTBED.into();
    options.log_bounds = log_bounds;
    (ProcessDriver::new(options).unwrap(), signals)
}

pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap())
}

pub fn instance(id: &str) -> InstanceId {
    id.parse().unwrap()
}

pub fn run(id: &str) -> RunId {
    id.parse().unwrap()
}

/// A service called `web` that runs a line of shell.
pub fn shell(line: &str) -> Service {
    command(&["/bin/sh", "-c", line])
}

/// A service called `web` that runs `words`.
pub fn command(words: &[&str]) -> Service {
    Service {
        name: "web".parse().unwrap(),
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        instances: 1,
        environment: BTreeMap::new(),
        working_folder: "/".to_owned(),
        ports: BTreeMap::new(),
        depends_on: Vec::new(),
        health: None,
        objectives: Objectives::default(),
        stop: Stop { signal: StopSignal::Term, grace: Millis(5_000) },
        limits: Limits::default(),
        autonomy: Autonomy::Auto,
        start: StartMode::AtOnce,
        takes_over: false,
        ends_first: false,
    }
}

/// A service that does nothing until it is stopped.
pub fn idle() -> Service {
    command(&["/bin/sleep", "3600"])
}
