//! The check of everything: every record against its hash and its neighbour, every document and offset against the
//! seal, all of it against the head file, and the database's own structure.
//!
//! Called through `Reader::verify`, beside a running engine or on files at rest. It never writes, never panics on
//! any bytes, and names the first broken row. It reads in short transactions, so it does not hold the log up.

use std::cmp::Ordering;
use std::fmt;
use std::path::Path;

use rusqlite::{Connection, Row, params};

use crate::chain::{self, GENESIS, Hash, State};
use crate::error::StoreError;
use crate::head::{self, Contradiction, Head, HeadReading};
use crate::schema::{self, Meta};

/// Records checked in one read transaction.
const CHUNK_RECORDS: u64 = 4096;

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it was written.
    Whole(Summary),
    /// Something is not.
    Broken(Broken),
}

/// What a whole journal contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records checked.
    pub records: u64,
    /// The oldest kept record; those before it were pruned. 1 when nothing was pruned.
    pub first_seq: u64,
    /// The newest record, 0 when there is none.
    pub last_seq: u64,
    /// Documents checked.
    pub documents: u64,
    /// Consumers' offsets checked.
    pub offsets: u64,
    /// What could not be checked, in words; empty for a journal with a sound head file.
    pub remarks: Vec<String>,
}

/// The first broken thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The first broken record; for documents, offsets and the structure, the last record of the journal.
    pub seq: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// The ways to be broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The record's content was changed: its neighbour still knows the old hash.
    ContentEdited,
    /// The record's stored hash was changed, its content was not.
    HashEdited,
    /// Content and hash disagree, and there is no neighbour to tell which was changed.
    HashMismatch,
    /// One or more records are gone; the next one there is `next`.
    Gap {
        /// The next record that is there.
        next: u64,
    },
    /// The record and all before it agree, but it is not the one that was acknowledged: the chain was rewritten.
    Replaced,
    /// Acknowledged records at the end are gone.
    TailMissing {
        /// The last acknowledged record.
        acknowledged: u64,
    },
    /// The record cannot be read.
    Unreadable {
        /// What the database said.
        reason: String,
    },
    /// A document does not match its hash.
    DocumentEdited {
        /// Its space.
        space: String,
        /// Its key.
        key: String,
    },
    /// Every document matches its own hash, but together with the offsets they do not match the seal: one of them is
    /// missing, out of date, or an offset was changed.
    StateMismatch,
    /// Documents or offsets are older than what was acknowledged.
    StateBehind,
    /// An index or the file's structure is damaged, though every row could be read.
    Structure {
        /// What the database said.
        reason: String,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match &self.fault {
            Fault::ContentEdited => write!(formatter, "record {seq} was edited: its content does not match its hash"),
            Fault::HashEdited => write!(formatter, "record {seq} has a wrong hash: its content is as it was written"),
            Fault::HashMismatch => write!(formatter, "record {seq} does not match its hash"),
            Fault::Gap { next } if *next == seq + 1 => write!(formatter, "record {seq} is missing"),
            Fault::Gap { next } => write!(formatter, "records {seq} to {} are missing", next.saturating_sub(1)),
            Fault::Replaced => write!(formatter, "record {seq} is not the one that was acknowledged"),
            Fault::TailMissing { acknowledged } => {
                write!(formatter, "records {seq} to {acknowledged} were acknowledged and are missing at the end")
            }
            Fault::Unreadable { reason } => write!(formatter, "record {seq} cannot be read: {reason}"),
            Fault::DocumentEdited { space, key } => write!(formatter, "document {space}/{key} does not match its hash"),
            Fault::StateMismatch => {
                write!(formatter, "a document or offset is missing or not the newest: they do not match their seal")
            }
            Fault::StateBehind => write!(formatter, "documents and offsets are older than what was acknowledged"),
            Fault::Structure { reason } => write!(formatter, "the file's structure is damaged: {reason}"),
        }
    }
}

pub(crate) fn verify(
    connection: &Connection,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Verdict, StoreError> {
    // First the head, then the rows: what the head names must then be there.
    let reading = head::read(folder).map_err(|error| StoreError::io("reading the journal's head", error))?;
    let mut summary = Summary { remarks: remarks(reading), ..Summary::default() };
    if let Err(error) = schema::check_tables(connection) {
        return match error {
            StoreError::Damaged { reason } => Ok(broken(0, Fault::Structure { reason })),
            other => Err(other),
        };
    }
    match walk(connection, reading.head(), &mut summary, &mut progress) {
        Ok(()) => Ok(Verdict::Whole(summary)),
        Err(Stop::Broken(broken)) => Ok(Verdict::Broken(broken)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Why the walk ended early.
enum Stop {
    Broken(Broken),
    /// Nothing can be said about the journal, for instance because another program holds a lock.
    Failed(StoreError),
}

impl Stop {
    fn at(seq: u64, fault: Fault) -> Self {
        Self::Broken(Broken { seq, fault })
    }

    /// Damage that SQLite met while it read record `seq` is a finding; any other failure is not.
    fn reading(seq: u64, error: &rusqlite::Error) -> Self {
        match StoreError::sqlite("verifying the journal", error) {
            StoreError::Busy => Self::Failed(StoreError::Busy),
            StoreError::Damaged { reason } | StoreError::Io { reason, .. } => {
                Self::at(seq, Fault::Unreadable { reason })
            }
            other => Self::Failed(other),
        }
    }
}

fn broken(seq: u64, fault: Fault) -> Verdict {
    Verdict::Broken(Broken { seq, fault })
}

/// Where the walk along the chain stands.
struct Cursor {
    next: u64,
    previous: Hash,
}

fn walk(
    connection: &Connection,
    head: Option<Head>,
    summary: &mut Summary,
    progress: &mut impl FnMut(u64),
) -> Result<(), Stop> {
    let mut cursor = Cursor { next: 0, previous: GENESIS };
    loop {
        let snapshot = connection.unchecked_transaction().map_err(|error| Stop::reading(cursor.next, &error))?;
        let meta = read_meta(&snapshot, cursor.next)?;
        if meta.base_seq >= cursor.next {
            // The beginning, or a running engine has pruned what was to be checked next.
            cursor = Cursor { next: meta.base_seq + 1, previous: meta.base_hash };
        }
        if summary.first_seq == 0 {
            summary.first_seq = cursor.next;
        }
        let checked = check_chunk(&snapshot, head, &mut cursor)?;
        summary.records += checked;
        summary.last_seq = cursor.next - 1;
        progress(summary.last_seq);
        if checked < CHUNK_RECORDS {
            check_state(&snapshot, &meta, summary)?;
            check_head(&snapshot, head, &meta, summary.last_seq)?;
            return check_structure(&snapshot, summary.last_seq);
        }
    }
}

fn read_meta(connection: &Connection, seq: u64) -> Result<Meta, Stop> {
    let meta = schema::read_meta(connection).map_err(|error| match error {
        StoreError::Damaged { reason } => Stop::at(seq, Fault::Structure { reason }),
        other => Stop::Failed(other),
    })?;
    if meta.base_seq == 0 && meta.base_hash != GENESIS {
        return Err(Stop::at(seq, Fault::Structure { reason: "the anchor of the chain was changed".to_owned() }));
    }
    Ok(meta)
}

/// Checks up to `CHUNK_RECORDS` records from the cursor on and returns how many there were.
fn check_chunk(connection: &Connection, head: Option<Head>, cursor: &mut Cursor) -> Result<u64, Stop> {
    let sql = format!("SELECT {} FROM events WHERE seq >= ? ORDER BY seq LIMIT ?", schema::EVENT_COLUMNS);
    let first = cursor.next;
    let mut statement = connection.prepare(&sql).map_err(|error| Stop::reading(first, &error))?;
    let mut rows = statement
        .query(params![first.cast_signed(), CHUNK_RECORDS.cast_signed()])
        .map_err(|error| Stop::reading(first, &error))?;
    while let Some(row) = rows.next().map_err(|error| Stop::reading(cursor.next, &error))? {
        let unreadable = |error: rusqlite::Error| Stop::reading(cursor.next, &error);
        let seq = row.get::<_, i64>(0).map_err(unreadable)?.cast_unsigned();
        match seq.cmp(&cursor.next) {
            Ordering::Equal => {}
            Ordering::Greater => return Err(Stop::at(cursor.next, Fault::Gap { next: seq })),
            Ordering::Less => {
                let reason = format!("record {seq} stands in its place");
                return Err(Stop::at(cursor.next, Fault::Unreadable { reason }));
            }
        }
        let stored: Hash = row.get(7).map_err(unreadable)?;
        let computed = chain::link(&cursor.previous, seq, &schema::fields_of(row).map_err(unreadable)?);
        if computed != stored {
            return Err(Stop::at(seq, mismatch(connection, head, seq, &stored, &computed)));
        }
        *cursor = Cursor { next: seq + 1, previous: stored };
    }
    Ok(cursor.next - first)
}

/// Tells an edited content from an edited hash by asking whoever else knows the true hash: the next record, which is
/// chained to it, or the head file.
fn mismatch(connection: &Connection, head: Option<Head>, seq: u64, stored: &Hash, computed: &Hash) -> Fault {
    let sql = format!("SELECT {} FROM events WHERE seq = ?", schema::EVENT_COLUMNS);
    let next_agrees = |hash: &Hash| {
        connection.query_row(&sql, [(seq + 1).cast_signed()], |row| {
            Ok(row.get::<_, Hash>(7)? == chain::link(hash, seq + 1, &schema::fields_of(row)?))
        })
    };
    let agrees = |hash: &Hash| {
        let head_agrees = head.is_some_and(|head| head.seq == seq && head.hash == *hash);
        head_agrees || next_agrees(hash).unwrap_or(false)
    };
    if agrees(stored) {
        Fault::ContentEdited
    } else if agrees(computed) {
        Fault::HashEdited
    } else {
        Fault::HashMismatch
    }
}

/// Sums up all documents and offsets and holds the sum against the stored seal.
fn check_state(connection: &Connection, meta: &Meta, summary: &mut Summary) -> Result<(), Stop> {
    let last = summary.last_seq;
    let structure = |error: rusqlite::Error| match Stop::reading(last, &error) {
        Stop::Broken(Broken { seq, fault: Fault::Unreadable { reason } }) => {
            Stop::at(seq, Fault::Structure { reason: format!("documents cannot be read: {reason}") })
        }
        other => other,
    };
    let mut state = State::without_items(meta.state.generation, meta.state.version_floor);
    let mut statement =
        connection.prepare("SELECT space, key, version, value, hash FROM documents").map_err(structure)?;
    let mut rows = statement.query([]).map_err(structure)?;
    while let Some(row) = rows.next().map_err(structure)? {
        let (computed, stored) = document_hashes(row).map_err(structure)?;
        if computed != stored {
            let (space, key) = (text(row, 0).map_err(structure)?, text(row, 1).map_err(structure)?);
            return Err(Stop::at(last, Fault::DocumentEdited { space, key }));
        }
        state.toggle(&stored);
        summary.documents += 1;
    }
    let mut statement = connection.prepare("SELECT consumer, seq FROM offsets").map_err(structure)?;
    let mut rows = statement.query([]).map_err(structure)?;
    while let Some(row) = rows.next().map_err(structure)? {
        let consumer = row.get_ref(0).and_then(|value| Ok(value.as_bytes()?)).map_err(structure)?;
        let seq = row.get::<_, i64>(1).map_err(structure)?.cast_unsigned();
        state.toggle(&chain::offset(consumer, seq));
        summary.offsets += 1;
    }
    if state != meta.state {
        return Err(Stop::at(last, Fault::StateMismatch));
    }
    Ok(())
}

/// The hash of a document as it is now, and the stored one.
fn document_hashes(row: &Row<'_>) -> rusqlite::Result<(Hash, Hash)> {
    let bytes = |index| row.get_ref(index).and_then(|value| Ok(value.as_bytes()?));
    let version = row.get::<_, i64>(2)?.cast_unsigned();
    Ok((chain::document(bytes(0)?, bytes(1)?, version, bytes(3)?), row.get(4)?))
}

/// A name that may no longer be UTF-8.
fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    Ok(String::from_utf8_lossy(row.get_ref(index)?.as_bytes()?).into_owned())
}

fn check_head(connection: &Connection, head: Option<Head>, meta: &Meta, last_seq: u64) -> Result<(), Stop> {
    let Some(head) = head else { return Ok(()) };
    let Some(contradiction) = head.contradiction(connection, meta, last_seq).map_err(Stop::Failed)? else {
        return Ok(());
    };
    Err(match contradiction {
        Contradiction::TailMissing { acknowledged, .. } => Stop::at(last_seq + 1, Fault::TailMissing { acknowledged }),
        Contradiction::RecordDiffers { seq } => Stop::at(seq, Fault::Replaced),
        Contradiction::DocumentsBehind { .. } => Stop::at(last_seq, Fault::StateBehind),
        Contradiction::DocumentsDiffer => Stop::at(last_seq, Fault::StateMismatch),
    })
}

/// Lets SQLite check its trees and indexes: a record that an index has lost would be missing from a trace.
fn check_structure(connection: &Connection, last_seq: u64) -> Result<(), Stop> {
    let answer = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match answer {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(reason) => Err(Stop::at(last_seq, Fault::Structure { reason })),
        Err(error) => match Stop::reading(last_seq, &error) {
            Stop::Broken(Broken { seq, fault: Fault::Unreadable { reason } }) => {
                Err(Stop::at(seq, Fault::Structure { reason }))
            }
            other => Err(other),
        },
    }
}

fn remarks(reading: HeadReading) -> Vec<String> {
    let remark = match reading {
        HeadReading::Present { both_whole: true, .. } => return Vec::new(),
        HeadReading::Present { .. } => {
            "one half of the head file is damaged: the last group could be missing unnoticed"
        }
        HeadReading::Absent => "there is no head file: records missing at the end could not be noticed",
        HeadReading::Unreadable => "the head file is damaged: records missing at the end could not be noticed",
    };
    vec![remark.to_owned()]
}
