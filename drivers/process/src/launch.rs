//! Begins a life: records the order, starts the shim, hands it what it needs, and hears how it went.
//!
//! Blocking; called by the driver on blocking threads, one start of an instance at a time. Always holds: the order is
//! on record before anything is started, and when this fails nothing of the life is left.

use crate::error::ProcessError;
use crate::folder::{ORDER, RunFolder, STARTED};
use crate::identity::{MARK, boot_id};
use crate::placeholder::Placeholders;
use crate::ports::{PORTS, PortBook};
use crate::record::{Launch, LogBounds, Order, Report, Started};
use crate::shim::{PROGRAM_NAME, SHIM_VERB};
use crate::{environment, life, lock};
use homeostat_act::StartOrder;
use homeostat_vocabulary::{RunId, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a shim may take to tell how it went; a host that is short of everything needs seconds for what takes
/// milliseconds. Beyond that it is killed, and what it may have started with it.
const REPORT_PATIENCE: Duration = Duration::from_secs(10);

/// A report is one line, shorter than this.
const REPORT_BYTES_MAX: usize = 64 << 10;

/// What a pipe that is ready takes at least (PIPE_BUF).
const PIPE_PORTION_BYTES: usize = 4096;

/// How much of the shim's last words is told.
const LAST_WORDS_BYTES_MAX: usize = 300;

/// What all starts of a driver share.
pub struct Starter<'a> {
    /// The program that becomes the shim.
    pub shim_program: &'a Path,
    /// Who has which port.
    pub ports: &'a PortBook,
    /// How much of a log is kept.
    pub log_bounds: LogBounds,
    /// The time of the order.
    pub now: Timestamp,
}

impl Starter<'_> {
    /// Begins the life of `folder`, which never began before. The child is the shim, to be reaped by the caller.
    pub fn start(&self, folder: &RunFolder, order: StartOrder) -> Result<(Started, Child), ProcessError> {
        let instance = &folder.instance.instance;
        let records = |error| ProcessError::of_records(instance, error);
        folder.make().map_err(records)?;
        let (lock, before) = locked(folder, order.service.takes_over)
            .map_err(records)?
            .ok_or_else(|| ProcessError::StillRuns { instance: instance.clone(), run: folder.run.clone() })?;
        // With the lock in hand, no other shim of the instance lives: what one that was killed has left must not hold the ports.
        life::bury(&folder.instance, &before, self.now).map_err(|error| ProcessError::of_records(instance, error))?;
        let ports = self.ports.allot(&folder.instance, &order.service.ports).map_err(records)?;
        let ports = ports.ok_or_else(|| ProcessError::NoPortFree {
            instance: instance.clone(),
            first: *PORTS.start(),
            last: *PORTS.end(),
        })?;
        let launch = self.launch(folder, &order, ports)?;
        let sequence = 1 + folder.instance.lives().map_err(records)?.first().map_or(0, |(_, order)| order.sequence);
        let order = Order {
            sequence,
            ordered_at: self.now,
            instance: order.instance,
            run: order.run,
            service: order.service,
            ports: launch.ports.clone(),
        };
        folder.write(ORDER, &order).map_err(records)?;
        let begun = self.spawn(folder, lock, &launch)?;
        if let Err(error) = folder.instance.prune(&folder.run) {
            tracing::warn!(%error, "cannot remove the records of old lives of {instance}");
        }
        Ok(begun)
    }

    fn launch(
        &self,
        folder: &RunFolder,
        order: &StartOrder,
        ports: BTreeMap<String, u16>,
    ) -> Result<Launch, ProcessError> {
        let instance = &folder.instance.instance;
        let service = &order.service;
        let placeholders = Placeholders { instance, run: &folder.run, ports: &ports };
        let command: Result<Vec<String>, _> = service.command.iter().map(|word| placeholders.fill(word)).collect();
        let unknown = |port| ProcessError::UnknownPort { instance: instance.clone(), port };
        Ok(Launch {
            run_folder: folder.path.clone(),
            log_folder: folder.instance.log(),
            log_bounds: self.log_bounds,
            run: folder.run.clone(),
            command: command.map_err(|missing| unknown(missing.0))?,
            environment: environment::of(service, &placeholders, &folder.path)?,
            working_folder: service.working_folder.clone(),
            stop: service.stop.clone(),
            limits: service.limits.clone(),
            fingerprint: service.fingerprint(),
            boot_id: boot_id().map_err(|error| ProcessError::of_records(instance, error))?,
            ports,
        })
    }

    fn spawn(&self, folder: &RunFolder, lock: File, launch: &Launch) -> Result<(Started, Child), ProcessError> {
        let instance = &folder.instance.instance;
        let broken = |reason: String| ProcessError::Shim { instance: instance.clone(), reason };
        let mut command = Command::new(self.shim_program);
        command
            .arg0(PROGRAM_NAME)
            .args([SHIM_VERB, &instance.to_string()])
            .arg(&folder.path)
            .env_clear()
            .env(MARK, &folder.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(lock));
        let mut shim = command.spawn().map_err(|error| broken(error.to_string()))?;
        // Only the shim holds the lock from here on.
        drop(command);
        let report = hand_over(&mut shim, launch);
        if !matches!(report, Ok(Report::Began(_))) {
            // It has ended or does not get on: make sure that it has ended. The kernel ends the service with it.
            let ended = shim.kill().and_then(|()| shim.wait());
            ended.map_err(|error| broken(error.to_string()))?;
        }
        match report {
            Ok(Report::Began(started)) => Ok((started, shim)),
            Ok(Report::Refused(refusal)) => {
                // The program never had control: as if nothing had been, the same order can be given again.
                folder.forget(STARTED).map_err(|error| broken(error.to_string()))?;
                let program = launch.command.first().map_or("", String::as_str);
                Err(ProcessError::refused(refusal, instance.clone(), program, &launch.working_folder))
            }
            Err(error) => Err(broken(format!("{error}; its last words: {:?}", last_words(folder)))),
        }
    }
}

/// A lock for a life, and the lives that run and are taken over from; nothing while another life runs that is not to be taken over from.
fn locked(folder: &RunFolder, takes_over: bool) -> io::Result<Option<(File, Vec<RunId>)>> {
    let [usual, beside] = folder.instance.shim_logs();
    if !takes_over {
        // The second lock is there only where a life took over once.
        let alone = !beside.exists() || lock::take(&beside)?.is_some();
        let lock = if alone { lock::take(&usual)? } else { None };
        return Ok(lock.map(|lock| (lock, Vec::new())));
    }
    let running = life::others_that_run(&folder.instance, &folder.run)?;
    let before: Vec<RunId> = running.into_iter().map(|(life, _)| life.run).collect();
    if before.len() > 1 {
        return Ok(None);
    }
    // A life that runs holds one of the two: whichever is free is the new one's.
    let wanted = if !before.is_empty() && lock::is_held(&usual)? { beside } else { usual };
    Ok(lock::take(&wanted)?.map(|lock| (lock, before)))
}

/// Gives the shim its launch and waits for its report.
fn hand_over(shim: &mut Child, launch: &Launch) -> io::Result<Report> {
    let words = serde_json::to_vec(launch)?;
    let mut input = shim.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut output = shim.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let deadline = Instant::now() + REPORT_PATIENCE;
    // A pipe that is ready takes a portion without waiting, so a shim that stands still cannot hold this thread.
    for portion in words.chunks(PIPE_PORTION_BYTES) {
        wait_for(&PollFd::new(&input, PollFlags::OUT), deadline)?;
        input.write_all(portion)?;
    }
    // Closing it is what tells the shim that it has all.
    drop(input);
    let mut report = Vec::new();
    let mut portion = [0; PIPE_PORTION_BYTES];
    while !report.ends_with(b"\n") && report.len() <= REPORT_BYTES_MAX {
        wait_for(&PollFd::new(&output, PollFlags::IN), deadline)?;
        match output.read(&mut portion)? {
            0 => break,
            length => report.extend_from_slice(&portion[..length]),
        }
    }
    serde_json::from_slice(&report)
        .map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, "it ended without a report"))
}

fn wait_for(descriptor: &PollFd<'_>, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [descriptor.clone()], Some(&left)) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "it stood still")),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn last_words(folder: &RunFolder) -> String {
    let text: Vec<u8> =
        folder.instance.shim_logs().into_iter().flat_map(|log| fs::read(log).unwrap_or_default()).collect();
    let from = text.len().saturating_sub(LAST_WORDS_BYTES_MAX);
    String::from_utf8_lossy(&text[from..]).trim().to_owned()
}
