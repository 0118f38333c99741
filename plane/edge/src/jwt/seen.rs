//! Tokens that were found good a moment ago, so that a client's tenth request costs a comparison and no signature.
//!
//! A table of fixed size. Whole tokens are compared, not their hashes: nobody can bring another token that counts as this one. Tokens
//! stay in memory for a minute at most; they are never shown.

use super::Verified;
use hashbrown::DefaultHashBuilder;
use homeostat_vocabulary::Timestamp;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

/// The longest token that is kept; longer ones are verified each time.
const TOKEN_BYTES_MAX: usize = 4 << 10;
/// 4,096 places: 16 MiB if all tokens were as long as they may be, 4 MiB with usual ones.
const BUCKETS: usize = 1_024;
const WAYS: usize = 4;

struct Seen {
    hash: u64,
    token: Box<[u8]>,
    generation: u64,
    until: Timestamp,
    verified: Arc<Verified>,
}

pub(super) struct SeenTokens {
    hasher: DefaultHashBuilder,
    buckets: Vec<Mutex<[Option<Box<Seen>>; WAYS]>>,
}

impl SeenTokens {
    pub fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), buckets: (0..BUCKETS).map(|_| Mutex::default()).collect() }
    }

    pub fn find(&self, token: &[u8], generation: u64, wall: Timestamp) -> Option<Arc<Verified>> {
        let hash = self.hasher.hash_one(token);
        let bucket = self.bucket(hash).lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |seen: &Seen| seen.hash == hash && seen.generation == generation && *seen.token == *token;
        let seen = bucket.iter().flatten().find(|seen| is_it(seen))?;
        (wall < seen.until).then(|| seen.verified.clone())
    }

    /// Keeps a token, in place of itself, of nothing, or of the one whose time is over first.
    pub fn keep(&self, token: &[u8], generation: u64, until: Timestamp, verified: &Arc<Verified>) {
        if token.len() > TOKEN_BYTES_MAX {
            return;
        }
        let hash = self.hasher.hash_one(token);
        let seen = Box::new(Seen { hash, token: token.into(), generation, until, verified: verified.clone() });
        let mut bucket = self.bucket(hash).lock().unwrap_or_else(PoisonError::into_inner);
        let order = |place: &&mut Option<Box<Seen>>| match place {
            Some(other) if other.hash == hash => (0, Timestamp(0)),
            None => (1, Timestamp(0)),
            Some(other) => (2, other.until),
        };
        if let Some(place) = bucket.iter_mut().min_by_key(order) {
            *place = Some(seen);
        }
    }

    fn bucket(&self, hash: u64) -> &Mutex<[Option<Box<Seen>>; WAYS]> {
        &self.buckets[(hash >> 32) as usize % BUCKETS]
    }
}
