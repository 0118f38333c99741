//! Where sagas are kept: the promise the executor relies on.
//!
//! Implemented in memory for tests and simulation, over the journal for production; others may add theirs. What always
//! holds: `commit` returns `Ok` only when the whole batch is durable, and fails with `Conflict` when the saga's version
//! or the lease has moved on. It must never write a part of a batch.

use std::future::Future;

use crate::call::SagaId;
use crate::error::{LedgerError, SagaError};
use crate::record::{End, LogRecord};
use crate::saga::Saga;

mod journal;
mod memory;

pub use journal::JournalLedger;
pub use memory::{Contents, Fault, MemoryLedger};

/// The right to run the sagas of a ledger. Taking it again makes every earlier one stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub owner: String,
    /// Higher than every one before.
    pub fencing: u64,
}

/// One transaction about one saga.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The saga with the records folded in.
    pub saga: Saga,
    /// The version it must have until now; 0 when it must not exist yet.
    pub expected_version: u64,
    /// The writer's fencing number.
    pub fencing: u64,
    /// The new records.
    pub records: Vec<LogRecord>,
    /// Written in the same transaction for the caller.
    pub extra: Extra,
}

impl Batch {
    /// Whether the saga is over with this batch.
    pub fn finished(&self) -> bool {
        self.saga.end.is_some()
    }
}

/// The caller's own records and consumer offsets, durable together with the saga's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extra {
    /// Records to append.
    pub notes: Vec<Note>,
    /// Offsets (consumer, sequence number) to set.
    pub offsets: Vec<(String, u64)>,
}

impl Extra {
    /// Adds another's parts to this one.
    pub fn append(&mut self, mut other: Self) {
        self.notes.append(&mut other.notes);
        self.offsets.append(&mut other.offsets);
    }
}

/// A record of the caller's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Unix time.
    pub at_ms: u64,
    /// 0 critical .. 4 bulk.
    pub class: u8,
    /// What kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Its trace.
    pub trace: String,
    /// Its content.
    pub payload: Vec<u8>,
}

/// An open saga as found in a ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Its id.
    pub id: SagaId,
    /// Its present version.
    pub version: u64,
    /// Its target, as far as it can be read.
    pub target: Option<String>,
    /// The saga, or why this version refuses it.
    pub saga: Result<Saga, SagaError>,
}

impl Loaded {
    /// Reads a stored document.
    pub fn read(id: SagaId, version: u64, document: &[u8]) -> Self {
        let target = Saga::target_of_document(document);
        Self { saga: Saga::from_document(&id, document), id, version, target }
    }
}

/// What is remembered of a saga that is over.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ended {
    /// When.
    pub at_ms: u64,
    /// How.
    pub end: End,
}

/// Durable storage of sagas.
pub trait Ledger: Send + Sync + 'static {
    /// Takes the lease, whoever holds it.
    fn take_lease(&self, owner: &str) -> impl Future<Output = Result<Lease, LedgerError>> + Send;

    /// All sagas that are not over.
    fn load_open(&self) -> impl Future<Output = Result<Vec<Loaded>, LedgerError>> + Send;

    /// Makes the batch durable and gives the saga's new version.
    fn commit(&self, batch: Batch) -> impl Future<Output = Result<u64, LedgerError>> + Send;

    /// How a saga ended, as long as that is remembered.
    fn ended(&self, id: &SagaId) -> impl Future<Output = Result<Option<Ended>, LedgerError>> + Send;

    /// Forgets sagas that ended before this time, oldest ids first and at most `limit`; says how many.
    fn forget_ended(&self, before_ms: u64, limit: usize) -> impl Future<Output = Result<usize, LedgerError>> + Send;
}
