//! What goes in and what comes out: the plain data of the journal.
//!
//! Every caller builds a [`Commit`] and reads [`Entry`] and [`Document`] back. These types never touch the disk
//! themselves, and a commit is checked against the limits below before it may enter the queue.

use std::collections::HashSet;

use crate::error::StoreError;

/// Longest kind, subject, trace, space, key or consumer name; names are looked up by index, so they stay short.
pub const NAME_BYTES_MAX: usize = 1024;

/// Largest payload of a record or value of a document; larger things belong in a file that a record points to.
pub const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest commit in all, so that one caller cannot hold up the group of all the others for long.
pub const COMMIT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most records, puts, offsets and conditions together in one commit, for the same reason.
pub const COMMIT_ITEMS_MAX: usize = 65_536;

/// One fact to be kept for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// When it happened, in milliseconds since the Unix epoch, by the caller's clock.
    pub at_ms: u64,
    /// How urgent it was: 0 critical to 4 bulk.
    pub class: u8,
    /// What kind of fact this is; an index finds all records of one kind.
    pub kind: String,
    /// Whom or what it is about.
    pub subject: String,
    /// The story it belongs to; an index finds all records of one trace. Empty means none.
    pub trace: String,
    /// The fact itself, in whatever encoding the caller chose.
    pub payload: Vec<u8>,
}

/// A record as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal: 1 for the first, without gaps.
    pub seq: u64,
    /// What was recorded.
    pub record: Record,
    /// SHA-256 over this record and the hash of the one before.
    pub hash: [u8; 32],
}

/// What must be true of a document for a [`Put`] to go through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there is replaced.
    #[default]
    Any,
    /// There must be no such document.
    Absent,
    /// The document must have exactly this version.
    Version(u64),
}

/// A change of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The space the key lives in.
    pub space: String,
    /// The key within its space.
    pub key: String,
    /// The new value; `None` deletes the document.
    pub value: Option<Vec<u8>>,
    /// The condition; if it does not hold, nothing of the whole commit is written.
    pub expect: Expect,
}

/// Records, documents and offsets that become durable together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Records to append, in this order.
    pub records: Vec<Record>,
    /// Documents to change; a document may occur only once.
    pub puts: Vec<Put>,
    /// How far each named consumer has read.
    pub offsets: Vec<(String, u64)>,
    /// Where consumers must stand before this commit, `None` for one that never said; if one does not, nothing of the
    /// whole commit is written. Of two consumers with one name this lets only one go on.
    pub expected_offsets: Vec<(String, Option<u64>)>,
}

/// The answer to a commit: everything in it is on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The first record's place, 0 when the commit had no records.
    pub first_seq: u64,
    /// The last record's place, 0 when the commit had no records.
    pub last_seq: u64,
    /// The version each put left behind, in the order of the puts; 0 for a deleted document.
    pub versions: Vec<u64>,
}

/// A document as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its key.
    pub key: String,
    /// Its version: it grows with every put and never comes back, not even after a deletion.
    pub version: u64,
    /// Its value.
    pub value: Vec<u8>,
}

impl Commit {
    /// A commit of one record.
    pub fn record(record: Record) -> Self {
        Self { records: vec![record], ..Self::default() }
    }

    /// Refuses what the tables could not hold, while the caller can still be told which part is at fault.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let items = self.records.len() + self.puts.len() + self.offsets.len() + self.expected_offsets.len();
        within("items in one commit", items, COMMIT_ITEMS_MAX)?;
        let mut bytes = 0;
        for record in &self.records {
            within("bytes of a kind", record.kind.len(), NAME_BYTES_MAX)?;
            within("bytes of a subject", record.subject.len(), NAME_BYTES_MAX)?;
            within("bytes of a trace", record.trace.len(), NAME_BYTES_MAX)?;
            within("bytes of a payload", record.payload.len(), VALUE_BYTES_MAX)?;
            storable("at_ms", record.at_ms)?;
            bytes += record.payload.len();
        }
        for put in &self.puts {
            within("bytes of a space", put.space.len(), NAME_BYTES_MAX)?;
            within("bytes of a key", put.key.len(), NAME_BYTES_MAX)?;
            let value = put.value.as_ref().map_or(0, Vec::len);
            within("bytes of a value", value, VALUE_BYTES_MAX)?;
            bytes += value;
        }
        for (consumer, seq) in &self.offsets {
            check_consumer(consumer)?;
            storable("offset", *seq)?;
        }
        for (consumer, _) in &self.expected_offsets {
            check_consumer(consumer)?;
        }
        within("bytes in one commit", bytes, COMMIT_BYTES_MAX)?;
        self.check_documents_once()
    }

    /// Two puts of one document in one commit would make the answer depend on their order: refuse them instead.
    fn check_documents_once(&self) -> Result<(), StoreError> {
        if self.puts.len() < 2 {
            return Ok(());
        }
        let mut seen = HashSet::with_capacity(self.puts.len());
        for put in &self.puts {
            if !seen.insert((put.space.as_str(), put.key.as_str())) {
                let reason = format!("document {}/{} is put twice in one commit", put.space, put.key);
                return Err(StoreError::Invalid { reason });
            }
        }
        Ok(())
    }
}

/// Refuses a name under which nothing could be committed.
pub(crate) fn check_consumer(name: &str) -> Result<(), StoreError> {
    within("bytes of a consumer's name", name.len(), NAME_BYTES_MAX)
}

fn within(what: &str, found: usize, max: usize) -> Result<(), StoreError> {
    if found <= max {
        return Ok(());
    }
    Err(StoreError::Invalid { reason: format!("{found} {what}, at most {max} are allowed") })
}

/// SQLite integers are signed.
fn storable(what: &str, value: u64) -> Result<(), StoreError> {
    if i64::try_from(value).is_ok() {
        return Ok(());
    }
    Err(StoreError::Invalid { reason: format!("{what} {value} is beyond {}", i64::MAX) })
}
