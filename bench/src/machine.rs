//! The machine a figure was taken on: without it the figure says nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The lock file of this build: the only honest source for the version of a peer that is a library.
const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// What was measured on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// Memory in all.
    pub memory_mib: u64,
    /// Kernel name and release.
    pub kernel: String,
    /// The file system the data was written to.
    pub data_filesystem: String,
    /// How busy the machine was just before, over one minute.
    pub load_before: f64,
    /// What was compared, by name.
    pub versions: BTreeMap<String, String>,
}

impl Machine {
    /// Describes this machine, with `versions` of what will be compared.
    pub fn describe(data: &Path, versions: BTreeMap<String, String>) -> Self {
        let name = rustix::system::uname();
        Self {
            cpu: line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: line_of("/proc/meminfo", "MemTotal").and_then(|text| first_number(&text)).unwrap_or(0) / 1024,
            kernel: format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()),
            data_filesystem: filesystem_of(data),
            load_before: load(),
            versions,
        }
    }
}

/// The version of a library in this build.
pub fn library_version(name: &str) -> String {
    let header = format!("name = \"{name}\"\nversion = \"");
    let after = LOCK_FILE.split_once(&header).map_or("unknown\"", |(_, after)| after);
    after.split('"').next().unwrap_or("unknown").to_owned()
}

/// The processor time this process has used so far, all its threads together.
pub fn process_cpu() -> Duration {
    cpu_of(ClockId::ProcessCPUTime)
}

/// The processor time this thread has used so far.
pub fn thread_cpu() -> Duration {
    cpu_of(ClockId::ThreadCPUTime)
}

fn cpu_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn line_of(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// The type of the mount with the longest matching path.
fn filesystem_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(mount, _)| path.starts_with(mount))
        .max_by_key(|(mount, _)| mount.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}
