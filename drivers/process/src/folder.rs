//! Where the records of a life lie, and what they say about it.
//!
//! ```text
//! runs/SERVICE/INDEX/        one folder an instance
//!     shim.log               locked by the shim while it lives; what it has to say about itself
//!     shim.beside.log        the same, for a life that takes over from one that still runs
//!     ports.json             the ports allotted to the instance
//!     log/00000001.log       what the service has written, over all its lives
//!     RUN/order.json         what was ordered
//!     RUN/started.json       that it began
//!     RUN/exit.json          how it ended
//! ```
//!
//! Used by the driver's blocking parts. Always holds: only the latest lives are kept, and one that runs is never removed.

use crate::record::{self, Order};
use homeostat_vocabulary::{InstanceId, RunId};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub(crate) const ORDER: &str = "order.json";
pub(crate) const STARTED: &str = "started.json";
pub(crate) const EXIT: &str = "exit.json";
const SHIM_LOGS: [&str; 2] = ["shim.log", "shim.beside.log"];
const PORTS: &str = "ports.json";
const LOG: &str = "log";
const RUNS: &str = "runs";

/// Lives of an instance whose records are kept, the running one included.
const LIVES_KEPT: usize = 5;

/// The folder of one instance.
#[derive(Clone, Debug)]
pub struct InstanceFolder {
    /// Which instance.
    pub instance: InstanceId,
    path: PathBuf,
}

/// The folder of one life.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// The instance it is a life of.
    pub instance: InstanceFolder,
    /// Which life.
    pub run: RunId,
    /// Where it is.
    pub path: PathBuf,
}

impl InstanceFolder {
    /// The folder of `instance`, whether it exists or not.
    pub fn of(data_folder: &Path, instance: InstanceId) -> Self {
        let path = data_folder.join(RUNS).join(instance.service.as_str()).join(instance.index.to_string());
        Self { instance, path }
    }

    /// The folders of all instances that were ever started.
    pub fn all(data_folder: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for service in names(&data_folder.join(RUNS))? {
            for index in names(&data_folder.join(RUNS).join(&service))? {
                // Anything else in there is not ours.
                if let Ok(instance) = format!("{service}/{index}").parse::<InstanceId>() {
                    found.push(Self::of(data_folder, instance));
                }
            }
        }
        found.sort_by(|one, other| one.instance.cmp(&other.instance));
        Ok(found)
    }

    /// The folder of life `run`, whether it exists or not.
    pub fn run(&self, run: RunId) -> RunFolder {
        let path = self.path.join(run.as_str());
        RunFolder { instance: self.clone(), run, path }
    }

    /// Its lives, latest first.
    pub fn lives(&self) -> io::Result<Vec<(RunFolder, Order)>> {
        let mut lives = Vec::new();
        for name in names(&self.path)? {
            let Ok(run) = name.parse::<RunId>() else { continue };
            let folder = self.run(run);
            if let Some(order) = record::read::<Order>(&folder.path.join(ORDER))? {
                lives.push((folder, order));
            }
        }
        lives.sort_by_key(|(_, order)| std::cmp::Reverse(order.sequence));
        Ok(lives)
    }

    /// Removes the records of lives that are long over, of which `keep` is not one.
    pub fn prune(&self, keep: &RunId) -> io::Result<()> {
        for (folder, _) in self.lives()?.into_iter().skip(LIVES_KEPT) {
            // One that began and of whose end nothing is known may run still: a life that others failed to take over from.
            let may_run = folder.path.join(STARTED).exists() && !folder.path.join(EXIT).exists();
            if folder.run != *keep && !may_run {
                fs::remove_dir_all(&folder.path)?;
            }
        }
        Ok(())
    }

    /// Where the shim's lock is, which is also where it writes what it has to say about itself. The second is for a life that takes over
    /// from the one before: so many run at once, and no more.
    pub fn shim_logs(&self) -> [PathBuf; 2] {
        SHIM_LOGS.map(|name| self.path.join(name))
    }

    /// Where the instance's ports are remembered.
    pub fn ports(&self) -> PathBuf {
        self.path.join(PORTS)
    }

    /// Where the instance's log files are.
    pub fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }
}

impl RunFolder {
    /// Makes the folder, readable by nobody else.
    pub fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// Reads one of its records.
    pub fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        record::read(&self.path.join(name))
    }

    /// Writes one of its records.
    pub fn write(&self, name: &str, record: &impl serde::Serialize) -> io::Result<()> {
        record::write(&self.path.join(name), record)
    }

    /// Removes one of its records, if it is there.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// Where the log files of `instance` are.
pub(crate) fn log_folder(data_folder: &Path, instance: &InstanceId) -> PathBuf {
    InstanceFolder::of(data_folder, instance.clone()).log()
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    Ok(names)
}
