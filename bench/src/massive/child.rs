//! A process that takes part in a run: backends, a subject, or a proxy under our care. This program is all of them.
//!
//! The protocol is the same for all: the child writes `ready {json}`, is told `go` with the time of the start, works until its input
//! ends, writes `done {json}` and goes. So nothing outlives the parent: when that is gone, the input ends too.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reactor::child::{cpu_of_tree, peak_mib_of_tree};

/// How long a child may take to say something; a proxy that starts on a busy machine needs a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of a child that wait to be read: it writes two.
const LINES_MAX: usize = 16;
/// From telling the children to the start of the run: so long takes the slowest to hear it.
pub const START_AFTER: Duration = Duration::from_millis(300);

/// The start of a run, the same instant in all its processes. They share a machine, so they share its clock.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    unix_us: u64,
    instant: Instant,
}

impl Start {
    /// Shortly after now.
    pub fn soon() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { unix_us: (now + START_AFTER).as_micros() as u64, instant: Instant::now() + START_AFTER }
    }

    fn of_unix_us(unix_us: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = Duration::from_micros(unix_us).saturating_sub(now);
        Self { unix_us, instant: Instant::now() + until }
    }

    /// The time since the start; zero before it.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.instant)
    }

    /// Microseconds since the start.
    pub fn elapsed_us(&self) -> u64 {
        self.elapsed().as_micros() as u64
    }

    /// This long after the start.
    pub fn at(&self, elapsed: Duration) -> Instant {
        self.instant + elapsed
    }
}

/// A running child; dropped, it is killed.
#[derive(Debug)]
pub struct Actor {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Actor {
    /// This program with these arguments; and what it said when it was ready.
    pub fn start<T: DeserializeOwned>(arguments: &[String]) -> Result<(Self, T)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {arguments:?}"))?;
        let output = child.stdout.take().context("the child's output is piped")?;
        let input = child.stdin.take();
        let (tell, lines) = sync_channel(LINES_MAX);
        // Ends with the child's output.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let actor = Self { child, input, lines };
        let ready = actor.hear("ready").with_context(|| format!("{arguments:?}"))?;
        Ok((actor, ready))
    }

    fn hear<T: DeserializeOwned>(&self, word: &str) -> Result<T> {
        let Ok(line) = self.lines.recv_timeout(PATIENCE) else { bail!("the child never said `{word}`") };
        let rest = line.strip_prefix(word).with_context(|| format!("`{line}` instead of `{word}`"))?;
        serde_json::from_str(rest).with_context(|| format!("`{rest}` is not what a child says"))
    }

    /// Tells it when the run starts.
    pub fn go(&mut self, start: &Start) -> Result<()> {
        let input = self.input.as_mut().context("the child's input is piped")?;
        writeln!(input, "go {}", start.unix_us).context("the child is gone")
    }

    /// The processor time that it and its own children have used so far.
    pub fn cpu(&self) -> Duration {
        cpu_of_tree(self.child.id())
    }

    /// The most memory that it and its own children had in use.
    pub fn peak_mib(&self) -> f64 {
        peak_mib_of_tree(self.child.id())
    }

    /// Ends it and hears what it has to say.
    pub fn end<T: DeserializeOwned>(mut self) -> Result<T> {
        self.input = None;
        self.hear("done")
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // Both fail when it has ended, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side: says that it is ready.
pub fn say_ready(what: &impl Serialize) -> Result<()> {
    say("ready", what)
}

/// The child's side: waits for the start. Blocks.
pub fn wait_for_start() -> Result<Start> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let unix_us = line.trim().strip_prefix("go ").context("the parent says `go` and when")?;
    Ok(Start::of_unix_us(unix_us.parse().context("the start is a time in microseconds")?))
}

/// The child's side: waits until the parent has heard enough, or is gone. Blocks.
pub fn wait_for_end() {
    // An input that cannot be read is at its end.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// The child's side: says what came out.
pub fn say_done(what: &impl Serialize) -> Result<()> {
    say("done", what)
}

fn say(word: &str, what: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(what)?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{word} {text}")?;
    output.flush().context("the parent is gone")
}
