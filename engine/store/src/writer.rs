//! The one writer: takes what is queued, makes it durable in one transaction, then answers everybody.
//!
//! Runs on its own thread, started by `Journal::open`. What always holds: an answer is sent only after the
//! transaction is synced and the head file says so; after the first failed write nothing is ever written again.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::StoreError;
use crate::group::{Group, Position};
use crate::head::HeadFile;
use crate::lock::FolderLock;
use crate::options::{Options, Retention};
use crate::record::{Commit, Committed};
use crate::retention::{self, Pruned};

pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Pages in the write-ahead log at which it is copied back into the database (4 MiB of 4 KiB pages). Commits wait
/// meanwhile: measured in bursts, four times as many pages gave the same rate and half as much again on the slowest
/// hundredth of the waits, and a longer recovery after a crash.
const CHECKPOINT_PAGES: i32 = 1024;

/// With a retention set, the oldest records are looked at after this many new ones, or this long after the last look.
const PRUNE_EVERY_RECORDS: u64 = 4096;
const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// What the handle asks of the writer.
pub(crate) enum Request {
    Commit { commit: Commit, answer: Answer<Committed> },
    Checkpoint { answer: Answer<()> },
    Prune { retention: Retention, now_ms: u64, answer: Answer<Pruned> },
    Close,
}

/// What handle and writer both see.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Why the journal is read-only, once it is.
    pub failure: OnceLock<String>,
    pub durable: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        match self.failure.get() {
            Some(reason) => Err(StoreError::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Has those who wait for a record look again: there may never be one.
    fn wake(&self) {
        self.durable.send_modify(|_| ());
    }
}

/// Everything the writer thread owns.
pub(crate) struct Parts {
    pub folder: PathBuf,
    pub connection: Connection,
    pub queue: mpsc::Receiver<Request>,
    pub shared: Arc<Shared>,
    pub head: HeadFile,
    pub position: Position,
    pub base_seq: u64,
    pub options: Options,
    pub lock: FolderLock,
}

/// The thread's body: serves until it is told to close or every handle is gone.
pub(crate) fn run(parts: Parts) {
    let Parts { folder, connection, queue, shared, head, position, base_seq, options, lock } = parts;
    let _at_the_end = AtTheEnd(Arc::clone(&shared));
    match Group::prepare(&connection, position) {
        Ok(group) => {
            let mut writer = Writer {
                connection: &connection,
                group,
                queue,
                shared: Arc::clone(&shared),
                head,
                options,
                waiting: Vec::new(),
                base_seq,
                seq_at_prune: position.seq,
                pruned_at: Instant::now(),
            };
            writer.serve();
        }
        Err(error) => drop(shared.failure.set(format!("preparing statements failed: {error}"))),
    }
    if shared.failure.get().is_none()
        && let Err(error) = connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE)
    {
        // Nothing is lost: the next start reads the log instead.
        tracing::warn!(folder = %folder.display(), %error, "the journal's log could not be folded in on close");
    }
    drop(connection);
    drop(lock);
}

/// A panic of the writer must not look like a healthy journal to those who ask, and whoever waits for a record must not
/// wait for ever.
struct AtTheEnd(Arc<Shared>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.failure.set("the journal's writer ended unexpectedly".to_owned());
        }
        self.0.wake();
    }
}

struct Writer<'c> {
    connection: &'c Connection,
    group: Group<'c>,
    queue: mpsc::Receiver<Request>,
    shared: Arc<Shared>,
    head: HeadFile,
    options: Options,
    /// The commits of the current group with their answers, sent once the group is durable; reused between groups.
    waiting: Vec<(Answer<Committed>, Result<Committed, StoreError>)>,
    base_seq: u64,
    seq_at_prune: u64,
    pruned_at: Instant,
}

impl Writer<'_> {
    fn serve(&mut self) {
        let mut next = self.queue.blocking_recv();
        while let Some(request) = next.take() {
            next = match request {
                Request::Close => return,
                Request::Commit { commit, answer } => self.serve_group(commit, answer),
                Request::Checkpoint { answer } => {
                    let _ = answer.send(self.checkpoint_now());
                    None
                }
                Request::Prune { retention, now_ms, answer } => {
                    let _ = answer.send(self.prune_all(&retention, now_ms));
                    None
                }
            };
            if next.is_none() {
                next = self.queue.blocking_recv();
            }
        }
    }

    /// Serves one group and returns the request that ended it, if it was not a commit.
    fn serve_group(&mut self, commit: Commit, answer: Answer<Committed>) -> Option<Request> {
        if let Err(refusal) = self.shared.check_writable() {
            let _ = answer.send(Err(refusal));
            return None;
        }
        if let Err(error) = self.group.begin() {
            let error = StoreError::sqlite("beginning a transaction", &error);
            if error != StoreError::Busy {
                self.fail(&error);
            }
            let _ = answer.send(Err(error));
            return None;
        }
        let (outcome, next) = self.fill_group(commit, answer);
        let outcome = outcome.and_then(|()| self.make_durable());
        self.answer_all(&outcome);
        self.upkeep();
        next
    }

    /// Applies commits to the open transaction while more are queued and the group has room.
    fn fill_group(&mut self, first: Commit, answer: Answer<Committed>) -> (Result<(), StoreError>, Option<Request>) {
        let deadline = Instant::now() + self.options.group_wait_max;
        let (mut commit, mut answer) = (first, answer);
        let mut records = 0;
        loop {
            records += commit.records.len();
            match self.group.apply(&commit) {
                Ok(result) => self.waiting.push((answer, result)),
                Err(error) => {
                    let error = StoreError::sqlite("writing to the journal", &error);
                    self.waiting.push((answer, Err(error.clone())));
                    return (Err(error), None);
                }
            }
            if records >= self.options.group_records_max || Instant::now() >= deadline {
                return (Ok(()), None);
            }
            match self.queue.try_recv() {
                Ok(Request::Commit { commit: more, answer: waiting }) => (commit, answer) = (more, waiting),
                Ok(other) => return (Ok(()), Some(other)),
                Err(_) => return (Ok(()), None),
            }
        }
    }

    fn make_durable(&mut self) -> Result<(), StoreError> {
        let position = self.group.commit().map_err(|error| StoreError::sqlite("making the journal durable", &error))?;
        self.head.write(&position.head()).map_err(|error| StoreError::io("writing the journal's head", error))?;
        self.shared.durable.send_replace(position.seq);
        Ok(())
    }

    fn answer_all(&mut self, outcome: &Result<(), StoreError>) {
        if let Err(error) = outcome {
            self.group.rollback();
            self.fail(error);
        }
        for (answer, result) in self.waiting.drain(..) {
            // A caller that no longer waits is no error: its commit stands all the same.
            let _ = answer.send(outcome.clone().and(result));
        }
    }

    /// Closes the journal for writing, for ever: after a failed sync nobody knows what is on the disk, and a retry
    /// that seems to succeed may have lost what came before.
    fn fail(&self, error: &StoreError) {
        tracing::error!(%error, "the journal is read-only from now on");
        let _ = self.shared.failure.set(error.to_string());
        self.shared.wake();
    }

    /// What is done between groups, when nobody waits for an answer yet.
    fn upkeep(&mut self) {
        if let Err(error) = self.checkpoint_when_long().and_then(|()| self.prune_when_due())
            && error != StoreError::Busy
        {
            self.fail(&error);
        }
    }

    fn checkpoint_when_long(&self) -> Result<(), StoreError> {
        self.shared.check_writable()?;
        let sort = |error| StoreError::sqlite("folding the log into the journal", &error);
        let (pages, done) = self.connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::NOOP).map_err(sort)?;
        if pages - done >= CHECKPOINT_PAGES {
            self.connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE).map_err(sort)?;
        }
        Ok(())
    }

    fn checkpoint_now(&self) -> Result<(), StoreError> {
        self.shared.check_writable()?;
        let done = self
            .connection
            .wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE)
            .map(|_| ())
            .map_err(|error| StoreError::sqlite("folding the log into the journal", &error));
        self.note_failure(done)
    }

    fn prune_when_due(&mut self) -> Result<(), StoreError> {
        let Some(retention) = self.options.retention else { return Ok(()) };
        let seq = *self.shared.durable.borrow();
        if seq - self.seq_at_prune < PRUNE_EVERY_RECORDS && self.pruned_at.elapsed() < PRUNE_EVERY {
            return Ok(());
        }
        self.seq_at_prune = seq;
        self.pruned_at = Instant::now();
        // A clock before 1970 makes everything young: then nothing is too old.
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as u64);
        self.prune_chunk(&retention, now_ms).map(|_| ())
    }

    fn prune_chunk(&mut self, retention: &Retention, now_ms: u64) -> Result<u64, StoreError> {
        let last_seq = *self.shared.durable.borrow();
        let removed = retention::prune_chunk(self.connection, retention, self.base_seq, last_seq, now_ms)
            .map_err(|error| StoreError::sqlite("pruning the journal", &error))?;
        self.base_seq += removed;
        Ok(removed)
    }

    fn prune_all(&mut self, retention: &Retention, now_ms: u64) -> Result<Pruned, StoreError> {
        let mut removed = 0;
        loop {
            self.shared.check_writable()?;
            let chunk = self.prune_chunk(retention, now_ms).and_then(|chunk| {
                self.checkpoint_when_long()?;
                Ok(chunk)
            });
            let chunk = self.note_failure(chunk)?;
            removed += chunk;
            if chunk == 0 {
                return Ok(Pruned { removed, first_seq: self.base_seq + 1 });
            }
        }
    }

    fn note_failure<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && !matches!(error, StoreError::Busy | StoreError::ReadOnly { .. })
        {
            self.fail(error);
        }
        result
    }
}
