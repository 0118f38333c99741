//! The controller's memory on disk: a checkpoint in the journal's file, and the facts recorded after it.
//!
//! Always holds: the memory is a fold over the journal's facts; a checkpoint only saves folding from the beginning.

use anyhow::{Context, bail};
use homeostat_controller::Memory;
use homeostat_store::{Commit, Entry, Expect, Journal, Put, Reader, Record};
use homeostat_vocabulary::{Fact, Timestamp};
use serde_json::json;

const SPACE: &str = "controller";
const KEY: &str = "memory";

/// Facts between two checkpoints: so many are folded in well under 10 ms at the next start.
pub const CHECKPOINT_EVERY: u64 = 256;

/// Entries read at a time.
const PAGE: usize = 1_000;

/// What was found in the journal.
pub struct Remembered {
    /// The memory after the newest fact.
    pub memory: Memory,
    /// When the newest record was written.
    pub newest: Timestamp,
}

/// The row of a fact.
pub fn record_of(fact: &Fact, at: Timestamp) -> anyhow::Result<Record> {
    Ok(Record {
        at_ms: at.0,
        class: fact.class() as u8,
        kind: fact.kind().to_owned(),
        subject: fact.subject(),
        trace: fact.trace(),
        payload: serde_json::to_vec(fact).context("a fact is plain data")?,
    })
}

/// Reads the latest checkpoint and folds the facts after it.
pub fn recall(reader: &Reader) -> anyhow::Result<Remembered> {
    let (mut memory, mut seq) = match reader.document(SPACE, KEY)? {
        Some(document) => read_checkpoint(&document.value)?,
        None => (Memory::default(), 0),
    };
    loop {
        let page = reader.entries(seq + 1, PAGE)?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        for entry in &page {
            if let Some(fact) = fact_of(entry)? {
                memory.apply(&fact, Timestamp(entry.record.at_ms));
            }
        }
    }
    let newest = reader.last()?.map_or(Timestamp(0), |entry| Timestamp(entry.record.at_ms));
    Ok(Remembered { memory, newest })
}

/// The fact of an entry; sagas write their own records into the same journal, which are none.
fn fact_of(entry: &Entry) -> anyhow::Result<Option<Fact>> {
    if entry.record.kind.starts_with("saga.") {
        return Ok(None);
    }
    match serde_json::from_slice(&entry.record.payload) {
        Ok(fact) => Ok(Some(fact)),
        Err(error) => bail!(
            "record {} of the journal ({}) cannot be read by this version: {error}; was it written by a newer one?",
            entry.seq,
            entry.record.kind
        ),
    }
}

fn read_checkpoint(value: &[u8]) -> anyhow::Result<(Memory, u64)> {
    let mut checkpoint: serde_json::Value = serde_json::from_slice(value).context("the checkpoint is not JSON")?;
    let seq = checkpoint["seq"].as_u64().context("the checkpoint has no sequence number")?;
    let memory =
        serde_json::from_value(checkpoint["memory"].take()).context("the checkpoint's memory cannot be read")?;
    Ok((memory, seq))
}

/// Saves the memory as it is after the fact number `seq`.
pub async fn checkpoint(journal: &Journal, memory: &Memory, seq: u64) -> anyhow::Result<()> {
    let value = serde_json::to_vec(&json!({ "seq": seq, "memory": memory }))?;
    let put = Put { space: SPACE.to_owned(), key: KEY.to_owned(), value: Some(value), expect: Expect::Any };
    journal.commit(Commit { puts: vec![put], ..Commit::default() }).await?;
    Ok(())
}
