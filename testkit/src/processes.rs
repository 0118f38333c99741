//! What `/proc` says: who runs, whose child it is, what it uses; and the guard that ends what a test has started.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The variable by which every process of a service tells the run folder it belongs to, below a data folder.
pub const MARK: &str = "HOMEOSTAT_RUN_FOLDER";

/// Clock ticks a second, as `/proc` counts them on Linux.
const TICKS_A_SECOND: u64 = 100;

/// Every process that runs now.
pub fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether process `pid` runs; a zombie does not.
#[must_use]
pub fn runs(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Its state: `R`, `S`, `T` for stopped, `Z` for ended and not reaped.
#[must_use]
pub fn state(pid: u32) -> Option<char> {
    stat_fields(pid)?.first()?.chars().next()
}

/// The parent of process `pid`.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    stat_fields(pid)?.get(1)?.parse().ok()
}

/// The children of process `pid`, their children, and so on.
#[must_use]
pub fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = all().filter_map(|child| Some((child, parent(child)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let above = found[next];
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(child, _)| *child));
        next += 1;
    }
    found.split_off(1)
}

/// The processes of services, shims included, whose data folder is `data_folder`.
#[must_use]
pub fn marked(data_folder: &Path) -> Vec<u32> {
    let Ok(data_folder) = data_folder.canonicalize() else { return Vec::new() };
    all().filter(|pid| runs(*pid) && bears_mark(*pid, &data_folder)).collect()
}

fn bears_mark(pid: u32, data_folder: &Path) -> bool {
    variable(pid, MARK).is_some_and(|folder| Path::new(&folder).starts_with(data_folder))
}

/// What the variable `name` was when process `pid` began.
#[must_use]
pub fn variable(pid: u32, name: &str) -> Option<OsString> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(OsStr::from_bytes(value).to_owned())
}

/// When process `pid` began, in clock ticks since the boot: together with its number it is told apart from every other one.
#[must_use]
pub fn began(pid: u32) -> Option<u64> {
    stat_fields(pid)?.get(19)?.parse().ok()
}

/// What is at the beginning of process `pid`'s command line, for messages.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").chars().take(200).collect()
}

/// Memory of process `pid` that is in use, in KiB, each page it shares counted in full.
#[must_use]
pub fn resident_kib(pid: u32) -> Option<u64> {
    memory_figure(pid, "Rss:")
}

/// Memory of process `pid` that is in use, in KiB, each page it shares with others counted in part.
#[must_use]
pub fn proportional_kib(pid: u32) -> Option<u64> {
    memory_figure(pid, "Pss:")
}

/// Memory of process `pid` that it has made for itself, in KiB: without the pages of the program, which the system keeps once for all and
/// of which a larger program has more.
#[must_use]
pub fn own_kib(pid: u32) -> Option<u64> {
    memory_figure(pid, "Anonymous:")
}

fn memory_figure(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Processor time that process `pid` has used, and the children it has reaped.
#[must_use]
pub fn processor_time(pid: u32) -> Option<Duration> {
    let fields = stat_fields(pid)?;
    // utime, stime, cutime, cstime: fields 14 to 17 of the line, of which the first two are cut off.
    let ticks: u64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND))
}

/// The fields behind the program's name, which may itself hold blanks and parentheses.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

/// Sends `signal` to process `pid`. True when it was there.
pub fn signal(pid: u32, signal: Signal) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    pidfd_open(pid, PidfdFlags::empty()).and_then(|process| pidfd_send_signal(process, signal)).is_ok()
}

/// Ends what still runs for a data folder when the test is over, whether it passed or not.
#[derive(Debug)]
pub struct Guard {
    data_folder: PathBuf,
}

impl Guard {
    /// Over the services whose data folder is `data_folder`.
    #[must_use]
    pub fn over(data_folder: &Path) -> Self {
        Self { data_folder: data_folder.to_owned() }
    }

    /// Fails the test if anything of a service still runs: to be called where all should have been stopped.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let left: Vec<String> =
            marked(&self.data_folder).into_iter().map(|pid| format!("{pid} {}", command_line(pid))).collect();
        assert!(left.is_empty(), "left running: {left:#?}");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut killed = BTreeSet::new();
        // Killing a shim ends its service; others may fork while they are looked for.
        for _ in 0..100 {
            let left = marked(&self.data_folder);
            if left.is_empty() {
                return;
            }
            for pid in left {
                signal(pid, Signal::KILL);
                killed.insert(pid);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        eprintln!("these do not end, not even killed: {killed:?}");
    }
}
