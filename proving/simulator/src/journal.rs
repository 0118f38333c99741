//! A journal in memory with one writer: writes become durable one after the other, some time after they were asked for, and
//! a crash keeps what was durable and loses the rest.
//!
//! Facts and sagas share it, as they do in the real one. Always holds: `memory` is the fold over every durable fact.

use homeostat_controller::Memory;
use homeostat_saga::{Batch, End, Lease, LedgerError, Loaded, LogRecord, MemoryLedger, SagaId};
use homeostat_vocabulary::{Fact, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// One transaction.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// The facts of a turn.
    Facts(Vec<(Timestamp, Fact)>),
    /// A step of a saga.
    Saga(Box<Batch>),
}

/// What became of the oldest transaction that waited.
#[derive(Debug)]
pub(crate) enum Written {
    /// Facts, durable or lost.
    Facts(Vec<(Timestamp, Fact)>, Result<(), String>),
    /// A step of a saga, with the answer for its executor.
    Saga(SagaId, Vec<LogRecord>, Result<u64, LedgerError>),
}

/// The journal.
pub(crate) struct Journal {
    ledger: MemoryLedger,
    waiting: VecDeque<Write>,
    facts: Vec<(Timestamp, Fact)>,
    memory: Memory,
    checkpoint: (usize, Value),
    ended: BTreeMap<SagaId, End>,
    digest: Sha256,
    /// Set while the disk refuses everything.
    pub(crate) broken: Option<String>,
}

impl Journal {
    pub(crate) fn empty() -> Self {
        Self {
            ledger: MemoryLedger::new(),
            waiting: VecDeque::new(),
            facts: Vec::new(),
            memory: Memory::default(),
            checkpoint: (0, to_json(&Memory::default())),
            ended: BTreeMap::new(),
            digest: Sha256::new(),
            broken: None,
        }
    }

    pub(crate) fn ask(&mut self, write: Write) {
        self.waiting.push_back(write);
    }

    /// The oldest waiting write reaches the disk.
    pub(crate) fn write(&mut self) -> Option<Written> {
        let write = self.waiting.pop_front()?;
        Some(match (write, self.broken.clone()) {
            (Write::Facts(facts), Some(why)) => Written::Facts(facts, Err(why)),
            (Write::Saga(batch), Some(why)) => {
                Written::Saga(batch.saga.id.clone(), Vec::new(), Err(LedgerError::Io(why)))
            }
            (Write::Facts(facts), None) => {
                for (at, fact) in &facts {
                    self.digest_row(&(at, fact));
                    self.memory.apply(fact, *at);
                }
                self.facts.extend(facts.iter().cloned());
                Written::Facts(facts, Ok(()))
            }
            (Write::Saga(batch), None) => self.write_saga(*batch),
        })
    }

    fn write_saga(&mut self, batch: Batch) -> Written {
        let (id, records, end) = (batch.saga.id.clone(), batch.records.clone(), batch.saga.end.clone());
        let result = self.ledger.commit_now(batch);
        if result.is_ok() {
            self.digest_row(&(&id, &records));
            self.ended.extend(end.map(|end| (id.clone(), end)));
        }
        Written::Saga(id, records, result)
    }

    fn digest_row(&mut self, row: &impl serde::Serialize) {
        self.digest.update(serde_json::to_vec(row).expect("plain data has a JSON form"));
    }

    /// The engine dies: of what waited, the first `kept` writes reach the disk all the same, though nobody hears of it.
    pub(crate) fn crash(&mut self, kept: usize) -> Vec<Written> {
        let written = (0..kept).filter_map(|_| self.write()).collect();
        self.waiting.clear();
        written
    }

    /// Whether facts wait to be written.
    pub(crate) fn facts_wait(&self) -> bool {
        self.waiting.iter().any(|write| matches!(write, Write::Facts(_)))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Saves the memory as it is now, so that the next engine folds only what comes after.
    pub(crate) fn save_checkpoint(&mut self) {
        self.checkpoint = (self.facts.len(), to_json(&self.memory));
    }

    /// What a new engine remembers: the checkpoint, read back, with the later facts folded in.
    pub(crate) fn recall(&self) -> Memory {
        let (seq, saved) = &self.checkpoint;
        let mut memory: Memory = serde_json::from_value(saved.clone()).expect("a saved memory can be read");
        self.facts[*seq..].iter().for_each(|(at, fact)| memory.apply(fact, *at));
        memory
    }

    /// The fold over every durable fact.
    pub(crate) const fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn facts(&self) -> &[(Timestamp, Fact)] {
        &self.facts
    }

    /// The lease and the open sagas for a new executor; none while the disk refuses to write.
    pub(crate) fn take_over(&mut self, owner: &str) -> Option<(Lease, Vec<Loaded>)> {
        if self.broken.is_some() {
            return None;
        }
        let lease = self.ledger.take_lease_now(owner).ok()?;
        Some((lease, self.ledger.load_open_now()))
    }

    /// How a saga ended.
    pub(crate) fn end_of(&self, id: &SagaId) -> Option<&End> {
        self.ended.get(id)
    }

    /// A hash over everything durable, in order: the same for two runs that went the same way.
    pub(crate) fn fingerprint(&self) -> String {
        self.digest.clone().finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn to_json(memory: &Memory) -> Value {
    serde_json::to_value(memory).expect("a memory is plain data")
}
