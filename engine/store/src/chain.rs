//! The arithmetic of trust: how a record is chained to the one before, and how all documents are summed up in one seal.
//!
//! Used by the writer to make hashes and by `verify` to check them, so both agree by construction. Pure: no I/O.
//! The hashes find damage and careless edits; they are no signature, since whoever can write the file can rehash it.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub(crate) type Hash = [u8; 32];

/// What the first record of a journal is chained to.
pub(crate) const GENESIS: Hash = [0; 32];

/// A record's fields as bytes, borrowed from the caller or from a database page. Names are bytes because a damaged
/// row may not hold UTF-8 and must still be hashed to be named.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub at_ms: u64,
    pub class: u8,
    pub kind: &'a [u8],
    pub subject: &'a [u8],
    pub trace: &'a [u8],
    pub payload: &'a [u8],
}

/// The hash of record `seq`, chained to the hash before it. Every field has its length in front, so that no two
/// different records give the same bytes.
pub(crate) fn link(previous: &Hash, seq: u64, fields: &Fields<'_>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(seq.to_le_bytes());
    hasher.update(fields.at_ms.to_le_bytes());
    hasher.update([fields.class]);
    for field in [fields.kind, fields.subject, fields.trace, fields.payload] {
        update_sized(&mut hasher, field);
    }
    hasher.finalize().into()
}

/// The hash of one document at one version.
pub(crate) fn document(space: &[u8], key: &[u8], version: u64, value: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"document");
    for field in [space, key, value] {
        update_sized(&mut hasher, field);
    }
    hasher.update(version.to_le_bytes());
    hasher.finalize().into()
}

/// The hash of one consumer's offset.
pub(crate) fn offset(consumer: &[u8], seq: u64) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"offset");
    update_sized(&mut hasher, consumer);
    hasher.update(seq.to_le_bytes());
    hasher.finalize().into()
}

fn update_sized(hasher: &mut Sha256, field: &[u8]) {
    hasher.update((field.len() as u64).to_le_bytes());
    hasher.update(field);
}

/// The documents and offsets in sum. The sum is the exclusive or of the hashes of all of them: a change costs two
/// hashes whatever the number of documents, and one that is edited, lost or set back to an older version shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Transactions that changed documents or offsets.
    pub generation: u64,
    /// No new document gets a version at or below this one, so a deleted document's versions never come back.
    pub version_floor: u64,
    sum: Hash,
}

impl State {
    pub(crate) const EMPTY: Self = Self::without_items(0, 0);

    /// The state before any document or offset is added to the sum.
    pub(crate) const fn without_items(generation: u64, version_floor: u64) -> Self {
        Self { generation, version_floor, sum: [0; 32] }
    }

    /// Adds the hash of something that is there now, or takes it away when it was there before.
    pub(crate) fn toggle(&mut self, item: &Hash) {
        for (byte, other) in self.sum.iter_mut().zip(item) {
            *byte ^= other;
        }
    }

    /// What is stored: the sum, bound to the counters beside it.
    pub(crate) fn seal(&self) -> Hash {
        let mut sealed = *self;
        sealed.toggle(&self.counters());
        sealed.sum
    }

    /// The state whose `seal()` was stored.
    pub(crate) fn unseal(generation: u64, version_floor: u64, seal: Hash) -> Self {
        let mut state = Self { generation, version_floor, sum: seal };
        let counters = state.counters();
        state.toggle(&counters);
        state
    }

    fn counters(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(b"state");
        hasher.update(self.generation.to_le_bytes());
        hasher.update(self.version_floor.to_le_bytes());
        hasher.finalize().into()
    }
}
