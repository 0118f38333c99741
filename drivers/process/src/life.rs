//! What became of a life: told from its records, the lock and the processes themselves.
//!
//! Blocking; called by the driver on blocking threads. Always holds: a life counts as running only while the very shim that
//! recorded it runs, and as over only when nothing of it is left. It must never signal a process that is not known to be
//! part of the life.

use crate::folder::{EXIT, InstanceFolder, RunFolder, STARTED};
use crate::identity::{ProcessIdentity, Stat, bears_mark, boot_id, every_pid};
use crate::lock;
use crate::record::{Ended, Started};
use homeostat_act::Sighting;
use homeostat_vocabulary::{Exit, RunId, Timestamp};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a shim that an earlier engine has started may take until it writes down that the service began.
const STARTING_PATIENCE: Duration = Duration::from_secs(10);

/// How often such a shim is looked at meanwhile.
const STARTING_INTERVAL: Duration = Duration::from_millis(5);

/// How long what a killed shim has left may take to die once it is killed.
const SWEEP_PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked for meanwhile.
const SWEEP_INTERVAL: Duration = Duration::from_millis(10);

/// What became of a life.
#[derive(Debug)]
pub enum Life {
    /// It never began.
    Never,
    /// It runs.
    Runs(Started),
    /// It is over, and nothing of it is left.
    Over(Started, Ended),
}

impl Life {
    /// As the loop wants to know it; `None` when it never began.
    pub fn sighting(self, folder: &RunFolder, now: Timestamp) -> Option<Sighting> {
        let (started, ended) = match self {
            Self::Never => return None,
            Self::Runs(started) => (started, None),
            Self::Over(started, ended) => (started, Some(ended)),
        };
        // The shim reads the host's clock, which may have been set back or forth: never tell of a time to come.
        let since = started.since.min(now);
        Some(Sighting {
            instance: folder.instance.instance.clone(),
            run: folder.run.clone(),
            pid: started.service.pid,
            ports: started.ports,
            since,
            fingerprint: started.fingerprint,
            ended: ended.map(|ended| (ended.exit, ended.ended_at.clamp(since, now.max(since)))),
        })
    }
}

/// Looks what became of the life of `folder`. One whose shim is gone without a word is brought to its end.
pub fn look(folder: &RunFolder, now: Timestamp) -> io::Result<Life> {
    let deadline = Instant::now() + STARTING_PATIENCE;
    loop {
        // The lock is asked before the record: a shim that writes the record and dies in between is not missed.
        let [usual, beside] = folder.instance.shim_logs();
        let held = lock::is_held(&usual)? || lock::is_held(&beside)?;
        if let Some(started) = folder.read::<Started>(STARTED)? {
            return settle(folder, started, now);
        }
        // Somebody else's lock, or a shim that hangs: this life has not begun, and a start will be told that one still runs.
        if !held || another_runs(folder)? || Instant::now() >= deadline {
            return Ok(Life::Never);
        }
        std::thread::sleep(STARTING_INTERVAL);
    }
}

/// The lives of an instance that run, but for `besides`: none, or the one that another takes over from.
pub fn others_that_run(instance: &InstanceFolder, besides: &RunId) -> io::Result<Vec<(RunFolder, Started)>> {
    let mut found = Vec::new();
    for (folder, _) in instance.lives()?.into_iter().filter(|(folder, _)| folder.run != *besides) {
        if let Some(started) = folder.read::<Started>(STARTED)?
            && folder.read::<Ended>(EXIT)?.is_none()
            && runs(&folder, &started)?
        {
            found.push((folder, started));
        }
    }
    Ok(found)
}

/// Whether the lock is held on behalf of another life of the instance.
fn another_runs(folder: &RunFolder) -> io::Result<bool> {
    Ok(!others_that_run(&folder.instance, &folder.run)?.is_empty())
}

/// Whether the shim that wrote `started` runs. Its number, start time, boot and mark must all be right.
pub fn runs(folder: &RunFolder, started: &Started) -> io::Result<bool> {
    Ok(started.boot_id == boot_id()? && started.shim.is_alive() && bears_mark(started.shim.pid, &folder.path))
}

fn settle(folder: &RunFolder, started: Started, now: Timestamp) -> io::Result<Life> {
    if let Some(ended) = folder.read::<Ended>(EXIT)? {
        return Ok(Life::Over(started, ended));
    }
    if runs(folder, &started)? {
        return Ok(Life::Runs(started));
    }
    let ended = end_unseen(folder, &started, now)?;
    Ok(Life::Over(started, ended))
}

/// Brings lives of an instance to their end whose shims are gone without a word. To be called with a lock in hand: a shim
/// gives its lock back a moment before it counts as dead. `spared` are those that run, and that another one takes over from.
pub fn bury(instance: &InstanceFolder, spared: &[RunId], now: Timestamp) -> io::Result<()> {
    for (folder, _) in instance.lives()? {
        if let Some(started) = folder.read::<Started>(STARTED)?
            && !spared.contains(&folder.run)
        {
            end_unseen(&folder, &started, now)?;
        }
    }
    Ok(())
}

/// The end of a life whose shim is gone: as it has recorded it, or unknown, once nothing of it is left.
fn end_unseen(folder: &RunFolder, started: &Started, now: Timestamp) -> io::Result<Ended> {
    // Its last word may have come since somebody looked.
    if let Some(ended) = folder.read::<Ended>(EXIT)? {
        return Ok(ended);
    }
    let descendants_ended = if started.boot_id == boot_id()? { sweep(&folder.path, started)? } else { 0 };
    let ended = Ended { exit: Exit::Unknown, ended_at: now, descendants_ended };
    // It is over whether that can be written down or not: a full disk must not make it look as if it ran.
    if let Err(error) = folder.write(EXIT, &ended) {
        tracing::warn!(%error, "cannot record the end of {}", folder.run);
    }
    Ok(ended)
}

/// Kills what a dead shim has left, and waits until it is gone; tells how many there were. The kernel kills the service's
/// first process by itself; this is for its descendants.
fn sweep(run_folder: &Path, started: &Started) -> io::Result<u32> {
    let deadline = Instant::now() + SWEEP_PATIENCE;
    let mut killed = std::collections::BTreeSet::new();
    loop {
        let left: Vec<ProcessIdentity> = every_pid().filter_map(|pid| leftover(pid, run_folder, started)).collect();
        if left.is_empty() {
            killed.remove(&started.service.pid);
            return Ok(u32::try_from(killed.len()).unwrap_or(u32::MAX));
        }
        if Instant::now() >= deadline {
            let pids: Vec<String> = left.iter().map(|process| process.pid.to_string()).collect();
            let reason = format!("killed, and still there: {}", pids.join(", "));
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        for process in left {
            process.kill()?;
            killed.insert(process.pid);
        }
        std::thread::sleep(SWEEP_INTERVAL);
    }
}

/// The process `pid`, if it is part of the life whose shim was `started.shim`: it bears the mark of the life; or, for programs
/// that overwrite their environment, it is in the session of the shim and the group of the service. The kernel does not
/// give a number out again while a session or group bears it, so a stranger could be both only if both numbers came free,
/// were taken up together by another pair of leaders, and these died too: hence no living process may bear the shim's.
fn leftover(pid: u32, run_folder: &Path, started: &Started) -> Option<ProcessIdentity> {
    let stat = Stat::read(pid).filter(|stat| !stat.is_over())?;
    let ours = || {
        stat.session == started.shim.pid
            && stat.group == started.service.pid
            && stat.start_ticks >= started.service.start_ticks
            && Stat::read(started.shim.pid).is_none_or(|shim| shim.start_ticks == started.shim.start_ticks)
    };
    (bears_mark(pid, run_folder) || ours()).then_some(ProcessIdentity { pid, start_ticks: stat.start_ticks })
}
