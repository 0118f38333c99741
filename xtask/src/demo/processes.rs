//! The processes that the demo started, found by the program they run: whatever runs a file of the demo's own folder is ours.
//!
//! Called to choose a victim, and at the end to prove that nothing is left. A signal goes only to a process whose program lies in
//! the folder, so nobody else's process can ever be hit.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

/// A process that runs a file of the demo's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub pid: i32,
    /// The file it runs.
    pub program: PathBuf,
    /// What it was called with, as one line.
    pub command: String,
    /// Whether it is stopped (`T`): there, but answering nobody.
    pub stopped: bool,
}

/// Every process that runs a file below the folder, in the order of their numbers.
pub fn running_below(folder: &Path) -> Vec<Running> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found: Vec<Running> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            look_at(pid, folder)
        })
        .collect();
    found.sort_by_key(|running| running.pid);
    found
}

/// Sends a signal, once the process has been seen again to be the same one.
pub fn signal(running: &Running, folder: &Path, signal: Signal) -> bool {
    let same = look_at(running.pid, folder).is_some_and(|now| now.program == running.program);
    let Some(pid) = Pid::from_raw(running.pid).filter(|_| same) else { return false };
    kill_process(pid, signal).is_ok()
}

fn look_at(pid: i32, folder: &Path) -> Option<Running> {
    let place = Path::new("/proc").join(pid.to_string());
    // A process whose file was removed meanwhile shows "path (deleted)"; the folder in front stays the same.
    let program = fs::read_link(place.join("exe")).ok()?;
    if !program.starts_with(folder) {
        return None;
    }
    let stat = fs::read_to_string(place.join("stat")).ok()?;
    // The name in brackets may hold spaces and brackets; the state follows the last one.
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    let arguments = fs::read(place.join("cmdline")).ok()?;
    let words: Vec<String> = arguments
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    Some(Running { pid, program, command: words.join(" "), stopped: state == 'T' })
}
