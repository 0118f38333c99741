//! The head of an answer from an upstream: bytes to an `http` response and the framing of its body, as strict as for requests.
//!
//! What always holds: an answer whose end is in doubt is an error, so that its connection is never used again.

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, Method, Response, StatusCode, Version};
use thiserror::Error;

use super::{FieldError, Framing, HeadLimits, Scan, ScanError, fields};
use crate::headers::has_token;

/// Why the head of an answer is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// The lines are malformed.
    #[error("the head of the answer is malformed: {0}")]
    Lines(#[from] ScanError),
    /// The status line is malformed.
    #[error("the status line is malformed")]
    StatusLine,
    /// A header is malformed, or there are too many.
    #[error("a header of the answer is malformed: {0}")]
    Fields(#[from] FieldError),
    /// The head is longer than the limit.
    #[error("the head of the answer is too long")]
    TooLong,
    /// The headers do not say how the body ends, or say it twice.
    #[error("the length of the answer is in doubt")]
    Framing,
}

/// The head of an answer.
#[derive(Debug)]
pub struct ResponseHead {
    /// The answer without its body.
    pub response: Response<()>,
    /// How its body ends.
    pub framing: Framing,
    /// Whether the upstream keeps the connection.
    pub keep_alive: bool,
}

/// Looks whether the input begins with a whole head of an answer to a request with this method. `Ok(None)` asks for more.
pub fn parse_response(
    input: &Bytes,
    scan: &mut Scan,
    limits: &HeadLimits,
    method: &Method,
) -> Result<Option<(ResponseHead, usize)>, AnswerError> {
    let Some(end) = find_end(input, scan, limits)? else { return Ok(None) };
    read(&input.slice(..end), limits, method).map(|head| Some((head, end)))
}

/// Where the head ends.
pub(crate) fn find_end(input: &[u8], scan: &mut Scan, limits: &HeadLimits) -> Result<Option<usize>, AnswerError> {
    let end = scan.find_end(input)?;
    if end.unwrap_or(input.len()) > limits.bytes_max { Err(AnswerError::TooLong) } else { Ok(end) }
}

/// Reads a whole head.
pub(crate) fn read(block: &Bytes, limits: &HeadLimits, method: &Method) -> Result<ResponseHead, AnswerError> {
    let line_end = memchr::memchr(b'\n', block).ok_or(AnswerError::StatusLine)?;
    let (version, status) = status_line(&block[..line_end])?;
    let fields = fields::parse(block, line_end + 1, limits.fields_max)?;
    let framing = framing(&fields, version, status, method)?;
    let persistent = match version {
        Version::HTTP_11 => !has_token(&fields, &CONNECTION, "close"),
        _ => has_token(&fields, &CONNECTION, "keep-alive") && !has_token(&fields, &CONNECTION, "close"),
    };
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = version;
    *response.headers_mut() = fields;
    Ok(ResponseHead { response, framing, keep_alive: persistent && framing != Framing::Close })
}

fn status_line(line: &[u8]) -> Result<(Version, StatusCode), AnswerError> {
    let line = line.strip_suffix(b"\r").ok_or(AnswerError::StatusLine)?;
    let (version, rest) = line.split_at_checked(b"HTTP/1.1 ".len()).ok_or(AnswerError::StatusLine)?;
    let version = match version {
        b"HTTP/1.1 " => Version::HTTP_11,
        b"HTTP/1.0 " => Version::HTTP_10,
        _ => return Err(AnswerError::StatusLine),
    };
    let (code, reason) = rest.split_at_checked(3).ok_or(AnswerError::StatusLine)?;
    let printable = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    // Some servers leave the space out with the reason; the code is whole either way.
    if !reason.is_empty() && (reason[0] != b' ' || !reason.iter().all(printable)) {
        return Err(AnswerError::StatusLine);
    }
    let status = StatusCode::from_bytes(code).map_err(|_| AnswerError::StatusLine)?;
    if status.as_u16() > 599 { Err(AnswerError::StatusLine) } else { Ok((version, status)) }
}

fn framing(fields: &HeaderMap, version: Version, status: StatusCode, method: &Method) -> Result<Framing, AnswerError> {
    let declared = Framing::declared(fields, version).map_err(|_| AnswerError::Framing)?;
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(Framing::None);
    }
    Ok(match declared {
        _ if *method == Method::HEAD => Framing::None,
        Framing::None => Framing::Close,
        Framing::Length(0) => Framing::None,
        declared => declared,
    })
}
