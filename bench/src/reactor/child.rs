//! A subject in a process of its own, so that its processor time and memory are its own.
//!
//! The protocol is the same for our programs and the peers': the child warms up, writes `ready`, waits for a line, works,
//! writes `done {json}` and waits for the end of its input. In between, the parent reads what the child's processes have
//! used from `/proc`: nobody's own word is taken for that. A child that takes too long is killed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use homeostat_testkit::processes;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

use super::events::Tally;

/// How long any child may take; the slowest peer needs less than half of it for the most events.
const PATIENCE: Duration = Duration::from_secs(600);
/// Lines of a child that wait to be read: it writes two.
const LINES_MAX: usize = 16;

/// What a child says at its end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub wall_ns: u64,
    pub checksum: u64,
    pub results: u64,
    /// What else was measured, by name.
    pub figures: BTreeMap<String, f64>,
}

/// What was measured of a child.
#[derive(Debug)]
pub struct Measured {
    pub outcome: Outcome,
    pub cpu: Duration,
    pub peak_mib: f64,
}

/// The processors that a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cores {
    One,
    Two,
}

impl Cores {
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// The processors that this thread may use.
pub fn processors() -> Result<Vec<usize>> {
    let set = sched_getaffinity(None).context("asking for the processors we may use")?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// Keeps this thread, and what it starts from now on, on these processors.
pub fn stay_on(processors: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    processors.iter().for_each(|cpu| set.set(*cpu));
    sched_setaffinity(None, &set).context("choosing processors")
}

/// Runs `command` on so many processors and measures it from `ready` to `done`.
pub fn measure(mut command: Command, cores: Cores) -> Result<Measured> {
    let all = processors()?;
    // The last ones: interrupts are mostly served by the first.
    let chosen = all.len().checked_sub(cores.count()).context("this machine has too few processors")?;
    stay_on(&all[chosen..])?;
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    stay_on(&all)?;
    let mut subject = Subject::adopt(spawned.with_context(|| format!("starting {:?}", command.get_program()))?)?;
    subject.hear("ready")?;
    let before = cpu_of_tree(subject.child.id());
    subject.tell_to_go()?;
    let line = subject.hear("done")?;
    let pid = subject.child.id();
    let cpu = cpu_of_tree(pid).saturating_sub(before);
    let peak_mib = peak_mib_of_tree(pid);
    ensure!(!cpu.is_zero(), "the kernel does not tell what a process has used: there is no schedstat");
    let outcome = serde_json::from_str(&line).with_context(|| format!("`{line}` is not what a subject says"))?;
    subject.end()?;
    Ok(Measured { outcome, cpu, peak_mib })
}

impl Measured {
    /// Refuses a wrong answer: it would make every other figure worthless.
    pub fn check(&self, expected: Tally) -> Result<()> {
        let given = Tally { checksum: self.outcome.checksum, results: self.outcome.results };
        ensure!(given == expected, "a wrong answer: {given:?} instead of {expected:?}");
        Ok(())
    }
}

/// A running child; dropped, it is killed.
struct Subject {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Subject {
    fn adopt(mut child: Child) -> Result<Self> {
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
        Ok(Self { child, input, lines })
    }

    /// What stands behind `word` in the next line.
    fn hear(&self, word: &str) -> Result<String> {
        let Ok(line) = self.lines.recv_timeout(PATIENCE) else { bail!("the subject never said `{word}`") };
        let rest = line.strip_prefix(word).with_context(|| format!("`{line}` instead of `{word}`"))?;
        Ok(rest.trim().to_owned())
    }

    fn tell_to_go(&mut self) -> Result<()> {
        let input = self.input.as_mut().context("the child's input is piped")?;
        input.write_all(b"go\n").context("the subject is gone")
    }

    fn end(mut self) -> Result<()> {
        self.input = None;
        let status = self.child.wait()?;
        ensure!(status.success(), "the subject ended badly: {status}");
        Ok(())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Both fail when it has ended, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process and all that come from it.
pub fn tree(pid: u32) -> impl Iterator<Item = u32> {
    std::iter::once(pid).chain(processes::descendants(pid))
}

/// The processor time of all threads that live now, to the nanosecond. A subject's threads live as long as it does.
pub fn cpu_of_tree(pid: u32) -> Duration {
    tree(pid).map(|pid| cpu_of_process(pid).unwrap_or_default()).sum()
}

fn cpu_of_process(pid: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(nanoseconds.sum()))
}

/// The most memory that each process had in use at any time, together.
pub fn peak_mib_of_tree(pid: u32) -> f64 {
    tree(pid).filter_map(peak_kib).sum::<u64>() as f64 / 1024.0
}

/// The most memory that the process had in use at any time.
fn peak_kib(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The child's side: warms up, waits for the word, works, and says what came out.
pub fn perform(warm_up: impl FnOnce() -> Result<()>, work: impl FnOnce() -> Result<(Tally, Figures)>) -> Result<()> {
    warm_up()?;
    say("ready")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let began = Instant::now();
    let (tally, figures) = work()?;
    let wall_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let outcome = Outcome { wall_ns, checksum: tally.checksum, results: tally.results, figures };
    say(&format!("done {}", serde_json::to_string(&outcome)?))?;
    // Until the parent has read what it wants, or is gone.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Named figures beside the answer.
pub type Figures = BTreeMap<String, f64>;

fn say(line: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush().context("the parent is gone")
}
