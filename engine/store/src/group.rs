//! One group of commits: a single SQLite transaction, made of the statements prepared once for the writer's life.
//!
//! Used only by the writer thread. Each commit's conditions are checked before its first row is written, so a commit
//! that is refused leaves nothing behind and the others of its group do not notice. The group's in-memory position
//! (last record, hash, state) runs along and is only trusted after the transaction has committed.

use rusqlite::{Connection, OptionalExtension, Statement, params};

use crate::chain::{self, Fields, Hash, State};
use crate::error::StoreError;
use crate::head::Head;
use crate::record::{Commit, Committed, Expect, Put, Record};

/// Where the journal stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub seq: u64,
    pub hash: Hash,
    pub state: State,
}

impl Position {
    pub(crate) fn head(&self) -> Head {
        Head { seq: self.seq, generation: self.state.generation, hash: self.hash, seal: self.state.seal() }
    }
}

/// What is there of a document before a put.
struct Present {
    version: u64,
    hash: Hash,
}

/// The prepared statements and the position they write at.
pub(crate) struct Group<'c> {
    begin: Statement<'c>,
    commit: Statement<'c>,
    rollback: Statement<'c>,
    insert_event: Statement<'c>,
    select_document: Statement<'c>,
    upsert_document: Statement<'c>,
    delete_document: Statement<'c>,
    select_offset: Statement<'c>,
    upsert_offset: Statement<'c>,
    update_state: Statement<'c>,
    position: Position,
    /// Whether the current group changed documents or offsets.
    state_changed: bool,
    /// Reused between commits.
    present: Vec<Option<Present>>,
}

impl<'c> Group<'c> {
    pub(crate) fn prepare(connection: &'c Connection, position: Position) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            rollback: connection.prepare("ROLLBACK")?,
            insert_event: connection.prepare("INSERT INTO events VALUES(?, ?, ?, ?, ?, ?, ?, ?)")?,
            select_document: connection.prepare("SELECT version, hash FROM documents WHERE space = ? AND key = ?")?,
            upsert_document: connection.prepare("INSERT OR REPLACE INTO documents VALUES(?, ?, ?, ?, ?)")?,
            delete_document: connection.prepare("DELETE FROM documents WHERE space = ? AND key = ?")?,
            select_offset: connection.prepare("SELECT seq FROM offsets WHERE consumer = ?")?,
            upsert_offset: connection.prepare("INSERT OR REPLACE INTO offsets VALUES(?, ?)")?,
            update_state: connection
                .prepare("UPDATE meta SET generation = ?, version_floor = ?, seal = ? WHERE id = 1")?,
            position,
            state_changed: false,
            present: Vec::new(),
        })
    }

    pub(crate) fn begin(&mut self) -> rusqlite::Result<()> {
        self.state_changed = false;
        self.begin.execute([]).map(|_| ())
    }

    /// Ends the transaction. When this returns, everything applied since `begin` is on disk.
    pub(crate) fn commit(&mut self) -> rusqlite::Result<Position> {
        if self.state_changed {
            self.position.state.generation += 1;
            let state = &self.position.state;
            self.update_state.execute(params![
                state.generation.cast_signed(),
                state.version_floor.cast_signed(),
                state.seal()
            ])?;
        }
        self.commit.execute([])?;
        Ok(self.position)
    }

    /// Gives up the transaction after a failure; SQLite may already have done so itself.
    pub(crate) fn rollback(&mut self) {
        let _ = self.rollback.execute([]);
    }

    /// Applies one commit. The outer error means that the database failed; the inner one that this commit is refused.
    pub(crate) fn apply(&mut self, commit: &Commit) -> rusqlite::Result<Result<Committed, StoreError>> {
        if let Some(conflict) = self.find_moved_offset(&commit.expected_offsets)? {
            return Ok(Err(conflict));
        }
        if let Some(conflict) = self.find_conflict(&commit.puts)? {
            return Ok(Err(conflict));
        }
        let mut committed = Committed::default();
        if !commit.records.is_empty() {
            committed.first_seq = self.position.seq + 1;
            for record in &commit.records {
                self.append(record)?;
            }
            committed.last_seq = self.position.seq;
        }
        if !commit.puts.is_empty() {
            committed.versions = self.put_all(&commit.puts)?;
        }
        for (consumer, seq) in &commit.offsets {
            self.set_offset(consumer, *seq)?;
        }
        Ok(Ok(committed))
    }

    fn append(&mut self, record: &Record) -> rusqlite::Result<()> {
        let seq = self.position.seq + 1;
        let fields = Fields {
            at_ms: record.at_ms,
            class: record.class,
            kind: record.kind.as_bytes(),
            subject: record.subject.as_bytes(),
            trace: record.trace.as_bytes(),
            payload: &record.payload,
        };
        let hash = chain::link(&self.position.hash, seq, &fields);
        self.insert_event.execute(params![
            seq.cast_signed(),
            record.at_ms.cast_signed(),
            record.class,
            record.kind,
            record.subject,
            record.trace,
            record.payload,
            hash
        ])?;
        self.position.seq = seq;
        self.position.hash = hash;
        Ok(())
    }

    /// The first consumer that does not stand where the commit expects it.
    fn find_moved_offset(&mut self, expected: &[(String, Option<u64>)]) -> rusqlite::Result<Option<StoreError>> {
        for (consumer, expected) in expected {
            let found = self.offset(consumer)?;
            if found != *expected {
                let (consumer, expected) = (consumer.clone(), *expected);
                return Ok(Some(StoreError::OffsetMoved { consumer, expected, found }));
            }
        }
        Ok(None)
    }

    /// Looks up every document of the commit, remembers what is there, and returns the first broken condition.
    fn find_conflict(&mut self, puts: &[Put]) -> rusqlite::Result<Option<StoreError>> {
        self.present.clear();
        for put in puts {
            let present = self
                .select_document
                .query_row([&put.space, &put.key], |row| {
                    Ok(Present { version: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(1)? })
                })
                .optional()?;
            let found = present.as_ref().map(|present| present.version);
            let holds = match put.expect {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(version),
            };
            if !holds {
                let (space, key) = (put.space.clone(), put.key.clone());
                return Ok(Some(StoreError::Conflict { space, key, expected: put.expect, found }));
            }
            self.present.push(present);
        }
        Ok(None)
    }

    fn put_all(&mut self, puts: &[Put]) -> rusqlite::Result<Vec<u64>> {
        let mut versions = Vec::with_capacity(puts.len());
        let state = &mut self.position.state;
        for (put, present) in puts.iter().zip(self.present.drain(..)) {
            if let Some(present) = &present {
                state.toggle(&present.hash);
            }
            let Some(value) = &put.value else {
                if let Some(present) = present {
                    state.version_floor = state.version_floor.max(present.version);
                    self.delete_document.execute([&put.space, &put.key])?;
                    self.state_changed = true;
                }
                versions.push(0);
                continue;
            };
            let version = present.map_or(state.version_floor, |present| present.version) + 1;
            let hash = chain::document(put.space.as_bytes(), put.key.as_bytes(), version, value);
            state.toggle(&hash);
            self.upsert_document.execute(params![put.space, put.key, version.cast_signed(), value, hash])?;
            self.state_changed = true;
            versions.push(version);
        }
        Ok(versions)
    }

    fn set_offset(&mut self, consumer: &str, seq: u64) -> rusqlite::Result<()> {
        if let Some(before) = self.offset(consumer)? {
            self.position.state.toggle(&chain::offset(consumer.as_bytes(), before));
        }
        self.position.state.toggle(&chain::offset(consumer.as_bytes(), seq));
        self.upsert_offset.execute(params![consumer, seq.cast_signed()])?;
        self.state_changed = true;
        Ok(())
    }

    fn offset(&mut self, consumer: &str) -> rusqlite::Result<Option<u64>> {
        let offset = self.select_offset.query_row([consumer], |row| row.get(0)).optional()?;
        Ok(offset.map(i64::cast_unsigned))
    }
}
