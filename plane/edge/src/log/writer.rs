//! The thread that writes the log, and the buffer between it and the requests.
//!
//! Always holds: a request waits for nothing but the moment in which another one copies its line; the buffer never grows beyond
//! [`BUFFER_BYTES_MAX`]; a line is written whole or not at all by us.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// About five thousand lines: what comes in while a disk is busy for a moment.
const BUFFER_BYTES_MAX: usize = 2 << 20;
/// From here on the thread is woken before its time.
const WAKE_BYTES: usize = 64 << 10;
/// How long a line waits at most until it is written.
const PAUSE: Duration = Duration::from_millis(100);
/// How long after a failure the file is left alone.
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// Log files hold addresses of people: the owner alone reads them.
const MODE: u32 = 0o600;

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFile {
    /// Standard output.
    StandardOutput,
    /// A file, appended to.
    Path(PathBuf),
}

/// How many lines were written and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that were written.
    pub written: u64,
    /// Lines that found the buffer full.
    pub dropped: u64,
    /// Lines that could not be written.
    pub failed: u64,
}

pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    ended: Condvar,
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

#[derive(Default)]
struct State {
    buffer: Vec<u8>,
    lines: u64,
    reopen: bool,
    closing: bool,
    ended: bool,
}

impl Shared {
    pub fn start(file: LogFile) -> io::Result<Arc<Self>> {
        let output = Output::open(&file)?;
        let shared = Arc::new(Self {
            state: Mutex::new(State { buffer: Vec::with_capacity(WAKE_BYTES), ..State::default() }),
            changed: Condvar::new(),
            ended: Condvar::new(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let writer = Writer { shared: shared.clone(), file, output: Some(output), failed_at: None };
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || writer.run())?;
        Ok(shared)
    }

    pub fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        if state.buffer.len() >= BUFFER_BYTES_MAX || state.closing {
            drop(state);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let before = state.buffer.len();
        write(&mut state.buffer);
        state.lines += 1;
        // Told once when the mark is passed, and not for each line after it.
        let wake = before < WAKE_BYTES && state.buffer.len() >= WAKE_BYTES;
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    pub fn reopen(&self) {
        self.lock().reopen = true;
        self.changed.notify_one();
    }

    pub fn counts(&self) -> Counts {
        Counts {
            written: self.written.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    pub fn close(&self, wait_max: Duration) -> bool {
        let mut state = self.lock();
        state.closing = true;
        self.changed.notify_one();
        if wait_max.is_zero() {
            return state.ended;
        }
        let waited = self.ended.wait_timeout_while(state, wait_max, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// A panic while a line was written leaves half a line behind, not a broken buffer.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Output {
    Standard(io::Stdout),
    File(File),
}

impl Output {
    fn open(file: &LogFile) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        Ok(match file {
            LogFile::StandardOutput => Self::Standard(io::stdout()),
            LogFile::Path(path) => Self::File(OpenOptions::new().create(true).append(true).mode(MODE).open(path)?),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Standard(output) => {
                let mut output = output.lock();
                output.write_all(bytes)?;
                output.flush()
            }
            Self::File(file) => file.write_all(bytes),
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    file: LogFile,
    output: Option<Output>,
    failed_at: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        let mut spare = Vec::with_capacity(WAKE_BYTES);
        loop {
            let (lines, reopen, closing) = self.collect(&mut spare);
            if reopen {
                // The lines in hand came before the file was turned over or after it: either file may hold them.
                self.output = Output::open(&self.file).ok();
                self.failed_at = self.output.is_none().then(Instant::now);
            }
            if lines > 0 {
                let counter = if self.write(&spare) { &self.shared.written } else { &self.shared.failed };
                counter.fetch_add(lines, Ordering::Relaxed);
            }
            // A flood is not remembered in memory.
            spare.clear();
            spare.shrink_to(WAKE_BYTES * 4);
            if closing && lines == 0 {
                break;
            }
        }
        self.shared.lock().ended = true;
        self.shared.ended.notify_all();
    }

    /// Waits for lines and takes them, leaving an empty buffer behind.
    fn collect(&self, spare: &mut Vec<u8>) -> (u64, bool, bool) {
        let state = self.shared.lock();
        let idle = |state: &mut State| state.buffer.len() < WAKE_BYTES && !state.closing && !state.reopen;
        let waited = self.shared.changed.wait_timeout_while(state, PAUSE, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut state.buffer, spare);
        (std::mem::take(&mut state.lines), std::mem::take(&mut state.reopen), state.closing)
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.output.is_none() {
            if self.failed_at.is_some_and(|failed| failed.elapsed() < FAILED_PAUSE) {
                return false;
            }
            self.output = Output::open(&self.file).ok();
        }
        let done = self.output.as_mut().is_some_and(|output| output.write(bytes).is_ok());
        if !done {
            self.output = None;
            self.failed_at = Some(Instant::now());
        }
        done
    }
}
