//! The keeper of a subject: starts its program, says when it listens, and ends it when the parent wants or is gone. So no proxy outlives
//! a benchmark that was interrupted.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::massive::child::{say_done, say_ready, wait_for_end};

/// How long a subject may take to start.
const START_MAX: Duration = Duration::from_secs(30);
/// How long it may take to end before it is killed.
const END_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a keeper is told.
#[derive(Debug, Clone, clap::Args)]
pub struct KeeperArguments {
    /// Where the subject listens when it is ready
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Where it may write what it has to say
    #[arg(long)]
    pub said: PathBuf,
    /// Its program and arguments
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

/// What a keeper says when its subject listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The first process of the subject.
    pub pid: u32,
}

/// Keeps a subject.
pub fn be_keeper(arguments: &KeeperArguments) -> Result<()> {
    let (program, rest) = arguments.command.split_first().context("clap asks for a program")?;
    let mut command = Command::new(program);
    command.args(rest);
    let mut subject = Subject::start(command, &arguments.said)?;
    let says = || std::fs::read_to_string(&arguments.said).unwrap_or_default();
    for port in &arguments.ports {
        subject.wait_until_it_listens(*port).with_context(says)?;
    }
    say_ready(&Kept { pid: subject.0.id() })?;
    wait_for_end();
    drop(subject);
    say_done(&())
}

/// A running subject; dropped, it is ended.
struct Subject(Child);

impl Subject {
    fn start(mut command: Command, said: &Path) -> Result<Self> {
        let out = File::create(said)?;
        let spawned = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn();
        Ok(Self(spawned.with_context(|| format!("starting {:?}", command.get_program()))?))
    }

    fn wait_until_it_listens(&mut self, port: u16) -> Result<()> {
        let until = Instant::now() + START_MAX;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = self.0.try_wait()? {
                bail!("it ended at once: {status}");
            }
            if Instant::now() > until {
                bail!("it did not listen within {START_MAX:?}");
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Asked first: a master that is killed leaves its workers behind. Errors are a subject that has ended.
        let _ = Pid::from_raw(self.0.id().cast_signed()).map(|pid| kill_process(pid, Signal::TERM));
        let until = Instant::now() + END_MAX;
        while Instant::now() < until {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
