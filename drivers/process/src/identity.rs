//! Which process is meant: a pid alone says nothing, for the kernel hands numbers out again.
//!
//! Used by the shim to write down who it is, and by the driver before it watches, signals or kills. Always holds: nothing
//! is ever signalled whose pid, start time and boot have not been compared. It must never guess.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The variable that marks every process of a life with its run folder, which no other data folder on the host shares.
pub const MARK: &str = "HOMEOSTAT_RUN_FOLDER";

/// A process, told apart from every other one of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its number.
    pub pid: u32,
    /// When it began, in clock ticks since the boot (`/proc/PID/stat`, field 22).
    pub start_ticks: u64,
}

impl ProcessIdentity {
    /// The process that has the number `pid` now.
    pub fn of(pid: u32) -> Option<Self> {
        Stat::read(pid).map(|stat| Self { pid, start_ticks: stat.start_ticks })
    }

    /// Whether this very process exists and has not ended; a zombie has ended.
    pub fn is_alive(self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.start_ticks == self.start_ticks && !stat.is_over())
    }

    /// A descriptor that stays with this very process, or `None` when it is gone.
    pub fn open(self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Compared after opening: from here on the descriptor cannot come to mean another process.
            Ok(descriptor) => Ok(self.is_alive().then_some(descriptor)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Kills this very process; one that is gone already is a success.
    pub fn kill(self) -> io::Result<()> {
        let Some(descriptor) = self.open()? else { return Ok(()) };
        match pidfd_send_signal(&descriptor, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What `/proc/PID/stat` says that we need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `Z` and so on.
    pub state: u8,
    /// The number of its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// When it began, in clock ticks since the boot.
    pub start_ticks: u64,
}

impl Stat {
    /// Reads the state of process `pid`; `None` when there is none.
    pub fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The program's name stands in parentheses and may itself hold any byte, so the fields are counted from the last one.
    fn parse(text: &[u8]) -> Option<Self> {
        let behind_name = text.iter().rposition(|byte| *byte == b')')? + 1;
        let mut fields = std::str::from_utf8(&text[behind_name..]).ok()?.split_ascii_whitespace();
        Some(Self {
            state: *fields.next()?.as_bytes().first()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
            start_ticks: fields.nth(15)?.parse().ok()?,
        })
    }

    /// Whether it has ended and only waits to be reaped.
    pub fn is_over(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// Every process of the host.
pub fn every_pid() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether process `pid` was started within the life of `run_folder`, as its environment tells.
pub fn bears_mark(pid: u32, run_folder: &Path) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let bears = |variable: &[u8]| {
        let value = variable.strip_prefix(MARK.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        value == Some(run_folder.as_os_str().as_bytes())
    };
    environment.split(|byte| *byte == 0).any(bears)
}

/// What tells this boot from every other one: processes of another boot are all gone.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_does_not_shift_the_fields() {
        // A service that calls itself ") Z 1 (" could pass for dead, and be started a second time.
        let line = b"42 (a) Z 1 (b) S 7 8 9 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 123456 1000 10 more";
        let stat = Stat::parse(line).expect("a stat line");
        assert_eq!(stat, Stat { state: b'S', parent: 7, group: 8, session: 9, start_ticks: 123_456 });
    }

    #[test]
    fn the_same_number_with_another_start_time_is_another_process() {
        // A reused pid would be taken for the service, and killed.
        let me = ProcessIdentity::of(std::process::id()).expect("this process exists");
        let other = ProcessIdentity { start_ticks: me.start_ticks + 1, ..me };
        assert!(me.is_alive() && me.open().expect("a pidfd").is_some());
        assert!(!other.is_alive() && other.open().expect("no error").is_none());
    }
}
