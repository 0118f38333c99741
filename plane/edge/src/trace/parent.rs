//! `traceparent`: the grammar of its version 00, and as much of later versions as they promise to keep.
//!
//! Pure; never panics, whatever the bytes.

use super::{RANDOM, SAMPLED, TRACEPARENT};
use crate::hex;
use http::header::{HeaderMap, HeaderValue};

/// `00-` and 32, `-` and 16, `-` and 2 digits.
const LENGTH: usize = 55;

/// Who calls, as `traceparent` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace; never zero.
    pub trace_id: u128,
    /// The caller's span; never zero.
    pub span_id: u64,
    /// The flags that are known here: sampled, and random id.
    pub flags: u8,
}

impl Parent {
    /// Reads a `traceparent`; none when anything in it is not as the standard says.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() < LENGTH || text[2] != b'-' || text[35] != b'-' || text[52] != b'-' {
            return None;
        }
        let version = hex::read(&text[..2])?;
        match version {
            0 if text.len() == LENGTH => {}
            // Later versions may append; they may not change what is here.
            1..=0xfe if text.len() == LENGTH || text[LENGTH] == b'-' => {}
            _ => return None,
        }
        let trace_id = hex::read(&text[3..35]).filter(|id| *id != 0)?;
        let span_id = u64::try_from(hex::read(&text[36..52])?).ok().filter(|id| *id != 0)?;
        let flags = u8::try_from(hex::read(&text[53..55])?).ok()? & (SAMPLED | RANDOM);
        Some(Self { trace_id, span_id, flags })
    }

    /// Whether the caller records the trace.
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// As the value of a header, in version 00.
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex::write(self.trace_id, &mut text[3..35]);
        hex::write(u128::from(self.span_id), &mut text[36..52]);
        hex::write(u128::from(self.flags), &mut text[53..55]);
        HeaderValue::from_bytes(&text).expect("digits and hyphens are visible letters")
    }
}

/// The caller of a request; none when several say so, because then it is not known which of them does.
pub(super) fn in_headers(headers: &HeaderMap) -> Option<Parent> {
    let mut given = headers.get_all(TRACEPARENT).into_iter();
    match (given.next(), given.next()) {
        (Some(value), None) => Parent::parse(value.as_bytes()),
        _ => None,
    }
}
