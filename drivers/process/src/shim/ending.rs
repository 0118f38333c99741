//! How a service ends: by itself or asked to, gently and then hard, with every descendant.
//!
//! Used by the shim alone. Always holds: the service's first process is signalled only before it is reaped, and of its
//! descendants only direct children of the shim, so that no number can have passed to a stranger. As the shim is the
//! subreaper, grandchildren become its children when their parents die; killing children until there are none ends the tree.

use homeostat_vocabulary::{Exit, Stop, StopSignal};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpgid, kill_process, kill_process_group, wait,
    waitid,
};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// How long descendants that outlive the service's first process may take to end when nobody asked for a stop. Short: the
/// service is down already, and cannot be started again before they are gone.
const LEFTOVER_GRACE_MAX: Duration = Duration::from_secs(1);

/// How often what does not die is killed again: a process may fork faster than it is found.
const KILL_INTERVAL: Duration = Duration::from_millis(20);

/// The end of one service.
pub struct Ending {
    leader: Pid,
    stop: Stop,
    exit: Option<Exit>,
    /// When what is left is killed; `None` while nothing is ending.
    kill_at: Option<Instant>,
    /// Whether the service's process group was asked to end.
    group_is_asked: bool,
    /// Descendants that were asked to end after the leader had gone.
    asked: Vec<Pid>,
    descendants_ended: u32,
}

impl Ending {
    /// Of the service whose first process is `leader`, a child of this process.
    pub fn of(leader: u32, stop: Stop) -> io::Result<Self> {
        let leader = i32::try_from(leader).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            leader,
            stop,
            exit: None,
            kill_at: None,
            group_is_asked: false,
            asked: Vec::new(),
            descendants_ended: 0,
        })
    }

    /// Somebody wants the service to stop.
    pub fn ask(&mut self, now: Instant) {
        if self.kill_at.is_some() {
            return;
        }
        let grace = if self.stop.signal == StopSignal::Kill { Duration::ZERO } else { self.stop.grace.into() };
        self.kill_at = Some(now + grace);
        if self.exit.is_none() {
            self.ask_group(number(self.stop.signal));
        }
    }

    /// When something is to be done; `None` while the service just runs.
    pub fn due(&self) -> Option<Instant> {
        self.kill_at
    }

    /// Whether something is to be done now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.kill_at.is_some_and(|at| at <= now)
    }

    /// Reaps what has ended, does what is due, and tells whether nothing is left.
    pub fn is_over(&mut self, now: Instant) -> io::Result<bool> {
        if self.exit.is_none() && self.leader_has_ended()? {
            self.ask_group(Signal::TERM);
        }
        // Also while the service runs: daemons that it has started and that have ended are the shim's to reap.
        let none_left = self.reap()?;
        if self.exit.is_none() {
            if self.is_due(now) {
                self.kill(now);
            }
            return Ok(false);
        }
        if none_left {
            return Ok(true);
        }
        let grace: Duration = self.stop.grace.into();
        self.kill_at.get_or_insert(now + grace.min(LEFTOVER_GRACE_MAX));
        if self.is_due(now) {
            self.kill(now);
        } else {
            self.ask_leftovers();
        }
        Ok(false)
    }

    /// How the first process ended.
    pub fn exit(&self) -> Exit {
        self.exit.clone().unwrap_or(Exit::Unknown)
    }

    /// How many descendants outlived it.
    pub fn descendants_ended(&self) -> u32 {
        self.descendants_ended
    }

    fn leader_has_ended(&self) -> io::Result<bool> {
        // Left unreaped, so that its number, which is also its group's, still belongs to it.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.leader), options)?.is_some())
    }

    fn ask_group(&mut self, wanted: Signal) {
        if !self.group_is_asked {
            self.group_is_asked = true;
            signal_group(self.leader, wanted);
        }
    }

    /// Reaps every child that has ended; true when no child is left.
    fn reap(&mut self) -> io::Result<bool> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.leader && self.exit.is_none() => {
                    self.exit = Some(exit_of(status));
                }
                Ok(Some(_)) => self.descendants_ended += u32::from(self.exit.is_some()),
                Ok(None) => return Ok(false),
                Err(Errno::CHILD) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn ask_leftovers(&mut self) {
        for child in children() {
            if self.asked.contains(&child) {
                continue;
            }
            self.asked.push(child);
            // Members of the group were asked with it; a second signal makes some programs drop their work.
            if !self.group_is_asked || getpgid(Some(child)) != Ok(self.leader) {
                signal(child, Signal::TERM);
            }
        }
    }

    fn kill(&mut self, now: Instant) {
        self.kill_at = Some(now + KILL_INTERVAL);
        if self.exit.is_none() {
            signal_group(self.leader, Signal::KILL);
        }
        for child in children() {
            signal(child, Signal::KILL);
        }
    }
}

/// The direct children of this process.
fn children() -> Vec<Pid> {
    let own = std::process::id();
    let listed = fs::read_to_string(format!("/proc/self/task/{own}/children"));
    let pids: Vec<u32> = match listed {
        Ok(text) => text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect(),
        // A kernel without that file: look at every process.
        Err(_) => crate::identity::every_pid().filter(|pid| is_child(*pid, own)).collect(),
    };
    pids.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).collect()
}

fn is_child(pid: u32, parent: u32) -> bool {
    crate::identity::Stat::read(pid).is_some_and(|stat| stat.parent == parent)
}

/// Signals a group and wakes what is stopped in it: a stopped process takes no signal but SIGKILL. Errors can only mean
/// that nobody is left.
fn signal_group(group: Pid, signal: Signal) {
    let _nobody_left = kill_process_group(group, signal);
    let _nobody_left = kill_process_group(group, Signal::CONT);
}

fn signal(process: Pid, signal: Signal) {
    let _ended_already = kill_process(process, signal);
    let _ended_already = kill_process(process, Signal::CONT);
}

fn exit_of(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, Some(signal)) => Exit::Killed { signal },
        (None, None) => Exit::Unknown,
    }
}

const fn number(signal: StopSignal) -> Signal {
    match signal {
        StopSignal::Term => Signal::TERM,
        StopSignal::Int => Signal::INT,
        StopSignal::Quit => Signal::QUIT,
        StopSignal::Hup => Signal::HUP,
        StopSignal::Usr1 => Signal::USR1,
        StopSignal::Usr2 => Signal::USR2,
        StopSignal::Kill => Signal::KILL,
    }
}
