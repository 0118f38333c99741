//! What the engine and its HTTP interface say to each other: data, no calls.
//!
//! Made by the wiring, which answers the requests. Always holds: the queues are bounded, and each request carries the one-time
//! channel of its answer; an answer nobody waits for any more is dropped by its sender.

use homeostat_reactor::ReactorSnapshot;
use homeostat_store::{Journal, Reader, StoreError};
use homeostat_vocabulary::{Command, CommandReply, Policy, Refusal, ServiceName, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Readers of the journal at work at the same time. Each holds a database connection; more would only wait for the disk.
const READERS_MAX: usize = 4;

/// How long a request waits for one of the readers.
const READER_WAIT_MAX: Duration = Duration::from_secs(5);

/// The engine as its HTTP interface sees it.
pub struct Engine {
    /// Where commands go.
    pub commands: mpsc::Sender<CommandRequest>,
    /// The latest status.
    pub status: watch::Receiver<Arc<Status>>,
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The journal, for reading.
    pub journal: JournalView,
    /// Where reloads of the configuration are asked for.
    pub reloads: mpsc::Sender<ReloadRequest>,
    /// How the engine's own event path stands.
    pub reactor: ReactorView,
    /// The engine's version.
    pub version: String,
}

/// Looks at the engine's event path.
pub type ReactorView = Arc<dyn Fn() -> ReactorSnapshot + Send + Sync>;

/// A command on its way to the engine.
#[derive(Debug)]
pub struct CommandRequest {
    /// What is asked.
    pub command: Command,
    /// Who asks: `api token`, or `local user 1000`.
    pub by: String,
    /// Where the answer is awaited.
    pub reply: oneshot::Sender<Result<CommandReply, Refusal>>,
}

/// A request to read the configuration again.
#[derive(Debug)]
pub struct ReloadRequest {
    /// Who asks.
    pub by: String,
    /// Where the answer is awaited; the error is what is wrong with the configuration, one line each.
    pub reply: oneshot::Sender<Result<ReloadOutcome, Vec<String>>>,
}

/// A configuration that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReloadOutcome {
    /// False when it says what is in force already.
    pub changed: bool,
    /// A short hash of the policy now in force.
    pub fingerprint: String,
    /// The services it names.
    pub services: Vec<ServiceName>,
}

/// The journal for reading, through a few connections that are opened when they are needed.
///
/// It is made from an open [`Journal`], so whoever has one holds the lock of the data folder.
#[derive(Clone)]
pub struct JournalView {
    journal: Journal,
    idle: Arc<Mutex<Vec<Reader>>>,
    turns: Arc<Semaphore>,
}

/// Why the journal was not read.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// All readers are at work and stay so.
    Busy,
    /// The journal itself failed.
    Store(StoreError),
}

impl From<StoreError> for ReadFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl JournalView {
    /// A view of an open journal. The journal may be closed while the view lives; reads then fail.
    #[must_use]
    pub fn of(journal: Journal) -> Self {
        Self { journal, idle: Arc::default(), turns: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// The last durable record, to be watched.
    pub(crate) fn durable(&self) -> watch::Receiver<u64> {
        self.journal.durable()
    }

    /// Why the journal takes no more records, if it does not.
    pub(crate) fn read_only(&self) -> Option<String> {
        match self.journal.health() {
            homeostat_store::StoreHealth::Writable => None,
            homeostat_store::StoreHealth::ReadOnly { reason } => Some(reason),
        }
    }

    /// Runs `read` with a reader, on a thread that may wait for the disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadFailure> {
        let turn = tokio::time::timeout(READER_WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| ReadFailure::Busy)?.expect("the semaphore is never closed");
        let view = self.clone();
        let work = move || {
            let idle = view.idle().pop();
            let reader = idle.map_or_else(|| view.journal.reader(), Ok)?;
            let found = read(&reader)?;
            // Only a reader that has just worked goes back: one that failed may hold a broken connection.
            view.idle().push(reader);
            // Held until here, so that a request given up half-way still counts against the limit.
            drop(turn);
            Ok(found)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(found) => found,
            Err(error) => Err(StoreError::Io { doing: "reading the journal", reason: error.to_string() }.into()),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
