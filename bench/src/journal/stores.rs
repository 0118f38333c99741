//! The subjects: our journal, the peers as they come and tuned, and the bare file as the bound.
//!
//! Anyone may correct a peer's settings here: each stands in the one function that opens it, with its reason.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use homeostat_store::{Commit, Journal, Record};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use rusqlite::{Connection, params};

use super::load::{CLASS, KIND, Publish, PublishBlocking, Sample, WriteGroup};

/// Ours, as any caller would use it.
#[derive(Clone)]
pub struct Ours(pub Journal);

pub fn record(sample: Sample) -> Record {
    Record {
        at_ms: sample.at_ms,
        class: CLASS,
        kind: KIND.to_owned(),
        subject: sample.subject,
        trace: String::new(),
        payload: sample.payload,
    }
}

impl Publish for Ours {
    async fn publish(&self, sample: Sample) -> anyhow::Result<()> {
        self.0.commit(Commit::record(record(sample))).await?;
        Ok(())
    }
}

/// The table one would write by hand: our columns and the index by kind, without the hash chain.
const SQLITE_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS events(seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, class INTEGER NOT NULL,
    kind TEXT NOT NULL, subject TEXT NOT NULL, trace TEXT NOT NULL, payload BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS events_by_kind ON events(kind);";
const SQLITE_INSERT: &str = "INSERT INTO events(at_ms, class, kind, subject, trace, payload) VALUES(?, ?, ?, ?, '', ?)";

/// SQLite with its own defaults (rollback journal, synchronous FULL), a transaction a record, one shared connection.
pub struct SqliteDefault(Mutex<Connection>);

impl SqliteDefault {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(folder.join("peer.db"))?;
        connection.execute_batch(SQLITE_TABLE)?;
        Ok(Self(Mutex::new(connection)))
    }
}

impl PublishBlocking for SqliteDefault {
    fn publish(&self, sample: &Sample) -> anyhow::Result<()> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connection
            .execute(SQLITE_INSERT, params![sample.at_ms.cast_signed(), CLASS, KIND, sample.subject, sample.payload])?;
        Ok(())
    }
}

/// SQLite tuned: write-ahead log with a sync for each commit, a larger cache and log, a group a transaction.
pub struct SqliteTuned(Connection);

impl SqliteTuned {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(folder.join("peer.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096;",
        )?;
        connection.execute_batch(SQLITE_TABLE)?;
        Ok(Self(connection))
    }

    pub fn last(&self) -> anyhow::Result<u64> {
        let seq: i64 = self.0.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
        Ok(seq.cast_unsigned())
    }
}

impl WriteGroup for SqliteTuned {
    fn write_group(&mut self, samples: &[Sample]) -> anyhow::Result<()> {
        let transaction = self.0.transaction()?;
        let mut insert = transaction.prepare(SQLITE_INSERT)?;
        for sample in samples {
            insert.execute(params![sample.at_ms.cast_signed(), CLASS, KIND, sample.subject, sample.payload])?;
        }
        drop(insert);
        transaction.commit()?;
        Ok(())
    }
}

const REDB_TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");

/// redb; its commits are durable by default. As it comes: a transaction a record, from every producer's thread.
pub struct Redb {
    database: redb::Database,
    next: AtomicU64,
}

impl Redb {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Self::wrap(redb::Database::create(folder.join("peer.redb"))?)
    }

    /// Tuned: its default cache is a gibibyte already, so grouping (see [`WriteGroup`]) is all there is to add.
    fn wrap(database: redb::Database) -> anyhow::Result<Self> {
        let write = database.begin_write()?;
        write.open_table(REDB_TABLE)?;
        write.commit()?;
        Ok(Self { database, next: AtomicU64::new(1) })
    }

    pub fn last(&self) -> anyhow::Result<u64> {
        let read = self.database.begin_read()?;
        let table = read.open_table(REDB_TABLE)?;
        Ok(table.last()?.map_or(0, |(key, _)| key.value()))
    }
}

impl PublishBlocking for Redb {
    fn publish(&self, sample: &Sample) -> anyhow::Result<()> {
        let write = self.database.begin_write()?;
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        write.open_table(REDB_TABLE)?.insert(key, sample.encode().as_slice())?;
        write.commit()?;
        Ok(())
    }
}

impl WriteGroup for Redb {
    fn write_group(&mut self, samples: &[Sample]) -> anyhow::Result<()> {
        let write = self.database.begin_write()?;
        let mut table = write.open_table(REDB_TABLE)?;
        for sample in samples {
            let key = self.next.fetch_add(1, Ordering::Relaxed);
            table.insert(key, sample.encode().as_slice())?;
        }
        drop(table);
        write.commit()?;
        Ok(())
    }
}

/// fjall. As it comes: an insert and a full sync a record, from every producer's thread.
pub struct Fjall {
    database: Database,
    events: Keyspace,
    next: AtomicU64,
}

impl Fjall {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let database = Database::builder(folder.join("peer")).open()?;
        let events = database.keyspace("events", KeyspaceCreateOptions::default)?;
        Ok(Self { database, events, next: AtomicU64::new(1) })
    }

    /// Tuned: no compression of a journal that cannot shrink, and data syncs only (see [`WriteGroup`]).
    pub fn open_tuned(folder: &Path) -> anyhow::Result<Self> {
        let database =
            Database::builder(folder.join("peer")).journal_compression(fjall::CompressionType::None).open()?;
        let options = || KeyspaceCreateOptions::default().manual_journal_persist(true);
        let events = database.keyspace("events", options)?;
        Ok(Self { database, events, next: AtomicU64::new(1) })
    }

    pub fn last(&self) -> anyhow::Result<u64> {
        let Some(last) = self.events.last_key_value() else { return Ok(0) };
        let key = last.key()?;
        Ok(u64::from_be_bytes(key.as_ref().try_into()?))
    }
}

impl PublishBlocking for Fjall {
    fn publish(&self, sample: &Sample) -> anyhow::Result<()> {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.events.insert(key.to_be_bytes(), sample.encode())?;
        self.database.persist(PersistMode::SyncAll)?;
        Ok(())
    }
}

impl WriteGroup for Fjall {
    fn write_group(&mut self, samples: &[Sample]) -> anyhow::Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for sample in samples {
            let key = self.next.fetch_add(1, Ordering::Relaxed);
            batch.insert(&self.events, key.to_be_bytes(), sample.encode());
        }
        batch.commit()?;
        Ok(())
    }
}

/// The bound: the records' bytes into a file whose blocks are already allocated and written, one data sync a group,
/// nothing else. No store that keeps its promise on this disk can be faster.
pub struct RawFile {
    file: File,
    position: u64,
    buffer: Vec<u8>,
}

const RAW_FILE_BYTES: u64 = 64 * 1024 * 1024;

impl RawFile {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create_new(true).write(true).open(folder.join("raw"))?;
        let zeros = vec![0; 1024 * 1024];
        for offset in (0..RAW_FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file, position: 0, buffer: Vec::new() })
    }
}

impl WriteGroup for RawFile {
    fn write_group(&mut self, samples: &[Sample]) -> anyhow::Result<()> {
        self.buffer.clear();
        for sample in samples {
            self.buffer.extend_from_slice(&sample.encode());
        }
        if self.position + self.buffer.len() as u64 > RAW_FILE_BYTES {
            self.position = 0;
        }
        self.file.write_all_at(&self.buffer, self.position)?;
        self.position += self.buffer.len() as u64;
        self.file.sync_data()?;
        Ok(())
    }
}
