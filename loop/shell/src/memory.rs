//! The controller's memory on disk: a checkpoint in the journal's file, and the facts recorded after it.
//!
//! Always holds: the memory is a fold over the journal's facts; a checkpoint only saves folding from the beginning.

use crate::ShellError;
use homeostat_controller::Memory;
use homeostat_store::{Commit, Committed, Entry, Expect, Journal, Put, Reader, Record, StoreError};
use homeostat_vocabulary::{Fact, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SPACE: &str = "controller";
const KEY: &str = "memory";

/// Facts between two checkpoints: so many are folded in well under 10 ms at the next start.
pub const CHECKPOINT_EVERY: u64 = 256;

/// Entries read at a time.
const PAGE: usize = 1_000;

/// How often a commit is tried while another program holds the database's lock, and the pause between. Each try waits some
/// seconds by itself: a person with a database browser is waited for, a lock that was left behind is told in the end.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What was found in the journal.
pub struct Remembered {
    /// The memory after the newest fact.
    pub memory: Memory,
    /// The latest time of any record that is not folded in yet: no clock may show an earlier one from here on.
    pub newest: Timestamp,
    /// How many facts were folded in after the checkpoint: the next one is due that much sooner.
    pub folded: u64,
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
    let (mut from_seq, mut newest, mut facts) = (folded, Timestamp(0), 0);
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
                facts += 1;
            }
        }
    }
    Ok(Remembered { memory, newest, folded: facts })
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

/// Makes a commit durable. A lock that another program holds is waited for: nothing was written then, and nothing is lost.
pub async fn commit(journal: &Journal, commit: Commit) -> Result<Committed, StoreError> {
    for _ in 1..BUSY_TRIES {
        match journal.commit(commit.clone()).await {
            Err(StoreError::Busy) => {
                tracing::warn!("H0108: another program holds the write lock of the journal's database; waiting for it");
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            result => return result,
        }
    }
    journal.commit(commit).await
}

/// Saves the memory as it is after the fact number `seq`.
pub async fn checkpoint(journal: &Journal, memory: &Memory, seq: u64) -> Result<(), ShellError> {
    let value = serde_json::to_vec(&Checkpoint { seq, memory }).expect("the memory is plain data");
    let put = Put { space: SPACE.to_owned(), key: KEY.to_owned(), value: Some(value), expect: Expect::Any };
    match commit(journal, Commit { puts: vec![put], ..Commit::default() }).await {
        // The facts are durable all the same: the next start has more of them to fold, and the engine can go on.
        Err(StoreError::Invalid { reason }) => {
            tracing::error!(%reason, "the controller's memory is too large for a checkpoint");
            Ok(())
        }
        saved => Ok(saved.map(drop)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use homeostat_store::Options;
    use homeostat_vocabulary::{ActionId, InstanceId, ServiceName};

    /// Longer than the store itself waits for a lock.
    const LOCKED_FOR: Duration = Duration::from_millis(5_500);

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lock_of_another_program_is_waited_for() {
        // Somebody's database browser would stop the engine from acting for good.
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(folder.path(), Options::default()).expect("a journal");
        let other = rusqlite::Connection::open(folder.path().join("journal.db")).expect("another program");
        other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        let held = tokio::task::spawn_blocking(move || {
            std::thread::sleep(LOCKED_FOR);
            drop(other);
        });
        let record = record_of(&Fact::EngineStopped { services_kept: true }, Timestamp(1));
        let committed = commit(&journal, Commit::record(record)).await.expect("durable in the end");
        assert_eq!(committed.last_seq, 1);
        held.await.expect("the other program ended");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_memory_that_no_document_can_hold_does_not_stop_the_engine() {
        // After years of many repairs the engine would take its own bookkeeping for a broken disk.
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(folder.path(), Options::default()).expect("a journal");
        let mut memory = Memory::default();
        let service: ServiceName = "s".repeat(63).parse().expect("a name");
        for index in 0..u16::MAX {
            let instance = InstanceId { service: service.clone(), index };
            memory.apply(&Fact::InstanceHeld { instance, by: String::new(), action: ActionId(1) }, Timestamp(1));
        }
        checkpoint(&journal, &memory, 0).await.expect("the engine goes on");
    }
}
