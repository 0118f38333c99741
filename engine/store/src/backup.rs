//! Copies: a consistent backup beside a running writer, and the way back.
//!
//! Uses SQLite's own backup interface on a read snapshot, so a copy is the journal at one instant, never a mixture.
//! A copy appears under its final name only when it is complete and synced; nothing existing is ever overwritten.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::error::StoreError;
use crate::group::Position;
use crate::head::HeadFile;
use crate::schema;
use crate::verify::{self, Verdict};

/// The copy's name until it is complete.
const PARTIAL_FILE: &str = "journal.partial";

/// Every page in one step: one snapshot, which never has to start again because of new commits.
const ALL_PAGES: i32 = -1;

/// What a copy contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// The last record in it.
    pub last_seq: u64,
    /// Its size.
    pub size_bytes: u64,
}

/// Copies the journal in `from` into the folder `to`.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<BackedUp, StoreError> {
    let failed = |error: std::io::Error| StoreError::io("copying the journal", error);
    std::fs::create_dir_all(to).map_err(failed)?;
    let target = schema::database_path(to);
    if target.exists() || schema::wal_path(to).exists() {
        return Err(StoreError::Occupied { folder: to.to_owned() });
    }
    let partial = to.join(PARTIAL_FILE);
    if partial.exists() {
        std::fs::remove_file(&partial).map_err(failed)?;
    }
    let source = schema::open_for_reading(from)?;
    let position = copy_pages(&source, &partial)?;
    File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
    let size_bytes = std::fs::metadata(&partial).map_err(failed)?.len();
    HeadFile::create(to, &position.head()).map_err(failed)?;
    std::fs::rename(&partial, &target).map_err(failed)?;
    schema::sync_folder(to).map_err(failed)?;
    Ok(BackedUp { last_seq: position.seq, size_bytes })
}

/// Verifies the copy in `backup` and puts it into `folder`.
pub(crate) fn restore(backup: &Path, folder: &Path) -> Result<BackedUp, StoreError> {
    let connection = schema::open_for_reading(backup)?;
    if let Verdict::Broken(broken) = verify::verify(&connection, backup, |_| {})? {
        return Err(StoreError::Damaged { reason: format!("the backup is broken: {broken}") });
    }
    copy(backup, folder)
}

fn copy_pages(source: &Connection, partial: &Path) -> Result<Position, StoreError> {
    let copying = |error| StoreError::sqlite("copying the journal", &error);
    let mut target = Connection::open(partial).map_err(copying)?;
    let step = Backup::new(source, &mut target).and_then(|backup| backup.step(ALL_PAGES)).map_err(copying)?;
    if step != StepResult::Done {
        return Err(StoreError::Busy);
    }
    schema::check_tables(&target)?;
    let meta = schema::read_meta(&target)?;
    let (seq, hash) = schema::read_last(&target, &meta)?;
    Ok(Position { seq, hash, state: meta.state })
}
