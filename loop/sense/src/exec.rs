//! The exec probe: a command that must end with 0.
//!
//! Called by `probe`. The command gets a process group of its own, and the whole group is killed when the command ends, when
//! its time is up and when the check is forgotten; nothing it spawned outlives the probe, and nothing is left as a zombie. It
//! sees a bare environment: the engine's own may hold secrets that a health check has no business with.

use crate::probe::{Turn, TurnToken};
use homeostat_vocabulary::{Exit, ProbeFailure};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The variables a command inherits.
const INHERITED_VARIABLES: [&str; 8] = ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

/// What is run.
#[derive(Clone, Debug)]
pub struct ExecTarget {
    /// The program and its arguments, filled in.
    pub command: Vec<String>,
    /// The folder it runs in.
    pub working_folder: PathBuf,
}

impl ExecTarget {
    /// Runs the command once. Dropping the future kills what runs.
    pub async fn ask(&self, turn: &Turn) -> Result<(), ProbeFailure> {
        let token = turn.take()?;
        let target = self.clone();
        // Starting a program reads it from disk, which may take its time; a worker of the runtime must not wait for that.
        let started = tokio::task::spawn_blocking(move || target.start(token)).await;
        let mut group = match started {
            Ok(Ok(group)) => group,
            Ok(Err(error)) => return Err(ProbeFailure::other(&format!("{}: {error}", self.command[0]))),
            Err(error) => return Err(ProbeFailure::other(&error.to_string())),
        };
        match group.ended().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(ProbeFailure::CommandFailed { exit: exit(status) }),
            Err(error) => Err(ProbeFailure::other(&error.to_string())),
        }
    }

    fn start(&self, token: TurnToken) -> std::io::Result<Group> {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).current_dir(&self.working_folder).env_clear().process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for name in INHERITED_VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Ok(Group { child: Some((command.spawn()?, token)) })
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, Some(signal)) => Exit::Killed { signal },
        (None, None) => Exit::Unknown,
    }
}

/// A running command with all it spawned. The leader is reaped only after the group was killed: until then its number, which
/// is the group's number too, cannot be given to anybody else.
struct Group {
    child: Option<(Child, TurnToken)>,
}

impl Group {
    /// Waits for the leader's end, kills what it left behind, and reaps it.
    async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        let Some((child, _)) = &mut self.child else {
            return Err(std::io::Error::other("the command was reaped before"));
        };
        let pid = pid_of(child);
        let watched: OwnedFd = pidfd_open(pid, PidfdFlags::NONBLOCK)?;
        wait_readable(watched).await?;
        kill(pid);
        // The leader has ended, so this does not wait.
        let status = child.wait()?;
        self.child = None;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some((mut child, token)) = self.child.take() else { return };
        kill(pid_of(&child));
        let reap = move || {
            // A killed process ends at once, unless the kernel holds it in a wait: then this thread waits along, and the token
            // keeps the check from starting another.
            let _ = child.wait();
            drop(token);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(reap)),
            Err(_) => reap(),
        }
    }
}

/// A pidfd is readable once its process has ended.
#[expect(
    deprecated,
    reason = "the safe constructors are deprecated for types whose descriptor may change; an OwnedFd's does not"
)]
async fn wait_readable(watched: OwnedFd) -> std::io::Result<()> {
    AsyncFd::with_interest(watched, Interest::READABLE)?.readable().await.map(drop)
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn kill(group: Pid) {
    // An empty group is what we want, and the only other refusal is a child that gave itself to another user: beyond our reach.
    let _ = kill_process_group(group, Signal::KILL);
}
