//! The head file: a second, tiny witness of what was acknowledged.
//!
//! SQLite drops a damaged frame of its write-ahead log and, silently, all frames after it. So before a group is
//! acknowledged its last sequence number and hashes are also written here, and `open` and `verify` compare the two:
//! acknowledged rows that are gone are noticed. Two slots alternate, each with a checksum, so that a torn write
//! spoils at most the newer one. The file is not synced: after a power cut it may lag behind the journal, which is
//! harmless, but it never runs ahead of what the journal had made durable.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::chain::Hash;
use crate::error::StoreError;
use crate::schema::{self, Meta};

const HEAD_FILE: &str = "journal.head";
const MAGIC: &[u8; 8] = b"hstHead1";
/// Slots lie a page apart, so that no single torn block can hold both.
const SLOT_DISTANCE_BYTES: u64 = 4096;
const BODY_BYTES: usize = 8 + 8 + 8 + 32 + 32;
const SLOT_BYTES: usize = BODY_BYTES + 32;

/// A slot that a running engine is just writing looks torn: look again before calling it damaged.
const READINGS_MAX: u32 = 3;
const READING_PAUSE: Duration = Duration::from_millis(1);

/// What had been acknowledged at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    /// The last record.
    pub seq: u64,
    /// The last transaction that changed documents or offsets.
    pub generation: u64,
    /// The last record's hash.
    pub hash: Hash,
    /// The seal of documents and offsets.
    pub seal: Hash,
}

/// How the database falls short of what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contradiction {
    /// Records at the end are gone.
    TailMissing { acknowledged: u64, found: u64 },
    /// The record is there, but it is not the one that was acknowledged.
    RecordDiffers { seq: u64 },
    /// Documents and offsets stand at an older change.
    DocumentsBehind { acknowledged: u64, found: u64 },
    /// Documents and offsets stand at the same change with other contents.
    DocumentsDiffer,
}

impl Head {
    /// Holds the database against this head. The head must have been read first: it never runs ahead of what the
    /// database had at that time.
    pub(crate) fn contradiction(
        &self,
        connection: &Connection,
        meta: &Meta,
        last_seq: u64,
    ) -> Result<Option<Contradiction>, StoreError> {
        if last_seq < self.seq {
            return Ok(Some(Contradiction::TailMissing { acknowledged: self.seq, found: last_seq }));
        }
        if self.seq >= meta.base_seq {
            let stored = schema::hash_of(connection, meta, self.seq)
                .map_err(|error| StoreError::sqlite("reading the last acknowledged record", &error))?;
            if stored != Some(self.hash) {
                return Ok(Some(Contradiction::RecordDiffers { seq: self.seq }));
            }
        }
        let generation = meta.state.generation;
        if generation < self.generation {
            return Ok(Some(Contradiction::DocumentsBehind { acknowledged: self.generation, found: generation }));
        }
        if generation == self.generation && meta.state.seal() != self.seal {
            return Ok(Some(Contradiction::DocumentsDiffer));
        }
        Ok(None)
    }
}

impl From<Contradiction> for StoreError {
    fn from(contradiction: Contradiction) -> Self {
        let reason = match contradiction {
            Contradiction::TailMissing { acknowledged, found } => return Self::TailMissing { acknowledged, found },
            Contradiction::RecordDiffers { seq } => format!("record {seq} is not the one that was acknowledged"),
            Contradiction::DocumentsBehind { acknowledged, found } => {
                format!("documents stand at change {found}, but changes up to {acknowledged} were acknowledged")
            }
            Contradiction::DocumentsDiffer => "documents are not those that were acknowledged".to_owned(),
        };
        Self::Damaged { reason }
    }
}

/// What the head file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadReading {
    /// There is no such file, or it is empty: a fresh journal, or a copy made without it.
    Absent,
    /// The newest whole slot, and whether the other slot is whole too.
    Present { head: Head, both_whole: bool },
    /// There is a file, but neither slot is whole.
    Unreadable,
}

impl HeadReading {
    pub(crate) fn head(self) -> Option<Head> {
        match self {
            Self::Present { head, .. } => Some(head),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Reads the head file of a folder without changing it.
pub(crate) fn read(folder: &Path) -> std::io::Result<HeadReading> {
    let mut reading = read_once(folder)?;
    for _ in 0..READINGS_MAX {
        if matches!(reading, HeadReading::Absent | HeadReading::Present { both_whole: true, .. }) {
            break;
        }
        std::thread::sleep(READING_PAUSE);
        reading = read_once(folder)?;
    }
    Ok(reading)
}

fn read_once(folder: &Path) -> std::io::Result<HeadReading> {
    let bytes = match std::fs::read(path(folder)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HeadReading::Absent),
        Err(error) => return Err(error),
    };
    if bytes.is_empty() {
        return Ok(HeadReading::Absent);
    }
    let second = bytes.get(SLOT_DISTANCE_BYTES as usize..).unwrap_or_default();
    let slots = [decode(&bytes), decode(second)];
    let both_whole = slots.iter().all(Option::is_some);
    // Both numbers only ever grow, so the greater slot is the newer.
    Ok(match slots.into_iter().flatten().max() {
        Some(head) => HeadReading::Present { head, both_whole },
        None => HeadReading::Unreadable,
    })
}

pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(HEAD_FILE)
}

/// The open head file of the one writer.
#[derive(Debug)]
pub(crate) struct HeadFile {
    file: File,
    next_slot: u64,
}

impl HeadFile {
    /// Opens or creates the file and writes `head` into both slots, which also allocates its blocks: later writes
    /// need no room on the disk.
    pub(crate) fn create(folder: &Path, head: &Head) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path(folder))?;
        let mut this = Self { file, next_slot: 0 };
        this.write(head)?;
        this.write(head)?;
        this.file.sync_all()?;
        Ok(this)
    }

    /// Writes `head` over the older slot.
    pub(crate) fn write(&mut self, head: &Head) -> std::io::Result<()> {
        self.file.write_all_at(&encode(head), self.next_slot * SLOT_DISTANCE_BYTES)?;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }
}

fn encode(head: &Head) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..16].copy_from_slice(&head.seq.to_le_bytes());
    slot[16..24].copy_from_slice(&head.generation.to_le_bytes());
    slot[24..56].copy_from_slice(&head.hash);
    slot[56..BODY_BYTES].copy_from_slice(&head.seal);
    let checksum: Hash = Sha256::digest(&slot[..BODY_BYTES]).into();
    slot[BODY_BYTES..].copy_from_slice(&checksum);
    slot
}

fn decode(bytes: &[u8]) -> Option<Head> {
    let slot: &[u8; SLOT_BYTES] = bytes.first_chunk()?;
    let checksum: Hash = Sha256::digest(&slot[..BODY_BYTES]).into();
    if slot[BODY_BYTES..] != checksum || slot[..8] != MAGIC[..] {
        return None;
    }
    Some(Head {
        seq: u64::from_le_bytes(slot[8..16].try_into().ok()?),
        generation: u64::from_le_bytes(slot[16..24].try_into().ok()?),
        hash: slot[24..56].try_into().ok()?,
        seal: slot[56..BODY_BYTES].try_into().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(seq: u64) -> Head {
        Head { seq, generation: seq / 2, hash: [seq as u8; 32], seal: [1; 32] }
    }

    /// If this breaks, a torn write of the head would hide the last good one.
    #[test]
    fn newest_whole_slot_wins() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert_eq!(read(folder.path())?, HeadReading::Absent);
        let mut file = HeadFile::create(folder.path(), &head(1))?;
        file.write(&head(2))?;
        file.write(&head(3))?;
        assert_eq!(read(folder.path())?, HeadReading::Present { head: head(3), both_whole: true });

        let mut bytes = std::fs::read(path(folder.path()))?;
        bytes[SLOT_DISTANCE_BYTES as usize + 20] ^= 1;
        std::fs::write(path(folder.path()), &bytes)?;
        assert_eq!(read(folder.path())?, HeadReading::Present { head: head(2), both_whole: false });

        bytes[20] ^= 1;
        std::fs::write(path(folder.path()), &bytes)?;
        assert_eq!(read(folder.path())?, HeadReading::Unreadable);
        Ok(())
    }
}
