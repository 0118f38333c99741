//! The id of a request: in the log, in traces, in error pages, at the upstream and back at the client.
//!
//! Always holds: an id is 1 to 64 visible letters that mean nothing to a shell, to HTML or to JSON. One that came in is kept only from a
//! trusted hop, so that nobody outside can give two requests the same.

use crate::client::Client;
use crate::{hex, random};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

/// The longest id that is kept: a UUID has 36 letters, the longest of the large clouds 40.
const BYTES_MAX: usize = 64;
/// 128 bits in hexadecimal digits.
const OWN_BYTES: usize = 32;

/// The id of a request; kept in place, so that it costs no allocation until it is written into a header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    bytes: [u8; BYTES_MAX],
    length: u8,
}

impl RequestId {
    /// A new id of 128 bits.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = [0; BYTES_MAX];
        hex::write(random::next_u128(), &mut bytes[..OWN_BYTES]);
        Self { bytes, length: OWN_BYTES as u8 }
    }

    /// The id that a trusted hop gave, where that is wanted and there is exactly one good one; else a new one.
    #[must_use]
    pub fn of(header: Option<&HeaderName>, keep: bool, client: &Client, headers: &HeaderMap) -> Self {
        let Some(header) = header.filter(|_| keep && client.via_trusted) else { return Self::new() };
        let mut given = headers.get_all(header).into_iter();
        match (given.next().and_then(|value| Self::parse(value.as_bytes())), given.next()) {
            (Some(id), None) => id,
            _ => Self::new(),
        }
    }

    /// Reads an id; none when it is empty, too long, or holds a letter that could mean something elsewhere.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~:=+/@".contains(byte);
        if text.is_empty() || text.len() > BYTES_MAX || !text.iter().all(fits) {
            return None;
        }
        let mut bytes = [0; BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self { bytes, length: u8::try_from(text.len()).ok()? })
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("an id is made of ASCII letters")
    }

    /// The id as the value of a header: the one allocation that it costs.
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.bytes[..usize::from(self.length)]).expect("an id is made of visible letters")
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}
