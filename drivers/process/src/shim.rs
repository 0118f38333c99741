//! The shim: one small process for each running instance, which outlives the engine and knows how the service ended.
//!
//! The `homeostat` program calls [`dispatch`] before anything else, so that a shim touches as little memory as it can: one
//! thread, no async runtime. Always holds: the service lives no longer than its shim (the kernel sees to that), and no
//! process of the service outlives a recorded exit. The shim must never decide whether to start again; it only tells.
//!
//! Two stages, because between fork and exec only unsafe code could run: the shim starts the same program again as
//! `shim-exec` (`shim/exec_stage.rs`), which sets limits on itself and then becomes the service.

mod ending;
mod exec_stage;
mod log_writer;
mod supervise;

use crate::record::{self, Launch, Refusal, Report, Stage, Started};
use crate::{folder, identity};
use homeostat_vocabulary::Timestamp;
use log_writer::LogWriter;
use std::io::{self, PipeReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;
use supervise::Wakeups;

/// The hidden verb that makes the program a shim.
pub const SHIM_VERB: &str = "shim";

/// The hidden verb of the stage that becomes the service.
const EXEC_VERB: &str = "shim-exec";

/// This very program, even when the file it came from was replaced meanwhile.
pub(crate) const THIS_PROGRAM: &str = "/proc/self/exe";

/// What the shim's processes are called in `ps`.
pub(crate) const PROGRAM_NAME: &str = "homeostat";

/// If this process was started as a shim, is one until it ends, and tells the exit code; otherwise does nothing.
#[must_use]
pub fn dispatch() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next()?;
    if verb == SHIM_VERB {
        return Some(run());
    }
    (verb == EXEC_VERB).then(|| exec_stage::run(arguments))
}

fn run() -> ExitCode {
    // What goes wrong here goes to standard error, which the driver has made a file.
    match begin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shim {}: {error}", std::process::id());
            ExitCode::FAILURE
        }
    }
}

fn begin() -> io::Result<()> {
    rustix::thread::set_name(c"homeostat-shim")?;
    // Its own session: Ctrl-C or a hangup in the engine's terminal is not meant for the services.
    rustix::process::setsid()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let wakeups = Wakeups::listen()?;
    let mut words = Vec::new();
    io::stdin().read_to_end(&mut words)?;
    // An engine that died in the middle of its order leaves half of one, which is no JSON: nothing is started.
    let launch: Launch = serde_json::from_slice(&words)?;
    drop(words);
    std::env::set_current_dir(&launch.run_folder)?;
    match spawn(&launch) {
        Ok(service) => {
            let mut log = service.log;
            log.note(&format!("{} began as process {}", launch.run, service.started.service.pid));
            report(&Report::Began(service.started.clone()))?;
            supervise::until_gone(&service.started, launch, &wakeups, service.pipes, &mut log)
        }
        Err(refusal) => report(&Report::Refused(refusal)),
    }
}

/// A service that has control.
struct Service {
    started: Started,
    pipes: [PipeReader; 2],
    log: LogWriter,
}

fn spawn(launch: &Launch) -> Result<Service, Refusal> {
    let at_shim = |error: io::Error| Refusal { stage: Stage::Shim, errno: errno(&error) };
    let log = LogWriter::open(&launch.log_folder, launch.log_bounds).map_err(at_shim)?;
    let (out, out_end) = io::pipe().map_err(at_shim)?;
    let (err, err_end) = io::pipe().map_err(at_shim)?;
    let (mut gate, gate_end) = UnixStream::pair().map_err(at_shim)?;
    // Spawned with its own program's arguments, so a too long command fails here and is the program's fault.
    let pid = exec_command(launch, gate_end, out_end, err_end)
        .spawn()
        .map_err(|error| Refusal { stage: Stage::Program, errno: errno(&error) })?
        .id();
    let started = started(launch, pid).map_err(at_shim)?;
    record::write(&launch.run_folder.join(folder::STARTED), &started).map_err(at_shim)?;
    // A refusal leaves the record behind: the driver takes it back once it has heard. If there is none to hear, the next
    // one finds a life that began and whose end nobody saw, which is all that can be said then.
    pass_gate(&mut gate).map_or_else(|| Ok(Service { started, pipes: [out, err], log }), Err)
}

fn exec_command(launch: &Launch, gate: UnixStream, out: io::PipeWriter, err: io::PipeWriter) -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    command
        .arg0(PROGRAM_NAME)
        .arg(EXEC_VERB)
        .args(exec_stage::arguments(launch))
        .env_clear()
        .envs(&launch.environment)
        .stdin(Stdio::from(OwnedFd::from(gate)))
        .stdout(Stdio::from(out))
        .stderr(Stdio::from(err))
        .process_group(0);
    command
}

fn started(launch: &Launch, pid: u32) -> io::Result<Started> {
    let gone = || io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error());
    Ok(Started {
        boot_id: launch.boot_id.clone(),
        shim: identity::ProcessIdentity::of(std::process::id()).ok_or_else(gone)?,
        service: identity::ProcessIdentity::of(pid).ok_or_else(gone)?,
        ports: launch.ports.clone(),
        since: now(),
        fingerprint: launch.fingerprint.clone(),
    })
}

/// Lets the waiting exec stage go on, and waits until it has become the service (the gate closes without a word) or says
/// why it could not.
fn pass_gate(gate: &mut UnixStream) -> Option<Refusal> {
    let mut word = Vec::new();
    let asked = gate.write_all(&[1]).and_then(|()| gate.shutdown(Shutdown::Write));
    if let Err(error) = asked.and_then(|()| gate.read_to_end(&mut word).map(drop)) {
        return Some(Refusal { stage: Stage::Shim, errno: errno(&error) });
    }
    serde_json::from_slice(&word).ok()
}

/// Tells the engine how it went, in one line. The engine may have died meanwhile: then the records tell the next one.
fn report(report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    let mut out = io::stdout();
    if let Err(error) = out.write_all(&line).and_then(|()| out.flush()) {
        eprintln!("shim {}: nobody took the report: {error}", std::process::id());
    }
    Ok(())
}

/// The operating system's number of `error`; for what never reached it, such as a zero byte in an argument, EINVAL.
fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(rustix::io::Errno::INVAL.raw_os_error())
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
