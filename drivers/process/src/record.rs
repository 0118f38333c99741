//! The records of a life on disk, and the words between driver and shim.
//!
//! Written by the driver (`order.json`) and the shim (`started.json`, `exit.json`); read by whichever engine comes next. A
//! record is whole or not there at all. Secrets appear in none of them: only [`Launch`] holds them, and it goes through a
//! pipe. A later version must still read the records of an older one, whose shims may be running: add fields with
//! `#[serde(default)]`.

use crate::identity::ProcessIdentity;
use homeostat_vocabulary::{Exit, InstanceId, Limits, RunId, Service, Stop, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was ordered; written before anything is started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Counts the lives of the instance; the highest is the latest.
    pub sequence: u64,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// Which instance.
    pub instance: InstanceId,
    /// Which life.
    pub run: RunId,
    /// What it is to run.
    pub service: Service,
    /// The ports allotted to it.
    pub ports: BTreeMap<String, u16>,
}

/// That it was started; written before the program gets control, so a life without it never began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The boot it runs in.
    pub boot_id: String,
    /// The shim that looks after it.
    pub shim: ProcessIdentity,
    /// The service's first process.
    pub service: ProcessIdentity,
    /// The ports allotted to it.
    pub ports: BTreeMap<String, u16>,
    /// When it began.
    pub since: Timestamp,
    /// What it was started from, see `Service::fingerprint`.
    pub fingerprint: String,
}

/// How it ended; written when nothing of it is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How the service's first process ended.
    pub exit: Exit,
    /// When.
    pub ended_at: Timestamp,
    /// How many of its descendants outlived it and had to be ended.
    pub descendants_ended: u32,
}

/// What the driver hands to the shim through its standard input. Holds secrets: never written to disk, never printed.
#[derive(Serialize, Deserialize)]
pub struct Launch {
    /// Where the records go.
    pub run_folder: PathBuf,
    /// Where the log files go.
    pub log_folder: PathBuf,
    /// How much of a log is kept.
    pub log_bounds: LogBounds,
    /// The life's name, for the log.
    pub run: RunId,
    /// Program and arguments, placeholders filled.
    pub command: Vec<String>,
    /// The whole environment of the service.
    pub environment: BTreeMap<String, String>,
    /// Where it runs.
    pub working_folder: String,
    /// How it is stopped.
    pub stop: Stop,
    /// What it may use.
    pub limits: Limits,
    /// The ports allotted to it.
    pub ports: BTreeMap<String, u16>,
    /// What it is started from.
    pub fingerprint: String,
    /// The boot this is.
    pub boot_id: String,
}

/// How much of an instance's log is kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBounds {
    /// Size at which a new file is begun, in bytes.
    pub file_bytes_max: u64,
    /// Files kept, the one being written included.
    pub files_max: u32,
}

/// Enough for a day of a talkative service, and little enough that a hundred flooding ones cannot fill a small disk.
impl Default for LogBounds {
    fn default() -> Self {
        Self { file_bytes_max: 8 << 20, files_max: 4 }
    }
}

/// What the shim answers through its standard output, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The program has control.
    Began(Started),
    /// The program never got control, and nothing is left behind.
    Refused(Refusal),
}

/// At what the start failed, with the operating system's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was being done.
    pub stage: Stage,
    /// The number of the operating system's error.
    pub errno: i32,
}

/// The parts of a start that can fail for a reason of the service's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Setting up the shim: records, log, pipes, the first fork.
    Shim,
    /// Setting the limits.
    Limits,
    /// Entering the working folder.
    WorkingFolder,
    /// Running the program.
    Program,
}

/// Writes `record` so that a reader finds it whole or not at all.
///
/// Not synced to the disk: that would cost a start or an exit up to tens of milliseconds on a busy one, and bring nothing.
/// A crash of an engine or shim takes nothing back that was written; a crash of the machine ends every process, and what
/// the records then lack or hold half is told by the boot they name, the intent itself being durable in the journal. Only
/// an exit of the last seconds before a loss of power, seen by no engine, is then known as unknown.
pub fn write(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, serde_json::to_vec(record)?)?;
    fs::rename(&unfinished, path)
}

/// Reads a record; `None` when it is not there. One that cannot be understood counts as not there: short of a crash of the
/// machine renaming makes torn records impossible, and a service must not stay down for ever because of one.
pub fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
