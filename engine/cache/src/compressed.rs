//! Bytes that are kept compressed when that is worth it: zstd, level 1, only what is large enough and only if it saves enough.
//!
//! The length is noted when it is compressed and is the limit when it is decoded: what claims to be longer is refused, not unpacked.

/// Shorter bytes stay as they are: one packet of a network carries them anyway.
const WORTH_BYTES_MIN: usize = 1_024;

/// It must save at least a tenth, or decoding it again costs more than the space.
const SAVING_MIN: usize = 10;

/// Level 1: three times as fast as level 3, and within a tenth of its size on text.
const LEVEL: i32 = 1;

/// Bytes, compressed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Plain(Box<[u8]>),
    Zstd { bytes: Box<[u8]>, length: usize },
}

/// Bytes that cannot be decoded within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCompressed {
    /// They are longer than the caller can take.
    #[error("the decoded bytes are {length}, the limit is {limit}")]
    TooLong {
        /// What they say they are.
        length: usize,
        /// What was allowed.
        limit: usize,
    },
    /// They are not what was compressed.
    #[error("the compressed bytes are damaged")]
    Damaged,
}

impl Compressed {
    /// These bytes, compressed if that is worth it.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.len() >= WORTH_BYTES_MIN
            && let Ok(packed) = zstd::bulk::compress(bytes, LEVEL)
            && packed.len() <= bytes.len() - bytes.len() / SAVING_MIN
        {
            return Self(Form::Zstd { bytes: packed.into(), length: bytes.len() });
        }
        Self(Form::Plain(bytes.into()))
    }

    /// Bytes that came from outside, compressed there, and said to have this length.
    pub fn received(bytes: Box<[u8]>, length: usize) -> Self {
        Self(Form::Zstd { bytes, length })
    }

    /// The bytes as they were, if they are at most `limit`.
    ///
    /// # Errors
    /// When they are longer, or damaged.
    pub fn decoded(&self, limit: usize) -> Result<std::borrow::Cow<'_, [u8]>, InvalidCompressed> {
        match &self.0 {
            Form::Plain(bytes) if bytes.len() <= limit => Ok(bytes.as_ref().into()),
            Form::Plain(bytes) => Err(InvalidCompressed::TooLong { length: bytes.len(), limit }),
            Form::Zstd { length, .. } if *length > limit => Err(InvalidCompressed::TooLong { length: *length, limit }),
            Form::Zstd { bytes, length } => match zstd::bulk::decompress(bytes, *length) {
                Ok(plain) if plain.len() == *length => Ok(plain.into()),
                _ => Err(InvalidCompressed::Damaged),
            },
        }
    }

    /// What is kept, in bytes.
    pub fn stored_bytes(&self) -> usize {
        match &self.0 {
            Form::Plain(bytes) | Form::Zstd { bytes, .. } => bytes.len(),
        }
    }

    /// Whether compressing was worth it.
    pub fn is_compressed(&self) -> bool {
        matches!(self.0, Form::Zstd { .. })
    }

    /// The zstd frame as it is, for a reader that takes zstd itself.
    pub fn frame(&self) -> Option<&[u8]> {
        match &self.0 {
            Form::Plain(_) => None,
            Form::Zstd { bytes, .. } => Some(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Compressed, InvalidCompressed};

    #[test]
    fn only_what_is_worth_it_is_compressed_and_nothing_unpacks_beyond_its_limit() {
        // Would break: noise that is stored larger, or a small frame that unpacks into all memory.
        let text = b"all work and no play ".repeat(200);
        let packed = Compressed::of(&text);
        assert!(packed.is_compressed() && packed.stored_bytes() < text.len() / 10);
        assert_eq!(packed.decoded(text.len()).unwrap().as_ref(), text);
        let too_long = InvalidCompressed::TooLong { length: text.len(), limit: 4 };
        assert_eq!(packed.decoded(4).unwrap_err(), too_long);
        assert!(!Compressed::of(&text[..1_000]).is_compressed());
        let mut noise = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (noise >> 56) as u8
        })
        .take(5_000)
        .collect();
        assert!(!Compressed::of(&noise).is_compressed());
        // A frame that holds more than it says, and one that is none.
        let lying = Compressed::received(packed.frame().unwrap().into(), 100);
        assert_eq!(lying.decoded(1_000_000).unwrap_err(), InvalidCompressed::Damaged);
        let garbage = Compressed::received(Box::from(&b"no frame"[..]), 100);
        assert_eq!(garbage.decoded(100).unwrap_err(), InvalidCompressed::Damaged);
    }
}
