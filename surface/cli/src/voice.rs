//! The engine's voice: what it says on standard error, said by a thread of its own.
//!
//! Used by the wiring, for the log and for the story that `up` tells. Always holds: a terminal that is stopped, a pipe that nobody reads or a
//! full disk holds up this thread and nobody else; what does not fit into the queue is dropped, and that is said afterwards.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Lines that wait to be said. At 200 bytes a line, 800 KiB at the most.
const LINES_MAX: usize = 4_096;

/// How long the last lines may take when the program ends.
const FAREWELL: Duration = Duration::from_millis(500);

/// Says lines; cheap to clone.
#[derive(Clone)]
pub struct Voice {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
    said: Arc<AtomicU64>,
    handed: Arc<AtomicU64>,
}

impl Voice {
    /// Starts the thread that speaks; it lives as long as the program.
    #[must_use]
    pub fn begin() -> Self {
        let (lines, heard) = sync_channel(LINES_MAX);
        let voice = Self { lines, dropped: Arc::default(), said: Arc::default(), handed: Arc::default() };
        let (dropped, said) = (Arc::clone(&voice.dropped), Arc::clone(&voice.said));
        std::thread::spawn(move || speak(&heard, &dropped, &said));
        voice
    }

    /// Says a line, or drops it when too many wait already.
    pub fn say(&self, line: &[u8]) {
        match self.lines.try_send(line.to_vec()) {
            Ok(()) => self.handed.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.dropped.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Waits until all is said, but not for long: nobody may be listening.
    pub fn finish(&self) {
        let deadline = Instant::now() + FAREWELL;
        while self.said.load(Ordering::Acquire) < self.handed.load(Ordering::Relaxed) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn speak(heard: &Receiver<Vec<u8>>, dropped: &AtomicU64, said: &AtomicU64) {
    /// After this much silence it is said that lines were dropped.
    const QUIET: Duration = Duration::from_millis(200);
    loop {
        match heard.recv_timeout(QUIET) {
            Ok(line) => {
                // A disk may be full, or a terminal gone: no reason for anything to fail.
                let _nobody_reads = io::stderr().write_all(&line);
                said.fetch_add(1, Ordering::Release);
            }
            Err(RecvTimeoutError::Timeout) => {
                let lost = dropped.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _nobody_reads = writeln!(io::stderr(), "({lost} lines were not said: nobody read fast enough)");
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// One line of the log in the making.
impl Write for Voice {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.say(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
