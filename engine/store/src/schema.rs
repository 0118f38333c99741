//! The database file: its tables, its settings, and what is read from it when a journal is opened.
//!
//! Used by the writer (one connection) and by readers (one each). A connection made here never checkpoints by itself
//! when it closes: looking at a damaged journal must not change it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};

use crate::chain::{self, Fields, GENESIS, Hash, State};
use crate::error::StoreError;

/// The format this program writes and reads.
pub(crate) const FORMAT: i64 = 1;

const DATABASE_FILE: &str = "journal.db";

/// Marks the file as a Homeostat journal for `file(1)` and for people ("hsj1").
const APPLICATION_ID: i64 = 0x6873_6a31;

/// Another program (somebody's SQLite shell) may hold the write lock for this long before a commit gives up.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// One statement for each table and index, compared byte by byte with the file when it is opened or verified: an
/// edited schema could otherwise hide rows.
const TABLES: [&str; 6] = [
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, class INTEGER NOT NULL, kind TEXT NOT NULL, \
     subject TEXT NOT NULL, trace TEXT NOT NULL, payload BLOB NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE INDEX events_by_kind ON events(kind)",
    "CREATE INDEX events_by_trace ON events(trace) WHERE trace <> ''",
    "CREATE TABLE documents(space TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL, \
     hash BLOB NOT NULL, PRIMARY KEY(space, key)) STRICT, WITHOUT ROWID",
    "CREATE TABLE offsets(consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), base_seq INTEGER NOT NULL, \
     base_hash BLOB NOT NULL, generation INTEGER NOT NULL, version_floor INTEGER NOT NULL, seal BLOB NOT NULL) STRICT",
];

/// The columns that [`fields_of`] and readers expect, in this order.
pub(crate) const EVENT_COLUMNS: &str = "seq, at_ms, class, kind, subject, trace, payload, hash";

pub(crate) fn database_path(folder: &Path) -> PathBuf {
    folder.join(DATABASE_FILE)
}

pub(crate) fn wal_path(folder: &Path) -> PathBuf {
    folder.join(format!("{DATABASE_FILE}-wal"))
}

/// The one row of `meta`: where the chain begins and how the documents sum up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    /// Records up to this one were pruned (0: none).
    pub base_seq: u64,
    /// The hash of the last pruned record, which the first kept one is chained to.
    pub base_hash: Hash,
    /// Documents and offsets.
    pub state: State,
}

/// Opens the writer's connection, making the tables in a new file.
pub(crate) fn open_for_writing(folder: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |error| sort_open_error(folder, &error);
    let connection = Connection::open_with_flags(database_path(folder), flags).map_err(open)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(open)?;
    connection.busy_timeout(BUSY_WAIT).map_err(open)?;
    if is_blank(&connection).map_err(open)? {
        // Pages that retention frees can be given back, step by step. Only a file without tables may be told: with
        // tables this statement writes, and opening a damaged journal must not.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(open)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(open)?;
    if mode != "wal" {
        return Err(StoreError::open(folder, "this file system cannot share memory, which write-ahead logging needs"));
    }
    connection
        .execute_batch(
            // FULL: every commit is synced before it returns. Checkpoints are the writer's own business, after it has
            // answered; mmap stays off because a bad sector under a mapping kills the process instead of failing a read.
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0; PRAGMA cache_size = -16384;
             PRAGMA temp_store = MEMORY",
        )
        .map_err(open)?;
    Ok(connection)
}

/// Makes the tables in one transaction: a crash leaves all of them or none.
pub(crate) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for table in TABLES {
        transaction.execute(table, [])?;
    }
    transaction
        .execute("INSERT INTO meta VALUES(1, 0, ?, 0, 0, ?)", rusqlite::params![GENESIS, State::EMPTY.seal()])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Whether the file has no tables at all, as a file has that was never used.
pub(crate) fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Opens a reader's connection. It can never write, and it works beside a running engine or without one.
pub(crate) fn open_for_reading(folder: &Path) -> Result<Connection, StoreError> {
    let path = database_path(folder);
    if !path.is_file() {
        return Err(StoreError::open(folder, format!("there is no {DATABASE_FILE} in it")));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(&path, flags).and_then(set_up_reader);
    let opened = match opened {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && !has_log(folder) => {
            // A copy on a read-only disk: SQLite cannot make the shared memory for a log, and needs none.
            Connection::open_with_flags(immutable_uri(&path), flags | OpenFlags::SQLITE_OPEN_URI)
                .and_then(set_up_reader)
        }
        other => other,
    };
    opened.map_err(|error| sort_open_error(folder, &error))
}

fn set_up_reader(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.execute_batch("PRAGMA mmap_size = 0; PRAGMA cache_size = -8192; PRAGMA query_only = 1")?;
    // The first read is what opens the files.
    is_blank(&connection)?;
    Ok(connection)
}

fn has_log(folder: &Path) -> bool {
    std::fs::metadata(wal_path(folder)).is_ok_and(|log| log.len() > 0)
}

/// The path as a URI that promises SQLite that nobody writes the file.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Refuses a file whose tables are not exactly ours.
pub(crate) fn check_tables(connection: &Connection) -> Result<(), StoreError> {
    let reading = |error| StoreError::sqlite("reading the journal's tables", &error);
    let format: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(reading)?;
    if format > FORMAT {
        return Err(StoreError::Format { found: format, known: FORMAT });
    }
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").map_err(reading)?;
    let found: Vec<String> = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(reading)?;
    if found != TABLES {
        return Err(StoreError::Damaged { reason: "its tables are not those this program made".to_owned() });
    }
    Ok(())
}

/// Reads the one row of `meta`.
pub(crate) fn read_meta(connection: &Connection) -> Result<Meta, StoreError> {
    connection
        .query_row("SELECT base_seq, base_hash, generation, version_floor, seal FROM meta WHERE id = 1", [], |row| {
            Ok(Meta {
                base_seq: row.get::<_, i64>(0)?.cast_unsigned(),
                base_hash: row.get(1)?,
                state: State::unseal(
                    row.get::<_, i64>(2)?.cast_unsigned(),
                    row.get::<_, i64>(3)?.cast_unsigned(),
                    row.get(4)?,
                ),
            })
        })
        .map_err(|error| StoreError::sqlite("reading the journal's anchor", &error))
}

/// The last record's place and hash, after checking that this one record is what was chained; the base when there is
/// no record.
pub(crate) fn read_last(connection: &Connection, meta: &Meta) -> Result<(u64, Hash), StoreError> {
    let reading = |error| StoreError::sqlite("reading the last record", &error);
    let mut statement = connection
        .prepare(&format!("SELECT {EVENT_COLUMNS} FROM events ORDER BY seq DESC LIMIT 1"))
        .map_err(reading)?;
    let mut rows = statement.query([]).map_err(reading)?;
    let Some(row) = rows.next().map_err(reading)? else {
        return Ok((meta.base_seq, meta.base_hash));
    };
    let seq = row.get::<_, i64>(0).map_err(reading)?.cast_unsigned();
    let hash: Hash = row.get(7).map_err(reading)?;
    let previous = hash_of(connection, meta, seq.wrapping_sub(1)).map_err(reading)?;
    let computed = fields_of(row).map(|fields| previous.map(|previous| chain::link(&previous, seq, &fields)));
    match computed {
        Ok(Some(computed)) if computed == hash => Ok((seq, hash)),
        Ok(_) => Err(StoreError::Damaged { reason: format!("record {seq}, the last, does not match its hash") }),
        Err(error) => Err(StoreError::Damaged { reason: format!("record {seq}, the last, cannot be read: {error}") }),
    }
}

/// The stored hash of record `seq`, or of the base.
pub(crate) fn hash_of(connection: &Connection, meta: &Meta, seq: u64) -> rusqlite::Result<Option<Hash>> {
    if seq == meta.base_seq {
        return Ok(Some(meta.base_hash));
    }
    connection.query_row("SELECT hash FROM events WHERE seq = ?", [seq.cast_signed()], |row| row.get(0)).optional()
}

/// A record's fields, borrowed from a row of [`EVENT_COLUMNS`].
pub(crate) fn fields_of<'row>(row: &'row Row<'_>) -> rusqlite::Result<Fields<'row>> {
    let bytes = |index| row.get_ref(index).and_then(|value| Ok(value.as_bytes()?));
    Ok(Fields {
        at_ms: row.get::<_, i64>(1)?.cast_unsigned(),
        class: row.get(2)?,
        kind: bytes(3)?,
        subject: bytes(4)?,
        trace: bytes(5)?,
        payload: bytes(6)?,
    })
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sort_open_error(folder: &Path, error: &rusqlite::Error) -> StoreError {
    match StoreError::sqlite("opening the journal", error) {
        StoreError::Io { .. } => StoreError::open(folder, error),
        sorted => sorted,
    }
}
