//! Forgetting on purpose: removes the oldest records in small chunks and moves the chain's anchor along.
//!
//! Called by the writer between groups. The anchor (`base_seq`, `base_hash` in `meta`) changes in the transaction that
//! deletes the rows, so `verify` passes before, after, and after a crash in between.

use rusqlite::{Connection, params};

use crate::chain::Hash;
use crate::options::Retention;

/// Records removed in one transaction: a few milliseconds of work between two groups.
const CHUNK_RECORDS: u64 = 2 * 4096;

/// Free pages given back to the file system after a chunk; more than a chunk of common records frees.
const VACUUM_PAGES: u64 = 2048;

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Records removed.
    pub removed: u64,
    /// The oldest record that is left.
    pub first_seq: u64,
}

/// Removes at most one chunk of records above `base_seq` and returns how many.
pub(crate) fn prune_chunk(
    connection: &Connection,
    retention: &Retention,
    base_seq: u64,
    last_seq: u64,
    now_ms: u64,
) -> rusqlite::Result<u64> {
    let kept_at_least = retention.records_min.max(1);
    let by_floor = last_seq.saturating_sub(kept_at_least);
    let limit = by_floor.min(base_seq + CHUNK_RECORDS);
    if limit <= base_seq {
        return Ok(0);
    }
    let by_count = retention.records_max.map_or(base_seq, |max| last_seq.saturating_sub(max)).min(limit);
    let by_age = match retention.age_max {
        Some(age_max) => {
            let oldest_kept_ms = now_ms.saturating_sub(u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX));
            first_younger(connection, base_seq, limit, oldest_kept_ms)? - 1
        }
        None => base_seq,
    };
    let cut = by_count.max(by_age);
    if cut <= base_seq {
        return Ok(0);
    }
    remove_up_to(connection, cut)?;
    Ok(cut - base_seq)
}

/// The first record above `base_seq` that must be kept for its age, `limit + 1` when there is none up to `limit`.
fn first_younger(connection: &Connection, base_seq: u64, limit: u64, oldest_kept_ms: u64) -> rusqlite::Result<u64> {
    let mut statement = connection
        .prepare("SELECT coalesce(min(seq), ?2 + 1) FROM events WHERE seq > ?1 AND seq <= ?2 AND at_ms >= ?3")?;
    let oldest_kept_ms = i64::try_from(oldest_kept_ms).unwrap_or(i64::MAX);
    statement
        .query_row(params![base_seq.cast_signed(), limit.cast_signed(), oldest_kept_ms], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}

fn remove_up_to(connection: &Connection, cut: u64) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let hash: Hash =
        transaction.query_row("SELECT hash FROM events WHERE seq = ?", [cut.cast_signed()], |row| row.get(0))?;
    transaction.execute("DELETE FROM events WHERE seq <= ?", [cut.cast_signed()])?;
    transaction
        .execute("UPDATE meta SET base_seq = ?, base_hash = ? WHERE id = 1", params![cut.cast_signed(), hash])?;
    transaction.commit()?;
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
