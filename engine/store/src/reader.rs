//! Reading: entries, documents and offsets, each call one short read transaction on a connection of its own.
//!
//! Used by consumers, by the story, by exports and by `verify`, in the engine's process or in any other, whether an
//! engine runs or not. A reader can never write and never holds the writer up.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::error::StoreError;
use crate::record::{Document, Entry, Record};
use crate::schema;
use crate::verify::{self, Verdict};

/// A read-only view of a journal. Each call sees the newest durable state.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    folder: PathBuf,
}

impl Reader {
    /// Opens the journal in `folder` for reading only.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_for_reading(folder)?;
        Ok(Self { connection, folder: folder.to_owned() })
    }

    /// Up to `limit` entries from `from_seq` on, oldest first.
    pub fn entries(&self, from_seq: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.select("seq >= ?1 ORDER BY seq LIMIT ?2", params![signed(from_seq), rows(limit)])
    }

    /// Up to `limit` entries from `from_seq` on, oldest first; no more once their payloads come to `bytes_max`, so that
    /// big records do not fill the memory.
    pub fn entries_within(&self, from_seq: u64, limit: usize, bytes_max: usize) -> Result<Vec<Entry>, StoreError> {
        let mut bytes = 0;
        let has_room = |entry: &rusqlite::Result<Entry>| {
            let room = bytes < bytes_max;
            bytes += entry.as_ref().map_or(0, |entry| entry.record.payload.len());
            room
        };
        self.connection
            .prepare(&format!("SELECT {} FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2", schema::EVENT_COLUMNS))
            .and_then(|mut statement| {
                let rows = statement.query_map(params![signed(from_seq), rows(limit)], entry)?;
                rows.take_while(has_room).collect()
            })
            .map_err(|error| StoreError::sqlite("reading records", &error))
    }

    /// Up to `limit` entries of one trace, oldest first.
    pub fn entries_of_trace(&self, trace: &str, limit: usize) -> Result<Vec<Entry>, StoreError> {
        // The second condition lets SQLite use the index, which leaves out records without a trace.
        self.select("trace = ?1 AND trace <> '' ORDER BY seq LIMIT ?2", params![trace, rows(limit)])
    }

    /// Up to `limit` entries of one kind from `from_seq` on, oldest first.
    pub fn entries_of_kind(&self, kind: &str, from_seq: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.select("kind = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3", params![kind, signed(from_seq), rows(limit)])
    }

    /// Up to `limit` entries of one trace from `from_seq` on, oldest first.
    pub fn entries_of_trace_from(&self, trace: &str, from_seq: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let condition = "trace = ?1 AND trace <> '' AND seq >= ?2 ORDER BY seq LIMIT ?3";
        self.select(condition, params![trace, signed(from_seq), rows(limit)])
    }

    /// Up to `limit` entries of one kind before `before_seq`, newest first.
    pub fn entries_of_kind_before(&self, kind: &str, before_seq: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let condition = "kind = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
        self.select(condition, params![kind, signed(before_seq), rows(limit)])
    }

    /// The newest entry.
    pub fn last(&self) -> Result<Option<Entry>, StoreError> {
        Ok(self.select("true ORDER BY seq DESC LIMIT 1", [])?.pop())
    }

    /// The newest entry's place, 0 when there is none.
    pub fn last_seq(&self) -> Result<u64, StoreError> {
        self.connection
            .query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
            .map_err(|error| StoreError::sqlite("reading the last record", &error))
    }

    /// Runs several reads on one and the same state, whatever is committed in between.
    pub fn at_one_instant<T>(&self, reads: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let beginning = |error| StoreError::sqlite("beginning a read", &error);
        let _transaction = self.connection.unchecked_transaction().map_err(beginning)?;
        reads(self)
    }

    /// One document, `None` when there is none under that key.
    pub fn document(&self, space: &str, key: &str) -> Result<Option<Document>, StoreError> {
        self.connection
            .query_row("SELECT key, version, value FROM documents WHERE space = ? AND key = ?", [space, key], document)
            .optional()
            .map_err(|error| StoreError::sqlite("reading a document", &error))
    }

    /// All documents of a space, by key.
    pub fn documents(&self, space: &str) -> Result<Vec<Document>, StoreError> {
        self.connection
            .prepare("SELECT key, version, value FROM documents WHERE space = ? ORDER BY key")
            .and_then(|mut statement| statement.query_map([space], document)?.collect())
            .map_err(|error| StoreError::sqlite("reading documents", &error))
    }

    /// How far a consumer has read, `None` when it never said.
    pub fn offset(&self, consumer: &str) -> Result<Option<u64>, StoreError> {
        self.connection
            .query_row("SELECT seq FROM offsets WHERE consumer = ?", [consumer], |row| row.get::<_, i64>(0))
            .optional()
            .map(|seq| seq.map(i64::cast_unsigned))
            .map_err(|error| StoreError::sqlite("reading an offset", &error))
    }

    /// Checks every record, document and offset against its hash and all of them against the head file, and names the
    /// first that is broken. `progress` is told the last record checked, now and then. Safe beside a running engine.
    pub fn verify(&self, progress: impl FnMut(u64)) -> Result<Verdict, StoreError> {
        verify::verify(&self.connection, &self.folder, progress)
    }

    fn select(&self, condition: &str, params: impl Params) -> Result<Vec<Entry>, StoreError> {
        let sql = format!("SELECT {} FROM events WHERE {condition}", schema::EVENT_COLUMNS);
        self.connection
            .prepare(&sql)
            .and_then(|mut statement| statement.query_map(params, entry)?.collect())
            .map_err(|error| StoreError::sqlite("reading records", &error))
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        record: Record {
            at_ms: row.get::<_, i64>(1)?.cast_unsigned(),
            class: row.get(2)?,
            kind: row.get(3)?,
            subject: row.get(4)?,
            trace: row.get(5)?,
            payload: row.get(6)?,
        },
        hash: row.get(7)?,
    })
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document { key: row.get(0)?, version: row.get::<_, i64>(1)?.cast_unsigned(), value: row.get(2)? })
}

/// SQLite integers are signed; nothing lies beyond their end.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
