//! How long the body of a message is, by the headers that say so. The one place where smuggling is decided: every doubt is an error.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Version};

use crate::refusal::Refusal;

/// How the body of a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// After so many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// When the sender closes; answers only.
    Close,
}

impl Framing {
    /// The framing that the headers declare, for a request or an answer; `None` where they declare none.
    pub fn declared(fields: &HeaderMap, version: Version) -> Result<Self, Refusal> {
        let length = declared_length(fields)?;
        let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
        let Some(coding) = codings.next() else {
            return Ok(length.map_or(Self::None, Self::Length));
        };
        if length.is_some() {
            return Err(Refusal::LengthAndEncoding);
        }
        if version != Version::HTTP_11 || codings.next().is_some() {
            return Err(Refusal::TransferEncoding);
        }
        if coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Ok(Self::Chunked);
        }
        Err(if is_list_of_known_codings(coding.as_bytes()) {
            Refusal::TransferCoding
        } else {
            Refusal::TransferEncoding
        })
    }
}

/// The length, given at most once, in digits alone. `5, 5` and two equal lines are refused too: somebody on the way joined two
/// messages, or hopes that we do.
fn declared_length(fields: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    if lengths.next().is_some() {
        return Err(Refusal::ContentLength);
    }
    parse_length(first.as_bytes()).map(Some).ok_or(Refusal::ContentLength)
}

/// Digits alone to a number, without a sign, a space or an overflow.
pub(crate) fn parse_length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// `gzip, chunked` is a request that we understand and do not serve (501); anything else is malformed (400).
fn is_list_of_known_codings(value: &[u8]) -> bool {
    const KNOWN: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];
    let mut codings = value.split(|byte| *byte == b',').map(super::trim).rev();
    let last = codings.next().unwrap_or_default();
    let known = |coding: &[u8]| KNOWN.iter().any(|name| coding.eq_ignore_ascii_case(name));
    last.eq_ignore_ascii_case(b"chunked") && value.len() > last.len() && codings.all(known)
}

/// Fields that mean something only in a head: framing, routing, authentication and control of caches (RFC 9110, section 6.5.1).
/// A trailer section with one of them is refused rather than cleaned: no honest sender writes it.
pub fn is_forbidden_in_trailers(name: &HeaderName) -> bool {
    const FORBIDDEN: [&str; 28] = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "expires",
        "forwarded",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "max-forwards",
        "proxy-authorization",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    ];
    FORBIDDEN.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
}
