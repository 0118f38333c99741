//! A ledger in memory, with faults on demand, for tests and for the simulator.
//!
//! The handle is cheap to clone; a "crash" drops the executor and keeps the handle. What always holds: it stores the
//! same bytes a durable ledger would, so that every test passes through encoding and decoding. It must never be used
//! where losing power matters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Batch, Ended, Lease, Ledger, Loaded, Note};
use crate::call::SagaId;
use crate::error::LedgerError;
use crate::record::LogRecord;

/// A ledger in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    contents: Contents,
    writes: u64,
    fault: Option<(u64, Fault)>,
    failed: bool,
}

/// Everything a memory ledger holds, open to look at and to tamper with.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Number of the last lease.
    pub fencing: u64,
    /// Documents of open sagas with their version.
    pub open: BTreeMap<SagaId, (u64, Vec<u8>)>,
    /// Sagas that are over.
    pub ended: BTreeMap<SagaId, Ended>,
    /// All records in the order of writing.
    pub log: Vec<(SagaId, LogRecord)>,
    /// The callers' own records.
    pub notes: Vec<Note>,
    /// The callers' offsets.
    pub offsets: BTreeMap<String, u64>,
}

/// What becomes of the write that fails; every later write fails too, until [`MemoryLedger::reopen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is lost, as an unsynced tail is.
    Lost,
    /// It is kept, but nobody was told so.
    Kept,
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes write number `write` (counted from 1 since creation) fail, and all after it.
    pub fn fail_at(&self, write: u64, fault: Fault) {
        self.lock().fault = Some((write, fault));
    }

    /// Ends the fault, as a restart on a healthy disk does.
    pub fn reopen(&self) {
        let mut inner = self.lock();
        inner.fault = None;
        inner.failed = false;
    }

    /// Whether the fault has struck.
    pub fn failed(&self) -> bool {
        self.lock().failed
    }

    /// How many writes were tried.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// A copy of everything it holds.
    pub fn contents(&self) -> Contents {
        self.lock().contents.clone()
    }

    /// Changes what it holds, behind every executor's back.
    pub fn tamper(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.lock().contents);
    }

    /// [`Ledger::take_lease`] without waiting.
    pub fn take_lease_now(&self, owner: &str) -> Result<Lease, LedgerError> {
        let owner = owner.to_owned();
        self.lock().write(|contents| {
            contents.fencing += 1;
            Ok(Lease { owner, fencing: contents.fencing })
        })
    }

    /// [`Ledger::load_open`] without waiting.
    pub fn load_open_now(&self) -> Vec<Loaded> {
        let inner = self.lock();
        inner.contents.open.iter().map(|(id, (version, bytes))| Loaded::read(id.clone(), *version, bytes)).collect()
    }

    /// [`Ledger::commit`] without waiting.
    pub fn commit_now(&self, batch: Batch) -> Result<u64, LedgerError> {
        self.lock().write(|contents| contents.commit(batch))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn write<T>(&mut self, change: impl FnOnce(&mut Contents) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.writes += 1;
        if self.failed {
            return Err(LedgerError::Io("it failed before".into()));
        }
        match self.fault {
            Some((at, fault)) if self.writes >= at => {
                self.failed = true;
                if fault == Fault::Kept {
                    change(&mut self.contents)?;
                }
                Err(LedgerError::Io("fault on demand".into()))
            }
            _ => change(&mut self.contents),
        }
    }
}

impl Contents {
    fn commit(&mut self, batch: Batch) -> Result<u64, LedgerError> {
        let id = batch.saga.id.clone();
        let version = self.open.get(&id).map_or(0, |(version, _)| *version);
        if batch.fencing != self.fencing {
            return Err(LedgerError::Conflict(format!("lease {} is now {}", batch.fencing, self.fencing)));
        }
        if batch.expected_version == 0 && (version > 0 || self.ended.contains_key(&id)) {
            return Err(LedgerError::Exists(id));
        }
        if version != batch.expected_version {
            return Err(LedgerError::Conflict(format!("saga {id} is at version {version}")));
        }
        if let Some(end) = &batch.saga.end {
            self.open.remove(&id);
            self.ended.insert(id.clone(), Ended { at_ms: batch.saga.last_at_ms, end: end.clone() });
        } else {
            self.open.insert(id.clone(), (version + 1, batch.saga.to_document()));
        }
        self.log.extend(batch.records.into_iter().map(|record| (id.clone(), record)));
        self.notes.extend(batch.extra.notes);
        self.offsets.extend(batch.extra.offsets);
        Ok(version + 1)
    }
}

impl Ledger for MemoryLedger {
    async fn take_lease(&self, owner: &str) -> Result<Lease, LedgerError> {
        self.take_lease_now(owner)
    }

    async fn load_open(&self) -> Result<Vec<Loaded>, LedgerError> {
        Ok(self.load_open_now())
    }

    async fn commit(&self, batch: Batch) -> Result<u64, LedgerError> {
        self.commit_now(batch)
    }

    async fn ended(&self, id: &SagaId) -> Result<Option<Ended>, LedgerError> {
        Ok(self.lock().contents.ended.get(id).cloned())
    }

    async fn forget_ended(&self, before_ms: u64, limit: usize) -> Result<usize, LedgerError> {
        let mut inner = self.lock();
        let ended = &mut inner.contents.ended;
        let old: Vec<SagaId> =
            ended.iter().filter(|(_, ended)| ended.at_ms < before_ms).map(|(id, _)| id.clone()).take(limit).collect();
        old.iter().for_each(|id| drop(ended.remove(id)));
        Ok(old.len())
    }
}
