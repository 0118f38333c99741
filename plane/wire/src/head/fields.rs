//! Field lines to a header map, strictly. Called for requests, answers and trailers once their section is complete.
//!
//! What always holds: values are slices of the block that was read, not copies; a name is a token right up to its colon; a folded
//! line, a control character or an empty name is an error, never repaired. The `http` crate's types check names and values
//! byte for byte, so there is no second tokeniser in front of them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr;
use thiserror::Error;

/// Why a section of fields is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FieldError {
    /// A line begins with a space: an old way to fold, which parsers read differently.
    #[error("a header line is folded")]
    Folded,
    /// No colon, or something else than a token before it.
    #[error("a header name is malformed")]
    Name,
    /// A control character in a value.
    #[error("a header value has a control character")]
    Value,
    /// More fields than the limit.
    #[error("there are too many headers")]
    TooMany,
}

/// Reads the field lines at `from..` of a block that ends in an empty line.
pub fn parse(block: &Bytes, from: usize, fields_max: usize) -> Result<HeaderMap, FieldError> {
    // Most heads have fewer: one growth at most for the others.
    const FIELDS_USUAL: usize = 12;
    let mut fields = HeaderMap::with_capacity(FIELDS_USUAL);
    let mut at = from;
    while let Some(length) = memchr(b'\n', &block[at..]) {
        let line = block[at..at + length].strip_suffix(b"\r").ok_or(FieldError::Value)?;
        if line.is_empty() {
            break;
        }
        if fields.len() == fields_max {
            return Err(FieldError::TooMany);
        }
        let (name, value) = split(line)?;
        let value = HeaderValue::from_maybe_shared(block.slice_ref(value)).map_err(|_| FieldError::Value)?;
        fields.append(name, value);
        at += length + 1;
    }
    Ok(fields)
}

fn split(line: &[u8]) -> Result<(HeaderName, &[u8]), FieldError> {
    if matches!(line[0], b' ' | b'\t') {
        return Err(FieldError::Folded);
    }
    let colon = memchr(b':', line).ok_or(FieldError::Name)?;
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| FieldError::Name)?;
    Ok((name, trim(&line[colon + 1..])))
}

/// A value without the spaces and tabs around it.
pub fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
