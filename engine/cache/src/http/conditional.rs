//! Questions whether something has changed: those of clients, answered from what is stored, and ours to the origin. RFC 9110, section 13.

use std::time::SystemTime;

use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, VARY,
};
use http::{Method, StatusCode};

use super::freshness::date;
use super::list::{MEMBERS_MAX, trim};

/// A validator: weak ones say that two answers are as good as each other, strong ones that they are the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag<'a> {
    /// Whether it is weak.
    pub is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> ETag<'a> {
    /// Reads one. Without its quotes, which some origins forget, it is taken for what it was meant to be: both sides of a comparison
    /// are read alike.
    fn read(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (is_weak, rest) = match text {
            [b'W' | b'w', b'/', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let opaque = match rest {
            [b'"', inner @ .., b'"'] => inner,
            other => other,
        };
        (!text.is_empty() && !opaque.contains(&b'"')).then_some(Self { is_weak, opaque })
    }

    /// The same bytes.
    pub fn is_same_strongly(&self, other: &Self) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }

    /// As good as each other.
    pub fn is_same_weakly(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }
}

/// The validator of an answer.
pub fn etag(headers: &HeaderMap) -> Option<ETag<'_>> {
    ETag::read(headers.get(ETAG)?.as_bytes())
}

/// Whether a request that asks for changes is answered with 304, from a stored answer that may be served. Only for 200 and only for
/// GET and HEAD; `If-None-Match` goes before `If-Modified-Since`.
pub fn is_not_modified(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    stored: &HeaderMap,
    answered_at: SystemTime,
) -> bool {
    if status != StatusCode::OK || !(method == Method::GET || method == Method::HEAD) {
        return false;
    }
    if request.contains_key(IF_NONE_MATCH) {
        return matches_any(request, etag(stored));
    }
    let Some(since) = date(request, IF_MODIFIED_SINCE) else { return false };
    // Without a date of the last change, that of the answer, and else when it came: it cannot have changed later.
    let changed_at = date(stored, LAST_MODIFIED).or_else(|| date(stored, DATE)).unwrap_or(answered_at);
    changed_at <= since
}

fn matches_any(request: &HeaderMap, stored: Option<ETag<'_>>) -> bool {
    let lines = request.get_all(IF_NONE_MATCH).iter();
    let mut tags = lines.flat_map(|line| split_tags(line.as_bytes())).take(MEMBERS_MAX);
    tags.any(|tag| {
        tag == b"*" || ETag::read(tag).is_some_and(|tag| stored.is_some_and(|stored| tag.is_same_weakly(&stored)))
    })
}

/// Splits at commas outside quotes. Bytes, because a tag may hold some that are no text; a backslash in one is nothing special.
fn split_tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    line.split(move |byte| {
        if *byte == b'"' {
            is_quoted = !is_quoted;
        }
        *byte == b',' && !is_quoted
    })
    .map(<[u8]>::trim_ascii)
    .filter(|tag| !tag.is_empty())
}

/// The head of a 304 made from a stored one: what RFC 9110, section 15.4.5, asks for, and nothing of the body that is not sent.
pub fn not_modified(stored: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in [AGE, CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, LAST_MODIFIED, VARY] {
        for value in stored.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers
}

/// Fields by which a client asks for changes or for parts. A fetch that fills the cache goes without them; one that passes it by
/// takes them along.
pub const OF_THE_CLIENT: [HeaderName; 6] = [
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    http::header::IF_MATCH,
    http::header::IF_UNMODIFIED_SINCE,
    IF_RANGE,
    http::header::RANGE,
];

/// Turns a request into the question whether a stored answer has changed. False when the stored one has no validator, and the
/// request asks for it whole.
pub fn revalidate(request: &mut HeaderMap, stored: &HeaderMap) -> bool {
    for name in &OF_THE_CLIENT {
        request.remove(name);
    }
    if let Some(etag) = stored.get(ETAG) {
        request.insert(IF_NONE_MATCH, etag.clone());
    }
    if let Some(changed) = stored.get(LAST_MODIFIED).filter(|_| date(stored, LAST_MODIFIED).is_some()) {
        request.insert(IF_MODIFIED_SINCE, changed.clone());
    }
    request.contains_key(IF_NONE_MATCH) || request.contains_key(IF_MODIFIED_SINCE)
}

/// Whether a part may be given after `If-Range`: only of the very same bytes, so only by a strong validator or the exact date.
pub(crate) fn is_range_valid(if_range: Option<&HeaderValue>, stored: &HeaderMap) -> bool {
    let Some(asked) = if_range else { return true };
    let Some(text) = asked.to_str().ok().map(trim) else { return false };
    if text.starts_with(['"', 'W', 'w']) && text.ends_with('"') {
        let stored = etag(stored);
        return ETag::read(text.as_bytes())
            .is_some_and(|tag| stored.is_some_and(|stored| tag.is_same_strongly(&stored)));
    }
    let asked = httpdate::parse_http_date(text).ok();
    let (changed, made) = (date(stored, LAST_MODIFIED), date(stored, DATE));
    // A date is strong only when the answer was made some time after the change: else it may have changed again in that second.
    let is_strong = changed
        .zip(made)
        .is_some_and(|(changed, made)| made.duration_since(changed).is_ok_and(|since| since.as_secs() >= 1));
    asked.is_some() && asked == changed && is_strong
}
