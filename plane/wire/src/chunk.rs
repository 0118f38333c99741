//! The chunked transfer coding as a pure decoder and two encoders. The connections on both sides feed it; it never reads or waits.
//!
//! What always holds: any split of the same bytes gives the same data; nothing that another parser could read differently passes
//! (RFC 9112, section 7.1, without its leniencies). Chunk extensions are checked, bounded and dropped: no hop needs ours.

use thiserror::Error;

use crate::head::{Scan, ScanError};

/// Sixteen hexadecimal digits fill 64 bits; a longer size is an attack on somebody's integer.
const SIZE_DIGITS_MAX: u8 = 16;
/// All extensions of one body together, in bytes: they carry nothing for us, and a kilobyte for each byte of data is an attack.
const EXTENSION_BYTES_MAX: usize = 16 * 1024;

/// Why a chunked body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChunkError {
    /// The size is missing, signed, too long or not hexadecimal.
    #[error("a chunk size is not one to sixteen hexadecimal digits")]
    Size,
    /// A line does not end in CR LF.
    #[error("a chunk line does not end in CR LF")]
    LineEnd,
    /// A control character, or a quoted string that does not end on its line.
    #[error("a chunk extension is malformed")]
    Extension,
    /// More extensions than anyone needs.
    #[error("chunk extensions are too long")]
    ExtensionTooLong,
    /// The data is longer than its size says.
    #[error("chunk data is not followed by CR LF")]
    DataEnd,
    /// The trailer section has a line that is no field.
    #[error("the trailer section is malformed")]
    Trailers,
    /// The trailer section is longer than its limit.
    #[error("the trailer section is too long")]
    TrailersTooLong,
}

/// What the bytes at hand amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first `used` bytes are done with; keep the rest and come back with more.
    More {
        /// How many bytes to drop.
        used: usize,
    },
    /// Data of the body stands at `start..end`; drop everything before `end` once it is taken.
    Data {
        /// Where data begins.
        start: usize,
        /// Where data ends.
        end: usize,
    },
    /// The body is complete. The trailer fields stand at `trailers..used`, with the empty line.
    End {
        /// Where the trailer section begins.
        trailers: usize,
        /// Where the next message begins.
        used: usize,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    Size { value: u64, digits: u8 },
    Extension { size: u64, quoted: bool, escaped: bool },
    SizeLineFeed { size: u64 },
    Data { left: u64 },
    DataReturn,
    DataLineFeed,
    Trailers,
    Done,
}

/// Reads one chunked body, a step at a time.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    extension_bytes: usize,
    trailer_bytes_max: usize,
    scan: Scan,
}

impl Decoder {
    /// A decoder at the first byte of a body, with a limit on its trailer section.
    pub fn new(trailer_bytes_max: usize) -> Self {
        Self { state: State::START, extension_bytes: 0, trailer_bytes_max, scan: Scan::default() }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Looks at the bytes not yet used. An error is final.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        let mut at = 0;
        loop {
            match self.state {
                State::Data { left } => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                    if here == 0 {
                        return Ok(Step::More { used: at });
                    }
                    let left = left - here as u64;
                    self.state = if left == 0 { State::DataReturn } else { State::Data { left } };
                    return Ok(Step::Data { start: at, end: at + here });
                }
                State::Trailers => return self.trailers(input, at),
                State::Done => return Ok(Step::End { trailers: at, used: at }),
                _ => {}
            }
            let Some(byte) = input.get(at).copied() else { return Ok(Step::More { used: at }) };
            self.state = self.framing(byte)?;
            at += 1;
        }
    }

    /// One byte outside data and trailers.
    fn framing(&mut self, byte: u8) -> Result<State, ChunkError> {
        Ok(match self.state {
            State::Size { value, digits } => match (char::from(byte).to_digit(16), byte) {
                (Some(digit), _) if digits < SIZE_DIGITS_MAX => {
                    State::Size { value: (value << 4) | u64::from(digit), digits: digits + 1 }
                }
                (None, b'\r') if digits > 0 => State::SizeLineFeed { size: value },
                (None, b';') if digits > 0 => State::Extension { size: value, quoted: false, escaped: false },
                _ => return Err(ChunkError::Size),
            },
            State::Extension { size, quoted, escaped } => {
                self.extension_bytes += 1;
                if self.extension_bytes > EXTENSION_BYTES_MAX {
                    return Err(ChunkError::ExtensionTooLong);
                }
                match byte {
                    b'\r' if !quoted => State::SizeLineFeed { size },
                    b'\t' | b' '..=b'~' | 0x80.. => State::Extension {
                        size,
                        quoted: quoted ^ (byte == b'"' && !escaped),
                        escaped: quoted && byte == b'\\' && !escaped,
                    },
                    _ => return Err(ChunkError::Extension),
                }
            }
            State::SizeLineFeed { size } => match (byte, size) {
                (b'\n', 0) => State::Trailers,
                (b'\n', left) => State::Data { left },
                _ => return Err(ChunkError::LineEnd),
            },
            State::DataReturn if byte == b'\r' => State::DataLineFeed,
            State::DataLineFeed if byte == b'\n' => State::START,
            State::DataReturn | State::DataLineFeed => return Err(ChunkError::DataEnd),
            kept @ (State::Data { .. } | State::Trailers | State::Done) => kept,
        })
    }

    fn trailers(&mut self, input: &[u8], at: usize) -> Result<Step, ChunkError> {
        let section = &input[at..];
        let end = if section.starts_with(b"\r\n") { Ok(Some(2)) } else { self.scan.find_end(section) };
        match end {
            Ok(Some(length)) if length <= self.trailer_bytes_max => {
                self.state = State::Done;
                Ok(Step::End { trailers: at, used: at + length })
            }
            Ok(None) if section.len() <= self.trailer_bytes_max => Ok(Step::More { used: at }),
            Ok(_) => Err(ChunkError::TrailersTooLong),
            Err(ScanError::BareLineFeed | ScanError::EmptyLine) => Err(ChunkError::Trailers),
        }
    }
}

impl State {
    const START: Self = Self::Size { value: 0, digits: 0 };
}

/// Writes the line before a chunk of this size; the data and [`CHUNK_END`] follow it.
pub fn encode_size(size: usize, into: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let significant = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..significant).rev() {
        into.push(DIGITS[(size >> (digit * 4)) & 0xf]);
    }
    into.extend_from_slice(b"\r\n");
}

/// What follows the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";
/// The last chunk, before the trailer fields and an empty line.
pub const LAST_CHUNK: &[u8] = b"0\r\n";
