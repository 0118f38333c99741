//! The controller's memory on disk: a checkpoint in the journal's file, and the facts recorded after it.
//!
//! Always holds: the memory is a fold over the journal's facts; a checkpoint only saves folding from the beginning.

use crate::ShellError;
use homeostat_controller::Memory;
use homeostat_store::{Commit, Entry, Expect, Journal, Put, Reader, Record};
use homeostat_vocabulary::{Fact, Timestamp};
use serde::{Deserialize, Serialize};

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
    /// The latest time of any record that is not folded in yet: no clock may show an earlier one from here on.
    pub newest: Timestamp,
}

/// The memory as it was after one fact.
#[derive(Serialize, Deserialize)]
struct Checkpoint<M> {
    seq: u64,
    memory: M,
}

/// The row of a fact.
pub fn record_of(fact: &Fact, at: Timestamp) -> Record {
    Record {
        at_ms: at.0,
        class: fact.class() as u8,
        kind: fact.kind().to_owned(),
        subject: fact.subject(),
        trace: fact.trace(),
        payload: serde_json::to_vec(fact).expect("a fact is plain data"),
    }
}

/// Reads the latest checkpoint and folds the facts after it.
pub fn recall(reader: &Reader) -> Result<Remembered, ShellError> {
    let (mut memory, folded) = match reader.document(SPACE, KEY)? {
        Some(document) => read_checkpoint(&document.value)?,
        None => (Memory::default(), 0),
    };
    // The last folded record is read again, only for its time: those after it need not be younger.
    let (mut from_seq, mut newest) = (folded, Timestamp(0));
    loop {
        let page = reader.entries(from_seq, PAGE)?;
        let Some(last) = page.last() else { break };
        from_seq = last.seq + 1;
        for entry in &page {
            let at = Timestamp(entry.record.at_ms);
            newest = newest.max(at);
            if entry.seq > folded
                && let Some(fact) = fact_of(entry)?
            {
                memory.apply(&fact, at);
            }
        }
    }
    Ok(Remembered { memory, newest })
}

/// The fact of an entry; sagas write their own records into the same journal, which are none.
fn fact_of(entry: &Entry) -> Result<Option<Fact>, ShellError> {
    if entry.record.kind.starts_with("saga.") {
        return Ok(None);
    }
    let read = serde_json::from_slice(&entry.record.payload);
    read.map(Some).map_err(|source| ShellError::RecordUnreadable {
        seq: entry.seq,
        kind: entry.record.kind.clone(),
        source,
    })
}

fn read_checkpoint(value: &[u8]) -> Result<(Memory, u64), ShellError> {
    let checkpoint = serde_json::from_slice(value).map_err(|source| ShellError::CheckpointUnreadable { source })?;
    let Checkpoint { seq, memory } = checkpoint;
    Ok((memory, seq))
}

/// Saves the memory as it is after the fact number `seq`.
pub async fn checkpoint(journal: &Journal, memory: &Memory, seq: u64) -> Result<(), ShellError> {
    let value = serde_json::to_vec(&Checkpoint { seq, memory }).expect("the memory is plain data");
    let put = Put { space: SPACE.to_owned(), key: KEY.to_owned(), value: Some(value), expect: Expect::Any };
    journal.commit(Commit { puts: vec![put], ..Commit::default() }).await?;
    Ok(())
}
