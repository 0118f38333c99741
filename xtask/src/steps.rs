//! Steps with a name, a time and an end: how a chore tells what it does.
//!
//! Everything goes to standard output, what the programs say included, so that the closing line is the last one wherever the
//! output is kept. Programs get no standard input; colours only when ours is a terminal and NO_COLOR is not set.

use std::io::{BufRead as _, BufReader, IsTerminal as _, PipeReader, Write as _, pipe, stdout};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::summary::Count;

/// How long a program's last words may take after its end: a process that it left behind can hold the pipe open for ever.
const LAST_WORDS_S_MAX: u64 = 5;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Whether it did what it should.
    pub passed: bool,
    /// The tests that it ran, when it ran any.
    pub tests: Option<Count>,
}

impl End {
    /// What it adds to the closing line: its tests; else itself, as one. A step that failed counts at least one failure, even
    /// when its tests all passed or were never reached.
    pub fn count(self) -> Count {
        let mut count = self.tests.unwrap_or(Count { passed: u64::from(self.passed), failed: 0 });
        if !self.passed {
            count.failed = count.failed.max(1);
        }
        count
    }
}

/// Whether to colour.
pub fn wants_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && stdout().is_terminal()
}

/// Announces a step, runs it and tells its end and its time.
pub fn run(name: &str, step: impl FnOnce() -> Result<End>) -> End {
    println!("{} {name}", paint("==>", Paint::Strong));
    let begun = Instant::now();
    let end = step().unwrap_or_else(|error| {
        println!("{error:#}");
        End { passed: false, tests: None }
    });
    let time_s = begun.elapsed().as_secs_f64();
    let word = if end.passed { paint("ok", Paint::Good) } else { paint("FAILED", Paint::Bad) };
    println!("    {name}: {word} in {time_s:.1} s");
    end
}

/// Runs a program, passes on what it says line by line, and counts the tests that its closing lines tell of.
pub fn tell(command: &mut Command) -> Result<End> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().context("cannot share the pipe")?).stderr(writer);
    command.env("CARGO_TERM_COLOR", if wants_colour() { "always" } else { "never" });
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    // The command keeps the writing ends; while it does, the reader would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let counted = Arc::new(Mutex::new(None));
    let (done, finished) = mpsc::sync_channel(1);
    let counter = Arc::clone(&counted);
    thread::spawn(move || {
        pass_on(reader, &counter);
        // Nobody waits any more when the grace is over.
        let _ = done.send(());
    });
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    // Over the grace or not: what has been counted by then is what there is.
    let _ = finished.recv_timeout(Duration::from_secs(LAST_WORDS_S_MAX));
    let tests = *counted.lock().expect("the reader never panics while it counts");
    Ok(End { passed: status.success(), tests })
}

fn pass_on(reader: PipeReader, counted: &Mutex<Option<Count>>) {
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let mut out = stdout().lock();
        // A closed standard output is no reason to stop the checks: the exit code still tells.
        let _ = out.write_all(&line).and_then(|()| out.flush());
        if let Some(more) = Count::in_line(&String::from_utf8_lossy(&line)) {
            *counted.lock().expect("nobody panics while holding the count").get_or_insert_default() += more;
        }
        line.clear();
    }
}

#[derive(Clone, Copy)]
enum Paint {
    Strong,
    Good,
    Bad,
}

fn paint(text: &str, paint: Paint) -> String {
    if !wants_colour() {
        return text.to_owned();
    }
    let code = match paint {
        Paint::Strong => "1",
        Paint::Good => "32",
        Paint::Bad => "1;31",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
