//! The handle: opens a journal, hands commits to its writer, and answers how it is.
//!
//! Callers clone it freely. All writing goes through the one writer thread behind a bounded queue; a full queue makes
//! callers wait instead of growing. A journal that contradicts its head file is never opened for writing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::backup::{self, BackedUp};
use crate::error::StoreError;
use crate::group::Position;
use crate::head::{self, HeadFile, HeadReading};
use crate::lock::FolderLock;
use crate::options::{Options, Retention};
use crate::reader::Reader;
use crate::record::{Commit, Committed};
use crate::retention::Pruned;
use crate::schema::{self, Meta};
use crate::source::JournalSource;
use crate::writer::{self, Answer, Parts, Request, Shared};

/// How often `close` looks for room in a full queue.
const CLOSE_PAUSE: Duration = Duration::from_millis(1);

/// Whether the journal still takes commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    /// It does.
    Writable,
    /// It does not, until the process ends: a write or sync has failed.
    ReadOnly {
        /// What failed.
        reason: String,
    },
}

/// An open journal. Cheap to clone; when the last handle goes, what is queued is still made durable and the journal
/// is closed.
#[derive(Debug, Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// Only `Drop` takes it.
    sender: Option<mpsc::Sender<Request>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in `folder`, creating both when they are not there, and locks the folder for this process.
    ///
    /// Only the end of the journal is checked, against itself and against the head file, so that opening is fast
    /// whatever the size; [`Reader::verify`] checks all of it.
    pub fn open(folder: &Path, options: Options) -> Result<Self, StoreError> {
        create_folder(folder).map_err(|error| StoreError::open(folder, error))?;
        let lock = FolderLock::take(folder)?;
        let reading = head::read(folder).map_err(|error| StoreError::open(folder, error))?;
        let connection = schema::open_for_writing(folder)?;
        let (meta, position) = load(folder, &connection, reading)?;
        let head = HeadFile::create(folder, &position.head()).map_err(|error| StoreError::open(folder, error))?;
        schema::sync_folder(folder).map_err(|error| StoreError::open(folder, error))?;

        let (sender, queue) = mpsc::channel(options.queue_commits_max.max(1));
        let shared = Arc::new(Shared { failure: OnceLock::new(), durable: watch::Sender::new(position.seq) });
        let parts = Parts {
            folder: folder.to_owned(),
            connection,
            queue,
            shared: Arc::clone(&shared),
            head,
            position,
            base_seq: meta.base_seq,
            options,
            lock,
        };
        let thread = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || writer::run(parts))
            .map_err(|error| StoreError::open(folder, error))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { inner: Arc::new(Inner { folder: folder.to_owned(), sender: Some(sender), shared, thread }) })
    }

    /// Makes a commit durable, all of it or nothing, and returns once it is on disk.
    ///
    /// Waits while the queue is full. A caller that stops waiting (drops the future) may or may not have committed.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.ask(|answer| {
            commit.check()?;
            Ok(Request::Commit { commit, answer })
        })
        .await
    }

    /// [`Journal::commit`] for threads outside an async runtime.
    pub fn commit_blocking(&self, commit: Commit) -> Result<Committed, StoreError> {
        commit.check()?;
        self.ask_blocking(|answer| Request::Commit { commit, answer })
    }

    /// The last durable record, as a value that can be watched: a consumer wakes when there is more to read.
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.inner.shared.durable.subscribe()
    }

    /// Whether commits are still taken.
    pub fn health(&self) -> StoreHealth {
        match self.inner.shared.failure.get() {
            Some(reason) => StoreHealth::ReadOnly { reason: reason.clone() },
            None => StoreHealth::Writable,
        }
    }

    /// Commits that wait for the writer right now, at most [`Options::queue_commits_max`].
    pub fn queued(&self) -> usize {
        self.inner.sender.as_ref().map_or(0, |sender| sender.max_capacity() - sender.capacity())
    }

    /// A reader with a connection of its own. It goes on working after the journal has become read-only.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.inner.folder)
    }

    /// The journal as a source that durable consumers read and commit to, with a reader of its own that all clones of
    /// the source share.
    pub fn source(&self) -> Result<JournalSource, StoreError> {
        Ok(JournalSource::live(self.clone(), self.reader()?))
    }

    /// Why no further record will ever come, once that is so.
    pub(crate) fn ended(&self) -> Option<StoreError> {
        let closed = self.inner.sender.as_ref().is_none_or(mpsc::Sender::is_closed);
        self.inner.shared.check_writable().err().or_else(|| closed.then_some(StoreError::Closed))
    }

    /// Folds the write-ahead log into the database and empties it. This also happens by itself, as the log grows and
    /// on closing; call it before copying files by other means.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.ask(|answer| Ok(Request::Checkpoint { answer })).await
    }

    /// Forgets the records that `retention` lets go at the time `now_ms`, in chunks, and gives their space back.
    /// With [`Options::retention`] set this also happens by itself, a chunk at a time, beside the writing.
    pub async fn prune(&self, retention: Retention, now_ms: u64) -> Result<Pruned, StoreError> {
        self.ask(|answer| Ok(Request::Prune { retention, now_ms, answer })).await
    }

    /// Copies the journal as it stands at one instant into an empty folder, while writing goes on. Blocks for the
    /// time of the copy: call it from a blocking thread.
    pub fn backup(&self, to: &Path) -> Result<BackedUp, StoreError> {
        backup::copy(&self.inner.folder, to)
    }

    /// Puts a backup, after verifying it, into an empty folder, where it can be opened. Refuses to overwrite.
    pub fn restore(backup: &Path, folder: &Path) -> Result<BackedUp, StoreError> {
        backup::restore(backup, folder)
    }

    /// Finishes what is queued, empties the write-ahead log, and releases the folder before it returns. Other handles
    /// get [`StoreError::Closed`] from then on. Blocks for the time of the last write.
    pub fn close(self) {
        if let Some(sender) = &self.inner.sender {
            while let Err(TrySendError::Full(_)) = sender.try_send(Request::Close) {
                std::thread::sleep(CLOSE_PAUSE);
            }
        }
        self.inner.join();
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Result<Request, StoreError>) -> Result<T, StoreError> {
        self.inner.shared.check_writable()?;
        let (answer, answered) = oneshot::channel();
        let request = request(answer)?;
        let sender = self.inner.sender.as_ref().ok_or(StoreError::Closed)?;
        sender.send(request).await.map_err(|_| self.gone())?;
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn ask_blocking<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, StoreError> {
        self.inner.shared.check_writable()?;
        let (answer, answered) = oneshot::channel();
        let sender = self.inner.sender.as_ref().ok_or(StoreError::Closed)?;
        sender.blocking_send(request(answer)).map_err(|_| self.gone())?;
        answered.blocking_recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Why the writer no longer answers.
    fn gone(&self) -> StoreError {
        self.inner.shared.check_writable().err().unwrap_or(StoreError::Closed)
    }
}

impl Inner {
    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer ended unexpectedly");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer ends when nobody can ask it any more.
        self.sender = None;
        self.join();
    }
}

/// Creates the folder so that its name survives a power cut.
fn create_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => schema::sync_folder(parent),
        _ => Ok(()),
    }
}

/// Reads where the journal stands and holds it against the head file.
fn load(folder: &Path, connection: &Connection, reading: HeadReading) -> Result<(Meta, Position), StoreError> {
    let sort = |error| StoreError::sqlite("opening the journal", &error);
    let blank = schema::is_blank(connection).map_err(sort)?;
    if blank {
        if let Some(head) = reading.head()
            && head.seq > 0
        {
            return Err(StoreError::TailMissing { acknowledged: head.seq, found: 0 });
        }
        schema::create_tables(connection).map_err(sort)?;
    }
    schema::check_tables(connection)?;
    let meta = schema::read_meta(connection)?;
    let (seq, hash) = schema::read_last(connection, &meta)?;
    match reading.head() {
        Some(head) => {
            if let Some(contradiction) = head.contradiction(connection, &meta, seq)? {
                return Err(contradiction.into());
            }
        }
        None if !blank => tracing::warn!(
            folder = %folder.display(),
            "the journal has no readable head file: whether its last records are missing cannot be told"
        ),
        None => {}
    }
    Ok((meta, Position { seq, hash, state: meta.state }))
}
