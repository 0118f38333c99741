//! `up --detach` and `down`: beginning and ending an engine that is another process.
//!
//! `up` in the foreground belongs to the wiring, which gives it to [`crate::run`].

use crate::arguments::{Everywhere, Format};
use crate::client::Client;
use crate::error::{CliError, Exit, shown};
use crate::say;
use crate::screen::Screen;
use crate::setup::UpOrder;
use homeostat_api::routes::ShutdownBody;
use homeostat_story::{Message, plain};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a new engine may take until it answers.
const UP_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long an engine may take to end: it stops every service gracefully first, and a service may be given minutes.
const DOWN_WAIT_MAX: Duration = Duration::from_secs(600);

/// Time between two looks while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// As much of a dead engine's log is shown, in lines and in bytes.
const LAST_LINES: usize = 12;
const LAST_BYTES: u64 = 16 << 10;

/// Where an engine in the background logs.
#[must_use]
pub fn log_path(data_folder: &Path) -> PathBuf {
    data_folder.join("engine.log")
}

/// Starts an engine in the background and waits until it answers.
pub fn detach(order: &UpOrder, asked: &Everywhere, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let folder = &order.loaded.settings.data_folder;
    let client = Client::new(folder)?;
    if client.is_reachable() {
        screen.answer(&Message::new("up-already"))?;
        return Ok(Exit::Ok);
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| CliError::failed(say::making(shown(folder)), &error))?;
    let log_path = log_path(folder);
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&log_path);
    let log = log.map_err(|error| CliError::failed(say::writing(shown(&log_path)), &error))?;
    let log_begin = log.metadata().map_or(0, |metadata| metadata.len());
    let mut child = spawn(asked, order, &log, &log_path)?;
    let deadline = Instant::now() + UP_WAIT_MAX;
    while !client.is_reachable() {
        let ended = child.try_wait().map_err(|error| CliError::failed(say::watching_engine(), &error))?;
        if let Some(how) = ended {
            // It may have been killed by a signal, or lost the race against another engine; its log tells.
            return Err(CliError::EngineDied { how: how.to_string(), words: last_words(&log_path, log_begin) });
        }
        if Instant::now() > deadline {
            return Err(CliError::TookTooLong { what: say::start_of_engine(), seconds: UP_WAIT_MAX.as_secs() });
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let (pid, log) = (child.id(), log_path.display().to_string());
    match screen.format {
        Format::Json => screen.json(&json!({ "pid": pid, "log": log }))?,
        Format::Table => screen.answer(&Message::new("up-detached").text("pid", &pid).text("log", &log))?,
    }
    Ok(Exit::Ok)
}

/// This same program in the background. It makes its own session first of all, see [`leave_terminal`].
fn spawn(asked: &Everywhere, order: &UpOrder, log: &File, log_path: &Path) -> Result<Child, CliError> {
    let failed = |error: std::io::Error| CliError::failed(say::starting_engine(shown(log_path)), &error);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("up").arg(BACKGROUND_FLAG);
    if let Some(path) = &order.source.path {
        command.arg("--config").arg(path);
    }
    for setting in &asked.set {
        command.arg("--set").arg(setting);
    }
    let (out, err) = (log.try_clone().map_err(failed)?, log.try_clone().map_err(failed)?);
    command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().map_err(failed)
}

/// The hidden flag by which the background process knows that it is one.
const BACKGROUND_FLAG: &str = "--background";

/// Leaves the terminal's session, so that closing the terminal does not end the engine.
pub fn leave_terminal() -> Result<(), CliError> {
    let left = rustix::process::setsid();
    left.map(drop).map_err(|error| CliError::failed(say::leaving_terminal(), &error.into()))
}

/// The last lines that an engine wrote since `begin`.
fn last_words(log_path: &Path, begin: u64) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(log_path) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let from = begin.max(length.saturating_sub(LAST_BYTES));
        // A log that cannot be read says nothing; how the engine ended is told all the same.
        let _ = file.seek(SeekFrom::Start(from)).and_then(|_| file.take(LAST_BYTES).read_to_end(&mut bytes));
    }
    let text = anstream::adapter::strip_bytes(&bytes).into_vec();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    last.iter().map(|line| format!("  {}", plain(line))).collect::<Vec<_>>().join("\n")
}

/// Tells the engine to end and waits until it is gone.
pub fn down(client: &Client, keep_services: bool, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let engine = client.engine_pid()?;
    // Taken before the order is given: afterwards the number could belong to another process.
    let engine = engine.and_then(Pid::from_raw).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    client.post::<Value>("/v1/shutdown", &ShutdownBody { keep_services })?;
    let waiting = screen.say(&Message::new("down-waiting"));
    let begun = Instant::now();
    while !is_gone(client, engine.as_ref()) {
        if begun.elapsed() > DOWN_WAIT_MAX {
            return Err(CliError::TookTooLong { what: say::end_of_engine(), seconds: DOWN_WAIT_MAX.as_secs() });
        }
        screen.progress(&format!("{waiting} {} s", begun.elapsed().as_secs()));
    }
    screen.progress("");
    let kept = if keep_services { "yes" } else { "no" };
    screen.answer(&Message::new("down-done").text("kept", &kept))?;
    Ok(Exit::Ok)
}

/// Whether the engine's process is over, and with it its lock; waits a moment for it.
fn is_gone(client: &Client, engine: Option<&OwnedFd>) -> bool {
    let Some(engine) = engine else {
        // The kernel would not name the process, as across containers: a closed socket is the best that can be known.
        std::thread::sleep(LOOK_EVERY);
        return !client.is_reachable();
    };
    let moment = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK_EVERY.subsec_nanos()) };
    let mut watched = [PollFd::new(engine, PollFlags::IN)];
    matches!(poll(&mut watched, Some(&moment)), Ok(1..))
}
