//! The shim's life: copies output into the log, reaps, passes a stop on, and writes down how it ended.
//!
//! One thread and one `poll`; nothing here waits for anything else. Always holds: memory stays the same however much the
//! service writes, and signals are looked at between any two portions of output.

use super::ending::Ending;
use super::log_writer::{Lines, LogWriter};
use crate::folder;
use crate::record::{self, Ended, Launch, Started};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, PipeReader, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Output is taken in portions of this size; the kernel's pipe holds twice as much.
const PORTION_BYTES: usize = 32 << 10;

/// How much output left in a pipe is still taken after the last process is gone; a pipe holds 64 KiB unless enlarged.
const REST_BYTES_MAX: usize = 1 << 20;

/// How long part of a line waits for its rest before it is written down as it is, so that a prompt can be read in the log.
const PART_PATIENCE: Duration = Duration::from_secs(1);

/// The signals the shim is woken by, each through a socket so that `poll` can wait for all at once.
pub struct Wakeups {
    child: UnixStream,
    stop: UnixStream,
}

impl Wakeups {
    /// Listens from now on. Hangups and interrupts are caught and left alone; caught, not ignored, because an ignored signal
    /// would stay ignored in the service.
    pub fn listen() -> io::Result<Self> {
        use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let socket = |signal: i32| -> io::Result<UnixStream> {
            let (ours, handlers) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal, handlers)?;
            Ok(ours)
        };
        for signal in [SIGHUP, SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
        Ok(Self { child: socket(SIGCHLD)?, stop: socket(SIGTERM)? })
    }
}

/// One of the service's two outputs.
struct Output {
    /// `None` once the service has closed it.
    pipe: Option<PipeReader>,
    lines: Lines,
}

/// What has happened since the last look.
#[derive(Default)]
struct Events {
    child: bool,
    stop: bool,
    outputs: [bool; 2],
}

/// Looks after the service until nothing of it is left, and records its exit.
pub fn until_gone(
    started: &Started,
    launch: Launch,
    wakeups: &Wakeups,
    pipes: [PipeReader; 2],
    log: &mut LogWriter,
) -> io::Result<()> {
    let (run, path) = (launch.run, launch.run_folder.join(folder::EXIT));
    // The environment with its secrets is needed no more.
    drop(launch.environment);
    let mut ending = Ending::of(started.service.pid, launch.stop)?;
    let [out, err] = pipes;
    let mut outputs =
        [Output { pipe: Some(out), lines: Lines::of("out") }, Output { pipe: Some(err), lines: Lines::of("err") }];
    let mut portion = vec![0; PORTION_BYTES];
    // A child may have ended before anybody listened: look once unasked.
    let mut events = Events { child: true, ..Events::default() };
    loop {
        if events.stop {
            drain(&wakeups.stop);
            ending.ask(Instant::now());
        }
        if events.child {
            drain(&wakeups.child);
        }
        if (events.child || ending.is_due(Instant::now())) && ending.is_over(Instant::now())? {
            break;
        }
        for (output, ready) in outputs.iter_mut().zip(events.outputs) {
            output.take(ready, &mut portion, log);
        }
        log.flush();
        events = wait(wakeups, &outputs, ending.due())?;
    }
    let ended = Ended {
        exit: ending.exit(),
        ended_at: super::now().max(started.since),
        descendants_ended: ending.descendants_ended(),
    };
    for output in &mut outputs {
        output.take_rest(&mut portion, log)?;
    }
    log.note(&format!("{run} ended: {}", ended.exit));
    log.flush();
    record::write(&path, &ended)
}

/// Sleeps until something happens or is due.
fn wait(wakeups: &Wakeups, outputs: &[Output; 2], due: Option<Instant>) -> io::Result<Events> {
    let mut descriptors = Vec::with_capacity(4);
    descriptors.push(PollFd::new(&wakeups.child, PollFlags::IN));
    descriptors.push(PollFd::new(&wakeups.stop, PollFlags::IN));
    descriptors.extend(outputs.iter().filter_map(|output| Some(PollFd::new(output.pipe.as_ref()?, PollFlags::IN))));
    let deadlines = outputs.iter().filter_map(|output| output.lines.waiting_since()).map(|since| since + PART_PATIENCE);
    let timeout = deadlines.chain(due).min().map(|at| at.saturating_duration_since(Instant::now()));
    let timeout = timeout.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
    match poll(&mut descriptors, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Events::default()),
        Err(error) => return Err(error.into()),
    }
    let mut ready = descriptors.iter().map(|descriptor| !descriptor.revents().is_empty());
    let mut next = || ready.next().unwrap_or(false);
    let (child, stop) = (next(), next());
    Ok(Events { child, stop, outputs: outputs.each_ref().map(|output| output.pipe.is_some() && next()) })
}

impl Output {
    /// Takes a portion if one is there, and part of a line that has waited long enough.
    fn take(&mut self, ready: bool, portion: &mut [u8], log: &mut LogWriter) {
        if ready && let Some(pipe) = &mut self.pipe {
            match pipe.read(portion) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.lines.feed(&portion[..length], log),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }
        if self.pipe.is_none() || self.lines.waiting_since().is_some_and(|since| since.elapsed() >= PART_PATIENCE) {
            self.lines.finish(log);
        }
    }

    /// Takes what the service left in the pipe. It may be held open by a process that is no descendant, so never waits.
    fn take_rest(&mut self, portion: &mut [u8], log: &mut LogWriter) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        for _ in 0..REST_BYTES_MAX / PORTION_BYTES {
            let Some(pipe) = &self.pipe else { break };
            if poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&now))? == 0 {
                break;
            }
            self.take(true, portion, log);
        }
        self.lines.finish(log);
        Ok(())
    }
}

fn drain(socket: &UnixStream) {
    let mut bytes = [0; 64];
    let mut socket = socket;
    // Not blocking: ends with "would block", or when fewer bytes came than asked for.
    while matches!(socket.read(&mut bytes), Ok(length) if length == bytes.len()) {}
}
