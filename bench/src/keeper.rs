//! The keeper of a program that is measured: starts it, says when it listens, and ends it when the parent wants or is gone. So no proxy
//! outlives a benchmark that was interrupted.
//!
//! Used by the benchmarks of the gateway and of massive failure. The keeper is this program again; it must never be killed while its
//! own program runs, which [`Keeper`] sees to.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::massive::child::{Actor, say_done, say_ready, wait_for_end};

/// How long a program may take to start: several start at once.
const START_MAX: Duration = Duration::from_secs(30);
/// How long it may take to end before it is killed.
const END_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a keeper is told.
#[derive(Debug, Clone, clap::Args)]
pub struct KeeperArguments {
    /// Where the program listens when it is ready
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Where it may write what it has to say
    #[arg(long)]
    pub said: PathBuf,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

impl KeeperArguments {
    /// As a command line for this program.
    fn to_line(&self) -> Vec<String> {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let said = self.said.to_string_lossy();
        let own = ["keeper", "--ports", &ports.join(","), "--said", &said, "--"].map(str::to_owned);
        own.into_iter().chain(self.command.iter().cloned()).collect()
    }
}

/// What a keeper says when its program listens.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    pid: u32,
}

/// A keeper at work; dropped, its program ends, and then it does.
#[derive(Debug)]
pub struct Keeper {
    /// The first process of the program.
    pub pid: u32,
    /// There until it is dropped.
    actor: Option<Actor>,
}

impl Keeper {
    /// Has a program started, and waits until it listens.
    pub fn start(arguments: &KeeperArguments) -> Result<Self> {
        let (actor, kept): (_, Kept) = Actor::start(&arguments.to_line())?;
        Ok(Self { pid: kept.pid, actor: Some(actor) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // A keeper that is killed would leave its program behind: it is told to end, and ends that first.
        let _ = self.actor.take().map(Actor::end::<()>);
    }
}

/// Is the keeper of a program.
pub fn be_keeper(arguments: &KeeperArguments) -> Result<()> {
    let (program, rest) = arguments.command.split_first().context("clap asks for a program")?;
    let mut command = Command::new(program);
    command.args(rest);
    let mut program = Program::start(command, &arguments.said)?;
    let says = || std::fs::read_to_string(&arguments.said).unwrap_or_default();
    for port in &arguments.ports {
        program.wait_until_it_listens(*port).with_context(says)?;
    }
    say_ready(&Kept { pid: program.0.id() })?;
    wait_for_end();
    drop(program);
    say_done(&())
}

/// A running program; dropped, it is ended.
struct Program(Child);

impl Program {
    /// What it has to say goes to a file: HAProxy tells of every server that it takes for broken.
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

impl Drop for Program {
    fn drop(&mut self) {
        // Asked first: a master that is killed leaves its workers behind. Errors are a program that has ended.
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
