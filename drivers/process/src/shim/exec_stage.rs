//! The stage between shim and service: it ties itself to the shim, sets limits on itself, and becomes the service.
//!
//! Started by the shim with a socket as standard input: one byte comes in when the start is on record, and why it failed
//! goes out if it failed. Always holds: it has become the service when that socket closes without a word. It must never
//! outlive the shim.

use super::errno;
use crate::record::{Launch, Refusal, Stage};
use homeostat_vocabulary::Limits;
use rustix::process::{Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// How long after its first warning (SIGXCPU) a service over its processor time is killed.
const CPU_WARNING_SECONDS: u64 = 1;

/// Stands for a limit that is not set.
const UNLIMITED: &str = "-";

/// The arguments behind the verb: who the shim is, the limits, the working folder, the command.
pub fn arguments(launch: &Launch) -> Vec<String> {
    let limit = |value: Option<u64>| value.map_or_else(|| UNLIMITED.to_owned(), |value| value.to_string());
    let limits = &launch.limits;
    let mut arguments = vec![
        std::process::id().to_string(),
        limit(limits.memory_bytes),
        limit(limits.open_files),
        limit(limits.cpu_seconds),
        limit(limits.file_bytes),
        launch.working_folder.clone(),
    ];
    arguments.extend_from_slice(&launch.command);
    arguments
}

/// Becomes the service, or tells the shim why not.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // Kept aside, closed by exec: the service's own standard input is /dev/null.
    let gate = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3).map(UnixStream::from);
    let Ok(mut gate) = gate else { return ExitCode::FAILURE };
    let Err((stage, error)) = become_service(&mut gate, &mut arguments);
    let refusal = Refusal { stage, errno: errno(&error) };
    let told = serde_json::to_vec(&refusal).map_err(io::Error::from).and_then(|word| gate.write_all(&word));
    drop(told);
    ExitCode::FAILURE
}

fn become_service(
    gate: &mut UnixStream,
    arguments: &mut impl Iterator<Item = OsString>,
) -> Result<std::convert::Infallible, (Stage, io::Error)> {
    let at = |stage: Stage| move |error: io::Error| (stage, error);
    let mut next = || arguments.next().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput));
    let shim = next().map_err(at(Stage::Shim))?;
    let limits = read_limits(&mut next).map_err(at(Stage::Shim))?;
    let working_folder = next().map_err(at(Stage::Shim))?;
    let program = next().map_err(at(Stage::Shim))?;
    tie_to_shim(&shim).map_err(at(Stage::Shim))?;
    // Without the byte the shim is gone, and this process with it.
    gate.read_exact(&mut [0]).map_err(at(Stage::Shim))?;
    std::env::set_current_dir(&working_folder).map_err(at(Stage::WorkingFolder))?;
    set_limits(&limits).map_err(at(Stage::Limits))?;
    let error = Command::new(program).args(arguments).stdin(Stdio::null()).exec();
    Err((Stage::Program, error))
}

fn read_limits(next: &mut impl FnMut() -> io::Result<OsString>) -> io::Result<Limits> {
    let mut limit = || -> io::Result<Option<u64>> {
        let word = next()?;
        if word == UNLIMITED {
            return Ok(None);
        }
        word.to_str().and_then(|word| word.parse().ok()).map(Some).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    };
    Ok(Limits { memory_bytes: limit()?, open_files: limit()?, cpu_seconds: limit()?, file_bytes: limit()? })
}

/// Asks the kernel to kill this process, and the service it becomes, when the shim dies in whatever way.
fn tie_to_shim(shim: &OsString) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A shim that died before the request was made would never be noticed.
    let parent = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent.as_deref().map(OsString::from).as_ref() == Some(shim) {
        return Ok(());
    }
    Err(io::ErrorKind::BrokenPipe.into())
}

fn set_limits(limits: &Limits) -> io::Result<()> {
    let set = |resource, value: Option<u64>, extra: u64| match value {
        Some(value) => setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value.saturating_add(extra)) }),
        None => Ok(()),
    };
    set(Resource::Data, limits.memory_bytes, 0)?;
    set(Resource::Nofile, limits.open_files, 0)?;
    set(Resource::Cpu, limits.cpu_seconds, CPU_WARNING_SECONDS)?;
    set(Resource::Fsize, limits.file_bytes, 0)?;
    Ok(())
}
