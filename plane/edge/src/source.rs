//! Where keys come from, a file or a URL: the last good state, when to look again, and who asks for that.
//!
//! Shared by all routes that name the same place and kept over reloads of the settings. Requests read the state and may ask for another
//! look; only [`Guards::refresh`](crate::Guards::refresh) looks. Always holds: what cannot be read never takes the place of what could.

use crate::now::Now;
use homeostat_reactor::Moment;
use homeostat_vocabulary::Timestamp;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

/// How often a file is looked at: its date and size, not its content.
const FILE_LOOK: Duration = Duration::from_secs(2);
/// How often keys that are not known may cause a fetch. Tokens with made-up names of keys are cheap to make.
const SEEK_AGAIN_MS: u64 = 60_000;
/// The pauses after a fetch that failed: from one second, twice as long each time, up to a minute.
const FAILED_PAUSE_MIN: Duration = Duration::from_secs(1);
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A URL.
    Url(String),
}

/// What asking for another look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    OnItsWay,
    TooSoon,
}

/// Reads the bytes of a place; the error is a sentence for the operator and holds nothing of the content.
type Parse<T> = fn(&[u8]) -> Result<T, String>;

pub(crate) struct Source<T> {
    pub place: Place,
    bytes_max: usize,
    parse: Parse<T>,
    state: Mutex<State<T>>,
    /// Counts good states; a request that kept something of an older one notices.
    generation: AtomicU64,
    wanted: AtomicBool,
    /// When it was last looked at because a key was not known, on the wall in milliseconds.
    sought_ms: AtomicU64,
    wake: Arc<Notify>,
}

struct State<T> {
    good: Option<Arc<T>>,
    interval: Duration,
    due: Moment,
    failures: u32,
    stamp: Option<Stamp>,
}

/// By what a changed file is known.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    changed: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl<T> Source<T> {
    pub fn new(place: Place, bytes_max: usize, parse: Parse<T>, interval: Duration, wake: Arc<Notify>) -> Self {
        let interval = if matches!(place, Place::File(_)) { FILE_LOOK } else { interval };
        let state = State { good: None, interval, due: Moment::ZERO, failures: 0, stamp: None };
        Self {
            place,
            bytes_max,
            parse,
            state: Mutex::new(state),
            generation: AtomicU64::new(0),
            wanted: AtomicBool::new(false),
            sought_ms: AtomicU64::new(0),
            wake,
        }
    }

    /// Reads a file at once: settings that name a file which is no good are refused before they are in force. A URL is left for later.
    pub fn read_now(&self) -> Result<(), String> {
        let Place::File(path) = &self.place else { return Ok(()) };
        let (stamp, bytes) = read_file(path, self.bytes_max).map_err(|error| error.to_string())?;
        let good = (self.parse)(&bytes)?;
        self.accept(good, Some(stamp), Moment::ZERO);
        Ok(())
    }

    pub fn current(&self) -> Option<Arc<T>> {
        self.lock().good.clone()
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub fn set_interval(&self, interval: Duration) {
        if matches!(self.place, Place::Url(_)) {
            self.lock().interval = interval;
        }
    }

    pub fn due(&self) -> Moment {
        if self.wanted.load(Ordering::Acquire) { Moment::ZERO } else { self.lock().due }
    }

    /// Asks for another look because a key was not known; granted once a minute.
    pub fn seek_again(&self, wall: Timestamp) -> Sought {
        if self.wanted.load(Ordering::Acquire) {
            return Sought::OnItsWay;
        }
        let last = self.sought_ms.load(Ordering::Acquire);
        // A wall clock that was set back would else block this until it has caught up.
        let soon = wall.0 < last.saturating_add(SEEK_AGAIN_MS) && wall.0 >= last && last != 0;
        let taken = || self.sought_ms.compare_exchange(last, wall.0, Ordering::AcqRel, Ordering::Acquire).is_err();
        if soon || taken() {
            return Sought::TooSoon;
        }
        self.wanted.store(true, Ordering::Release);
        self.wake.notify_one();
        Sought::OnItsWay
    }

    /// Looks at a file: none when it has not changed since it was last read.
    pub fn look_at_file(&self, now: Now) -> Option<Result<(), String>> {
        let Place::File(path) = &self.place else { return None };
        self.wanted.store(false, Ordering::Release);
        let known = self.lock().stamp;
        if known.is_some() && fs::metadata(path).ok().map(|data| Stamp::of(&data)) == known {
            self.lock().due = now.at + FILE_LOOK;
            return None;
        }
        let read = read_file(path, self.bytes_max).map_err(|error| error.to_string());
        let outcome = read.and_then(|(stamp, bytes)| {
            let parsed = (self.parse)(&bytes);
            if parsed.is_err() {
                // The same bad bytes are not read, and told, again and again.
                self.lock().stamp = Some(stamp);
            }
            Ok((stamp, parsed?))
        });
        Some(outcome.map(|(stamp, good)| self.accept(good, Some(stamp), now.at)).inspect_err(|_| self.refuse(now.at)))
    }

    /// Takes what a fetch brought.
    pub fn take_fetched(&self, fetched: Result<impl AsRef<[u8]>, String>, now: Now) -> Result<(), String> {
        self.wanted.store(false, Ordering::Release);
        let parsed = fetched.and_then(|bytes| match bytes.as_ref() {
            bytes if bytes.len() > self.bytes_max => Err(format!("it has more than {} bytes", self.bytes_max)),
            bytes => (self.parse)(bytes),
        });
        parsed.map(|good| self.accept(good, None, now.at)).inspect_err(|_| self.refuse(now.at))
    }

    fn accept(&self, good: T, stamp: Option<Stamp>, at: Moment) {
        let mut state = self.lock();
        state.good = Some(Arc::new(good));
        state.stamp = stamp;
        state.failures = 0;
        state.due = at + state.interval;
        drop(state);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn refuse(&self, at: Moment) {
        let mut state = self.lock();
        let pause = FAILED_PAUSE_MIN.saturating_mul(1 << state.failures.min(6)).min(FAILED_PAUSE_MAX);
        state.failures = state.failures.saturating_add(1);
        state.due = at + pause.min(state.interval);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stamp {
    fn of(data: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { changed: data.modified().ok(), bytes: data.len(), inode: data.ino() }
    }
}

fn read_file(path: &std::path::Path, bytes_max: usize) -> io::Result<(Stamp, Vec<u8>)> {
    let file = File::open(path)?;
    // Of the open file, so that one which is replaced meanwhile is seen as changed the next time.
    let stamp = Stamp::of(&file.metadata()?);
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {bytes_max} bytes")));
    }
    Ok((stamp, bytes))
}
