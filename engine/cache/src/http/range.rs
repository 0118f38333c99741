//! Parts of a stored answer: RFC 9110, section 14. One range is cut from the whole; what is more than one, or no range we know, gets the
//! whole. Parts that come from an origin are passed through and never kept.

use std::ops::Range;

use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use http::{Method, StatusCode};

use super::conditional::is_range_valid;
use super::list::trim;

/// What a request for a part gets from a stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it, with the stored status.
    Whole,
    /// 206 with these bytes; see [`Part::apply`].
    Bytes(Range<u64>),
    /// 416: nothing of what is asked for is there.
    Unsatisfiable,
}

impl Part {
    /// What this request gets of a stored body of so many bytes.
    pub fn of(method: &Method, request: &HeaderMap, status: StatusCode, stored: &HeaderMap, length: u64) -> Self {
        // A range has no meaning but for GET, and RFC 9110 wants it ignored elsewhere.
        if method != Method::GET || status != StatusCode::OK || !is_range_valid(request.get(IF_RANGE), stored) {
            return Self::Whole;
        }
        let mut ranges = request.get_all(RANGE).iter();
        match (ranges.next().map(HeaderValue::to_str), ranges.next()) {
            (Some(Ok(range)), None) => read(range, length).unwrap_or(Self::Whole),
            _ => Self::Whole,
        }
    }

    /// Makes a stored head that of the part, and gives its status.
    pub fn apply(&self, headers: &mut HeaderMap, status: StatusCode, length: u64) -> StatusCode {
        let value = |text: String| HeaderValue::try_from(text).expect("digits are plain letters");
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        match self {
            Self::Whole => status,
            Self::Bytes(part) => {
                let last = part.end.saturating_sub(1);
                headers.insert(CONTENT_RANGE, value(format!("bytes {}-{last}/{length}", part.start)));
                headers.insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
                StatusCode::PARTIAL_CONTENT
            }
            Self::Unsatisfiable => {
                headers.insert(CONTENT_RANGE, value(format!("bytes */{length}")));
                headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
                StatusCode::RANGE_NOT_SATISFIABLE
            }
        }
    }
}

/// `None` for what is no single range of bytes.
fn read(range: &str, length: u64) -> Option<Part> {
    let (unit, spec) = range.split_once('=')?;
    let (first, last) = trim(spec).split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    if first.is_empty() {
        let count = position(last)?;
        return Some(match count.min(length) {
            0 => Part::Unsatisfiable,
            count => Part::Bytes(length - count..length),
        });
    }
    let first = position(first)?;
    let end = if last.is_empty() { length } else { position(last)?.saturating_add(1) };
    if end <= first && !last.is_empty() {
        return None;
    }
    Some(if first >= length { Part::Unsatisfiable } else { Part::Bytes(first..end.min(length)) })
}

/// Digits and nothing else; more than fits is beyond every end.
fn position(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}
