//! Ways to misbehave: what the command line and the paths of `serve` ask for. Nothing here happens unasked.

use crate::arguments::Arguments;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Set in a process that has made itself deaf to SIGTERM.
const DEAF: &str = "KIOSK_IS_DEAF";

/// Set in a daemon: which process has left it behind.
const LEFT_BY: &str = "KIOSK_LEFT_BY";

/// Set in the second process of a daemon.
const BEHIND: &str = "KIOSK_IS_BEHIND";

/// The faults asked for on the command line.
pub fn at_start(arguments: &Arguments) -> io::Result<()> {
    if arguments.ignore_term && std::env::var_os(DEAF).is_none() {
        return become_deaf();
    }
    if let Some(delay) = arguments.start_slowly {
        thread::sleep(delay);
    }
    if let Some(delay) = arguments.die_after {
        thread::spawn(move || {
            thread::sleep(delay);
            crash();
        });
    }
    Ok(())
}

/// Without unsafe code a program cannot ignore a signal, but it can be started by a shell that does.
fn become_deaf() -> io::Result<()> {
    let error = Command::new("/bin/sh")
        .args(["-c", "trap '' TERM; exec \"$@\"", "sh"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(DEAF, "yes")
        .exec();
    Err(error)
}

/// Ends as a program does that stumbles over a fault of its own: by SIGABRT.
#[expect(clippy::disallowed_methods, reason = "dying without a word is what this is for")]
pub fn crash() -> ! {
    std::process::abort()
}

/// Writes `lines` lines as fast as they are taken.
pub fn flood_log(lines: u64) {
    let mut out = io::stdout().lock();
    for line in 0..lines {
        // A log that nobody takes any more is no reason to fail.
        if writeln!(out, "flood {line}: the quick brown fox jumps over the lazy dog").is_err() {
            return;
        }
    }
}

/// Leaves a process behind whose parent is gone at once: a daemon.
pub fn leave_daemon() -> io::Result<()> {
    let parent = Command::new(std::env::current_exe()?)
        .arg("daemon")
        .env(LEFT_BY, std::process::id().to_string())
        .process_group(0)
        .stdin(Stdio::null())
        .status()?;
    if parent.success() { Ok(()) } else { Err(io::Error::other("the daemon did not start")) }
}

/// The first process of a daemon starts the second and ends.
pub fn be_daemon() -> io::Result<()> {
    if std::env::var_os(BEHIND).is_some() {
        return sleep_for_ever();
    }
    let mut second = Command::new(std::env::current_exe()?);
    second.arg("daemon").env(BEHIND, "yes").process_group(0).spawn().map(drop)
}

/// Lives on without doing anything.
pub fn sleep_for_ever<T>() -> T {
    loop {
        thread::sleep(Duration::from_secs(3_600));
    }
}
