//! The journal as a durable source of the reactor: records are read from any offset, and what a consumer makes of them is
//! one commit with its offset.
//!
//! Used through `Durable::consume` and `Consumer` of `homeostat-reactor`. What always holds: only records that are on
//! disk are handed out; a gap in the numbers is an error, never a skip; reading happens on a blocking thread, one read
//! at a time for a source and all its clones.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_reactor::durable::{Advance, Answer, Checkpoint, DurableSource, Effects, Offset, Snapshot, SourceError};
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::journal::Journal;
use crate::reader::Reader;
use crate::record::{
    COMMIT_BYTES_MAX, COMMIT_ITEMS_MAX, Commit, Entry, Expect, Put, Record, VALUE_BYTES_MAX, check_consumer,
};

/// The space of documents that holds the snapshots of consumers, by their names. Effects must keep out of it.
pub const SNAPSHOT_SPACE: &str = "durable.snapshots";

/// Payloads read at once: few enough to be held while they are folded.
const READ_BYTES_MAX: usize = 8 * 1024 * 1024;

/// At half of what a commit may hold effects count as full: those of the last item, up to as much again, still have room.
const EFFECTS_BYTES_FULL: usize = COMMIT_BYTES_MAX / 2;
const EFFECTS_ITEMS_FULL: usize = COMMIT_ITEMS_MAX / 2;

/// What stands before the state in a snapshot.
const SNAPSHOT_OFFSET_BYTES: usize = size_of::<u64>();

/// How often another process's journal is looked at: its records cannot wake us.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a consumer's items lead to in the journal itself.
///
/// A document that is put several times in one batch is written once, as it was put last. One commit holds all effects of an item, so
/// these have limits, beyond which the run ends with an error at that item: 4 MiB ([`VALUE_BYTES_MAX`]) for each payload and value,
/// 1,024 bytes for each name and key, and 8 MiB and 32,000 records and documents for all of one item together.
///
/// A snapshot of the consumer's state has 4 MiB too. One that is larger, or finds no room beside the effects, is left out with a
/// warning: the last one stays, and a new run folds again what came after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalEffects {
    records: Vec<Record>,
    documents: BTreeMap<(String, String), Option<Vec<u8>>>,
    /// All that was ever put, also what a later put has replaced.
    bytes: usize,
}

impl JournalEffects {
    /// Nothing but the offset.
    pub fn none() -> Self {
        Self::default()
    }

    /// Appends a record.
    #[must_use]
    pub fn record(mut self, record: Record) -> Self {
        self.bytes += record.payload.len();
        self.records.push(record);
        self
    }

    /// Writes a document, whatever is there.
    #[must_use]
    pub fn put(self, space: impl Into<String>, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.document(space.into(), key.into(), Some(value.into()))
    }

    /// Deletes a document.
    #[must_use]
    pub fn delete(self, space: impl Into<String>, key: impl Into<String>) -> Self {
        self.document(space.into(), key.into(), None)
    }

    fn document(mut self, space: String, key: String, value: Option<Vec<u8>>) -> Self {
        self.bytes += value.as_ref().map_or(0, Vec::len);
        self.documents.insert((space, key), value);
        self
    }
}

impl Effects for JournalEffects {
    fn then(&mut self, later: Self) {
        self.records.extend(later.records);
        self.documents.extend(later.documents);
        self.bytes += later.bytes;
    }

    fn is_full(&self) -> bool {
        self.bytes >= EFFECTS_BYTES_FULL || self.records.len() + self.documents.len() >= EFFECTS_ITEMS_FULL
    }
}

/// A journal to be consumed. Cheap to clone; made by [`Journal::source`] or [`JournalSource::read_only`].
///
/// ```
/// use homeostat_reactor::durable::{Durable, Offset};
/// use homeostat_store::{Commit, Entry, Journal, JournalEffects, Options, Record};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let journal = Journal::open(folder.path(), Options::default())?;
/// journal.commit(Commit { records: vec![Record::default(); 3], ..Commit::default() }).await?;
///
/// let number = |count: &mut u64, entry: Entry| {
///     *count += 1;
///     JournalEffects::none().put("numbers", entry.seq.to_string(), count.to_string())
/// };
/// let counter = Durable::consume(journal.source()?, "counter", Offset::START).fold(0, number);
/// assert_eq!(counter.catch_up().await?.state, 3);
///
/// let reader = journal.reader()?;
/// assert_eq!((reader.offset("counter")?, reader.documents("numbers")?.len()), (Some(3), 3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct JournalSource {
    reader: Arc<Mutex<Reader>>,
    writer: Writer,
}

#[derive(Debug, Clone)]
enum Writer {
    Here(Journal),
    /// In another process, or nowhere.
    Elsewhere(Clock),
}

impl JournalSource {
    pub(crate) fn live(journal: Journal, reader: Reader) -> Self {
        Self { reader: Arc::new(Mutex::new(reader)), writer: Writer::Here(journal) }
    }

    /// The journal in `folder`, of a running engine or a copy, for reading only: what is appended is followed by looking
    /// again now and then, and no consumer can commit.
    pub fn read_only(folder: &Path, clock: Clock) -> Result<Self, StoreError> {
        let reader = Arc::new(Mutex::new(Reader::open(folder)?));
        Ok(Self { reader, writer: Writer::Elsewhere(clock) })
    }

    /// Reads on a blocking thread, after the reads before it. A caller that no longer waits leaves at most this one
    /// read behind, which then ends.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T, StoreError> {
        let reader = Arc::clone(&self.reader).lock_owned().await;
        let reading = tokio::task::spawn_blocking(move || read(&reader)).await;
        reading.unwrap_or_else(|error| Err(StoreError::io("reading the journal", error))).map_err(sorted)
    }

    /// The last record that is acknowledged; unknown when nobody here writes.
    fn acknowledged(&self) -> Option<u64> {
        match &self.writer {
            Writer::Here(journal) => Some(*journal.durable().borrow()),
            Writer::Elsewhere(_) => None,
        }
    }
}

impl DurableSource for JournalSource {
    type Item = Entry;
    type Effects = JournalEffects;
    type Error = StoreError;

    async fn read(&self, after: Offset, max: usize) -> Answer<Vec<(Offset, Entry)>, StoreError> {
        let acknowledged = self.acknowledged();
        let read = self.reading(move |reader| {
            let last = acknowledged.map_or_else(|| reader.last_seq(), Ok)?;
            let there = usize::try_from(last.saturating_sub(after.0)).unwrap_or(usize::MAX);
            Ok((last, reader.entries_within(after.0.saturating_add(1), max.max(1).min(there), READ_BYTES_MAX)?))
        });
        let (last, entries) = read.await?;
        if after.0 > last {
            return Err(SourceError::Ahead { after, last: Offset(last) });
        }
        check_gapless(after, last, &entries)?;
        Ok(entries.into_iter().map(|entry| (Offset(entry.seq), entry)).collect())
    }

    async fn more(&self, after: Offset) -> Answer<(), StoreError> {
        match &self.writer {
            Writer::Here(journal) => {
                let mut durable = journal.durable();
                let woken = durable.wait_for(|last| *last > after.0 || journal.ended().is_some()).await;
                let has_more = woken.is_ok_and(|last| *last > after.0);
                let ended = || SourceError::Failed(journal.ended().unwrap_or(StoreError::Closed));
                if has_more { Ok(()) } else { Err(ended()) }
            }
            Writer::Elsewhere(clock) => {
                while self.reading(|reader| reader.last_seq()).await? <= after.0 {
                    clock.sleep(LOOK_EVERY).await;
                }
                Ok(())
            }
        }
    }

    async fn checkpoint(&self, consumer: &str) -> Answer<Checkpoint, StoreError> {
        // Now, and not when it has folded all there is.
        check_consumer(consumer).map_err(SourceError::Failed)?;
        let consumer = consumer.to_owned();
        let read = self.reading(move |reader| {
            reader.at_one_instant(|reader| Ok((reader.offset(&consumer)?, reader.document(SNAPSHOT_SPACE, &consumer)?)))
        });
        let (committed, document) = read.await?;
        let snapshot = document.map(|document| read_snapshot(&document.value)).transpose().map_err(sorted)?;
        Ok(Checkpoint { committed: committed.map(Offset), snapshot })
    }

    async fn commit(&self, advance: &Advance<JournalEffects>) -> Answer<(), StoreError> {
        match &self.writer {
            Writer::Here(journal) => journal.commit(commit_of(advance)).await.map(|_| ()).map_err(sorted),
            Writer::Elsewhere(_) => {
                let reason = "this source was opened for reading only".to_owned();
                Err(SourceError::Failed(StoreError::ReadOnly { reason }))
            }
        }
    }
}

/// Records are numbered without gaps: what is missing at the beginning was pruned, what is missing elsewhere is damage.
fn check_gapless(after: Offset, last: u64, entries: &[Entry]) -> Answer<(), StoreError> {
    let missing = |seq: u64| {
        let reason = format!("record {seq} is missing");
        Err(SourceError::Failed(StoreError::Damaged { reason }))
    };
    let mut next = after.0 + 1;
    if let Some(first) = entries.first()
        && first.seq != next
    {
        return Err(SourceError::Pruned { after, first: Offset(first.seq) });
    }
    for entry in entries {
        if entry.seq != next {
            return missing(next);
        }
        next += 1;
    }
    if entries.is_empty() && last > after.0 { missing(next) } else { Ok(()) }
}

fn commit_of(advance: &Advance<JournalEffects>) -> Commit {
    let Advance { consumer, expected, upto, effects, snapshot } = advance;
    let documents = effects.documents.iter().map(|((space, key), value)| Put {
        space: space.clone(),
        key: key.clone(),
        value: value.clone(),
        expect: Expect::Any,
    });
    let snapshot = snapshot.as_ref().filter(|snapshot| has_room(consumer, effects, snapshot)).map(|snapshot| Put {
        space: SNAPSHOT_SPACE.to_owned(),
        key: consumer.clone(),
        value: Some(write_snapshot(snapshot)),
        expect: Expect::Any,
    });
    Commit {
        records: effects.records.clone(),
        puts: documents.chain(snapshot).collect(),
        offsets: vec![(consumer.clone(), upto.0)],
        expected_offsets: vec![(consumer.clone(), expected.map(|offset| offset.0))],
    }
}

/// Whether the journal takes a snapshot together with these effects. It only saves a later run work: for want of room it is left
/// out, and the consumer goes on.
fn has_room(consumer: &str, effects: &JournalEffects, snapshot: &Snapshot) -> bool {
    let payloads = effects.records.iter().map(|record| record.payload.len());
    let values = effects.documents.values().map(|value| value.as_ref().map_or(0, Vec::len));
    let bytes = SNAPSHOT_OFFSET_BYTES + snapshot.bytes.len();
    // Beside the records and documents: the snapshot, the offset and the offset that is expected.
    let items = effects.records.len() + effects.documents.len() + 3;
    let has_room = bytes <= VALUE_BYTES_MAX
        && payloads.chain(values).sum::<usize>() + bytes <= COMMIT_BYTES_MAX
        && items <= COMMIT_ITEMS_MAX;
    if !has_room {
        tracing::warn!(
            consumer, bytes, offset = %snapshot.offset,
            "a snapshot is too large and was left out: the next run folds again what came after the one before"
        );
    }
    has_room
}

/// The offset in eight bytes, the least first, then the state.
fn write_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    [&snapshot.offset.0.to_le_bytes(), snapshot.bytes.as_slice()].concat()
}

fn read_snapshot(value: &[u8]) -> Result<Snapshot, StoreError> {
    let Some((offset, bytes)) = value.split_first_chunk() else {
        return Err(StoreError::Damaged { reason: "a consumer's snapshot is too short to be one".to_owned() });
    };
    Ok(Snapshot { offset: Offset(u64::from_le_bytes(*offset)), bytes: bytes.to_owned() })
}

/// Only a busy lock promises that nothing was done.
fn sorted(error: StoreError) -> SourceError<StoreError> {
    match error {
        StoreError::OffsetMoved { expected, found, .. } => {
            SourceError::Fenced { expected: expected.map(Offset), found: found.map(Offset) }
        }
        StoreError::Busy => SourceError::Transient(StoreError::Busy),
        lasting => SourceError::Failed(lasting),
    }
}
