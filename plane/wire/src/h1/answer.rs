//! How an answer is framed, by what it is and who asked.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode, Version};

use crate::body::Body;
use crate::head::{Framed, parse_length};

/// The framing of an answer. A length that the handler declared counts where the body itself does not know better.
pub(super) fn framed(method: &Method, version: Version, status: StatusCode, fields: &HeaderMap, body: &Body) -> Framed {
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        return Framed::None;
    }
    if *method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        return Framed::Described;
    }
    let declared = || fields.get(CONTENT_LENGTH).and_then(|length| parse_length(length.as_bytes()));
    match body.length().or_else(declared) {
        Some(length) => Framed::Length(length),
        None if version == Version::HTTP_11 => Framed::Chunked,
        None => Framed::Close,
    }
}
