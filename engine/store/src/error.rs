//! Everything that can go wrong, named after what failed.
//!
//! Errors are `Clone` because one failed write answers every commit of its group. An error a person can meet has a
//! code with a page in docs/errors/.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::record::Expect;

/// Why the journal did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the folder.
    #[error("the journal in {} is in use by process {pid}; stop that one first, or choose another data folder", folder.display())]
    Locked {
        /// The folder both wanted.
        folder: PathBuf,
        /// The process that has it, 0 when it has not said so yet.
        pid: u32,
    },
    /// The folder or its files could not be opened or created.
    #[error("the journal in {} cannot be opened: {reason}", folder.display())]
    Open {
        /// The folder asked for.
        folder: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file was written by another version of this program.
    #[error("the journal has format {found}, this program reads format {known}")]
    Format {
        /// The format in the file.
        found: i64,
        /// The format this program knows.
        known: i64,
    },
    /// Stored bytes are not what was written.
    #[error("the journal is damaged: {reason}; verifying it names the first broken record")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// Records that were acknowledged are no longer there.
    #[error("the journal ends at record {found}, but records up to {acknowledged} were acknowledged; restore a backup")]
    TailMissing {
        /// The last record that was acknowledged.
        acknowledged: u64,
        /// The last one found.
        found: u64,
    },
    /// A read or write failed. A commit that got this was not acknowledged: a later start may find it or not.
    #[error("{doing} failed: {reason}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        reason: String,
    },
    /// An earlier failure has closed the journal for writing; this commit was not tried.
    #[error("the journal is read-only since an earlier failure: {reason}")]
    ReadOnly {
        /// The failure that closed it.
        reason: String,
    },
    /// Another program has held SQLite's write lock for too long; nothing was written, and a retry may succeed.
    #[error("another program holds the write lock of the journal's database")]
    Busy,
    /// A document was not as expected; nothing of the commit was written.
    #[error("document {space}/{key} is not as expected ({expected:?}): {}", version_text(*found))]
    Conflict {
        /// The document's space.
        space: String,
        /// The document's key.
        key: String,
        /// What the put expected.
        expected: Expect,
        /// The version that is there, `None` when there is no such document.
        found: Option<u64>,
    },
    /// A consumer does not stand where the commit expected it; nothing of the commit was written.
    #[error(
        "consumer {consumer} is at {}, not at {} as expected: another one of that name has committed",
        offset_text(*found), offset_text(*expected)
    )]
    OffsetMoved {
        /// The consumer.
        consumer: String,
        /// Where it was expected, `None` for nowhere yet.
        expected: Option<u64>,
        /// Where it is.
        found: Option<u64>,
    },
    /// The request itself cannot be stored.
    #[error("this cannot be stored: {reason}")]
    Invalid {
        /// Which limit it breaks.
        reason: String,
    },
    /// A copy would have overwritten an existing journal.
    #[error("there is a journal in {} already; move it away or choose an empty folder", folder.display())]
    Occupied {
        /// The folder that was to be written.
        folder: PathBuf,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

impl StoreError {
    /// The code of the page in docs/errors/ that explains this error, for those a person can meet.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Locked { .. } => Some("H0101"),
            Self::Open { .. } => Some("H0102"),
            Self::Format { .. } => Some("H0103"),
            Self::Damaged { .. } => Some("H0104"),
            Self::TailMissing { .. } => Some("H0105"),
            Self::Io { .. } | Self::ReadOnly { .. } => Some("H0106"),
            Self::Occupied { .. } => Some("H0107"),
            Self::Busy => Some("H0108"),
            Self::Conflict { .. } | Self::OffsetMoved { .. } | Self::Invalid { .. } | Self::Closed => None,
        }
    }

    pub(crate) fn open(folder: &Path, error: impl std::fmt::Display) -> Self {
        Self::Open { folder: folder.to_owned(), reason: error.to_string() }
    }

    pub(crate) fn io(doing: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Io { doing, reason: error.to_string() }
    }

    /// Sorts an SQLite error: damage, a busy lock, or an input/output failure.
    pub(crate) fn sqlite(doing: &'static str, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { reason: error.to_string() },
            // A query that SQLite itself refuses, or a column of the wrong type: the schema or the row is not ours.
            Some(ErrorCode::Unknown) => Self::Damaged { reason: error.to_string() },
            None => Self::Damaged { reason: error.to_string() },
            Some(_) => Self::Io { doing, reason: with_code(error) },
        }
    }
}

/// SQLite says "disk I/O error" for many things; its extended code tells a failed sync from a failed write.
fn with_code(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(failure) => format!("{error} (SQLite code {})", failure.extended_code),
        None => error.to_string(),
    }
}

fn version_text(found: Option<u64>) -> String {
    found.map_or_else(|| "there is none".to_owned(), |version| format!("it has version {version}"))
}

fn offset_text(offset: Option<u64>) -> String {
    offset.map_or_else(|| "no offset".to_owned(), |offset| format!("offset {offset}"))
}
