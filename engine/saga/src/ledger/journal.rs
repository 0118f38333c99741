//! The ledger over the journal: a saga's document, its log records, the caller's records and offsets, in one commit.
//!
//! Open sagas are documents in space `saga`, ended ones leave a short one in `saga.ended`, and every lease ever taken
//! is one in `saga.lease`. What always holds: each commit is conditional on the saga's version and on no higher lease,
//! so a stale executor cannot write, not even a new saga. It must never write a saga outside such a commit.

use std::time::Duration;

use homeostat_store::{Commit, Document, Expect, Journal, Put, Reader, Record, StoreError};

use super::{Batch, Ended, Lease, Ledger, Loaded, Note};
use crate::call::SagaId;
use crate::error::LedgerError;
use crate::record::{Event, JournalRecord, LogRecord};

const OPEN: &str = "saga";
const ENDED: &str = "saga.ended";
const LEASE: &str = "saga.lease";

/// Leases older than this many are forgotten; an executor that stale fails on the sagas' versions all the same.
const LEASES_KEPT: u64 = 1024;

/// Another program that looks into the database can hold its lock for a moment; nothing was written, so try again.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Record classes of the journal: what acts, and what a person must see.
const CLASS_CRITICAL: u8 = 0;
const CLASS_ACT: u8 = 1;

/// Sagas kept in a journal.
#[derive(Debug, Clone)]
pub struct JournalLedger {
    journal: Journal,
}

impl JournalLedger {
    /// Keeps sagas in this journal, which others may use beside it.
    pub fn new(journal: Journal) -> Self {
        Self { journal }
    }

    async fn write(&self, commit: Commit) -> Result<Vec<u64>, StoreError> {
        for _ in 1..BUSY_TRIES {
            match self.journal.commit(commit.clone()).await {
                Err(StoreError::Busy) => tokio::time::sleep(BUSY_PAUSE).await,
                result => return result.map(|committed| committed.versions),
            }
        }
        self.journal.commit(commit).await.map(|committed| committed.versions)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let journal = self.journal.clone();
        let reading = tokio::task::spawn_blocking(move || read(&journal.reader()?));
        let result = reading.await.map_err(|error| LedgerError::Io(error.to_string()))?;
        result.map_err(|error| LedgerError::Io(error.to_string()))
    }
}

impl Ledger for JournalLedger {
    async fn take_lease(&self, owner: &str) -> Result<Lease, LedgerError> {
        let leases = self.read(|reader| reader.documents(LEASE)).await?;
        let latest = leases.iter().filter_map(|document| document.key.parse().ok()).max().unwrap_or(0_u64);
        let fencing = latest + 1;
        let mut puts = vec![put(LEASE, &lease_key(fencing), Some(owner.into()), Expect::Absent)];
        if let Some(old) = fencing.checked_sub(LEASES_KEPT) {
            puts.push(put(LEASE, &lease_key(old), None, Expect::Any));
        }
        let taken = self.write(Commit { puts, ..Commit::default() }).await;
        taken.map_err(|error| sorted(&error, &SagaId::from(""), 1))?;
        Ok(Lease { owner: owner.to_owned(), fencing })
    }

    async fn load_open(&self) -> Result<Vec<Loaded>, LedgerError> {
        let documents = self.read(|reader| reader.documents(OPEN)).await?;
        Ok(documents
            .into_iter()
            .map(|Document { key, version, value }| Loaded::read(SagaId(key), version, &value))
            .collect())
    }

    async fn commit(&self, batch: Batch) -> Result<u64, LedgerError> {
        let (id, expected_version) = (batch.saga.id.clone(), batch.expected_version);
        let versions = self.write(commit_of(batch)).await.map_err(|error| sorted(&error, &id, expected_version))?;
        versions.get(1).copied().ok_or_else(|| LedgerError::Io("the journal did not say the saga's version".into()))
    }

    async fn ended(&self, id: &SagaId) -> Result<Option<Ended>, LedgerError> {
        let key = id.0.clone();
        let document = self.read(move |reader| reader.document(ENDED, &key)).await?;
        document.map(|document| read_ended(&document)).transpose()
    }

    async fn forget_ended(&self, before_ms: u64, limit: usize) -> Result<usize, LedgerError> {
        let documents = self.read(|reader| reader.documents(ENDED)).await?;
        let mut puts = Vec::new();
        for document in documents {
            if puts.len() < limit && read_ended(&document)?.at_ms < before_ms {
                puts.push(put(ENDED, &document.key, None, Expect::Version(document.version)));
            }
        }
        let forgotten = puts.len();
        if forgotten > 0 {
            let written = self.write(Commit { puts, ..Commit::default() }).await;
            written.map_err(|error| LedgerError::Io(error.to_string()))?;
        }
        Ok(forgotten)
    }
}

/// The conditions stand in this order so that a stale lease is told from a saga that exists.
fn commit_of(batch: Batch) -> Commit {
    let Batch { saga, expected_version, fencing, records, extra } = batch;
    let key = saga.id.0.as_str();
    let expect = if expected_version == 0 { Expect::Absent } else { Expect::Version(expected_version) };
    let ended = saga.end.clone().map(|end| {
        serde_json::to_vec(&Ended { at_ms: saga.last_at_ms, end }).expect("an end holds only what JSON can say")
    });
    let document = if ended.is_some() { None } else { Some(saga.to_document()) };
    let puts = vec![
        // Deleting what is not there changes nothing: this line only asks that no higher lease was taken.
        put(LEASE, &lease_key(fencing + 1), None, Expect::Absent),
        put(OPEN, key, document, expect),
        put(ENDED, key, ended, Expect::Absent),
    ];
    let log = records.into_iter().map(|record| {
        let class = match record.event {
            Event::Parked { .. } | Event::Stuck { .. } => CLASS_CRITICAL,
            _ => CLASS_ACT,
        };
        journal_record(&saga.id, &saga.target, &saga.trace, class, record)
    });
    let notes = extra.notes.into_iter().map(|note| {
        let Note { at_ms, class, kind, subject, trace, payload } = note;
        Record { at_ms, class, kind, subject, trace, payload }
    });
    Commit { records: log.chain(notes).collect(), puts, offsets: extra.offsets, ..Commit::default() }
}

fn journal_record(saga: &SagaId, target: &str, trace: &str, class: u8, record: LogRecord) -> Record {
    let (at_ms, kind) = (record.at_ms, record.event.kind().to_owned());
    let payload = serde_json::to_vec(&JournalRecord { saga: saga.clone(), record })
        .expect("a log record holds only what JSON can say");
    Record { at_ms, class, kind, subject: target.to_owned(), trace: trace.to_owned(), payload }
}

/// Padded, so that keys sort as numbers.
fn lease_key(fencing: u64) -> String {
    format!("{fencing:020}")
}

fn put(space: &str, key: &str, value: Option<Vec<u8>>, expect: Expect) -> Put {
    Put { space: space.to_owned(), key: key.to_owned(), value, expect }
}

fn read_ended(document: &Document) -> Result<Ended, LedgerError> {
    serde_json::from_slice(&document.value)
        .map_err(|error| LedgerError::Io(format!("ended saga {} cannot be read: {error}", document.key)))
}

fn sorted(error: &StoreError, id: &SagaId, expected_version: u64) -> LedgerError {
    match error {
        StoreError::Conflict { space, .. } if space != LEASE && expected_version == 0 => {
            LedgerError::Exists(id.clone())
        }
        StoreError::Conflict { .. } => LedgerError::Conflict(error.to_string()),
        _ => LedgerError::Io(error.to_string()),
    }
}
