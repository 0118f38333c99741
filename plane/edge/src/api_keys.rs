//! Keys that were handed out, known by their hashes alone.
//!
//! Keys are made by the machine with at least 128 random bits. Of such a key a plain SHA-256 says nothing: there is no list of likely
//! ones to try. A slow hash (argon2id) protects passwords that people choose; here it would only let anybody burn our processor with
//! wrong keys, and it would cost each request a thousand times more. So a file must never hold the hash of a word that a person chose.

use hashbrown::{DefaultHashBuilder, HashTable};
use ring::digest;
use std::hash::BuildHasher;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The largest file: about 100,000 keys.
pub(crate) const FILE_BYTES_MAX: usize = 16 << 20;
/// The longest key that is hashed at all.
const KEY_BYTES_MAX: usize = 512;
/// The longest name of a key.
const NAME_BYTES_MAX: usize = 128;
const DIGEST_BYTES: usize = 32;

/// Why a file of keys cannot be used; a line is told by its number, never by what is in it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyFileError {
    /// It is no text.
    #[error("it is no UTF-8 text")]
    NoText,
    /// A line is not a name, a space and 64 hexadecimal digits.
    #[error("line {0} is not a name, a space and the SHA-256 of a key in 64 hexadecimal digits")]
    Line(usize),
    /// A name or a hash stands there twice.
    #[error("line {0} says again what an earlier line says")]
    Twice(usize),
}

/// Who has a key.
pub struct KeyFile {
    hasher: DefaultHashBuilder,
    holders: HashTable<Holder>,
}

struct Holder {
    digest: [u8; DIGEST_BYTES],
    name: Arc<str>,
}

impl KeyFile {
    /// Reads a file: each line a name, a space and the SHA-256 of the key in hexadecimal digits; empty lines and those that begin with
    /// `#` are passed over.
    ///
    /// # Errors
    /// When a line cannot be read. Nothing of a file with a mistake is used: half of the keys would be worse to find out than none.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let text = std::str::from_utf8(bytes).map_err(|_| KeyFileError::NoText)?;
        let mut file = Self { hasher: DefaultHashBuilder::default(), holders: HashTable::new() };
        let mut names = std::collections::HashSet::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, digits) = line.split_once([' ', '\t']).ok_or(KeyFileError::Line(number))?;
            let digest = read_digest(digits.trim()).ok_or(KeyFileError::Line(number))?;
            let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
            if name.len() > NAME_BYTES_MAX || !visible {
                return Err(KeyFileError::Line(number));
            }
            if !names.insert(name) || file.find(&digest).is_some() {
                return Err(KeyFileError::Twice(number));
            }
            let hash = file.hasher.hash_one(digest);
            let hasher = &file.hasher;
            file.holders
                .insert_unique(hash, Holder { digest, name: name.into() }, |holder| hasher.hash_one(holder.digest));
        }
        Ok(file)
    }

    /// Whose key this is.
    #[must_use]
    pub fn holder(&self, key: &[u8]) -> Option<Arc<str>> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return None;
        }
        let digest: [u8; DIGEST_BYTES] = digest::digest(&digest::SHA256, key).as_ref().try_into().ok()?;
        self.find(&digest).map(|holder| holder.name.clone())
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// Whether nobody has a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    fn find(&self, digest: &[u8; DIGEST_BYTES]) -> Option<&Holder> {
        self.holders.find(self.hasher.hash_one(digest), |holder| holder.digest.ct_eq(digest).into())
    }
}

fn read_digest(digits: &str) -> Option<[u8; DIGEST_BYTES]> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * DIGEST_BYTES {
        return None;
    }
    let mut digest = [0; DIGEST_BYTES];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(digest)
}
