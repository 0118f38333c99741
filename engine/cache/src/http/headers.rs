//! Which header fields are kept, how a 304 or a HEAD changes them, and what a stored answer is sent with: RFC 9111, sections 3.1, 3.2, 5.1.

use std::time::{Duration, SystemTime};

use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue,
    LAST_MODIFIED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use super::conditional::{ETag, etag};
use super::list::members;

/// Fields that belong to a connection, or to the next hop alone.
const OF_THE_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Fields that describe the body that is stored: what did not bring a body cannot change them.
const OF_THE_BODY: [HeaderName; 5] =
    [CONTENT_ENCODING, CONTENT_LENGTH, HeaderName::from_static("content-md5"), CONTENT_RANGE, ETAG];

/// The fields of a response that are kept: all but those of the connection and those that must be `omitted`. With a `Date`, which
/// everything that is reckoned later begins at.
pub fn kept(headers: &HeaderMap, omitted: &[HeaderName], answered_at: SystemTime) -> HeaderMap {
    let mut kept = headers.clone();
    let named = members(headers, CONNECTION).unwrap_or_default();
    for name in named {
        kept.remove(name);
    }
    for name in OF_THE_HOP.iter().chain(omitted) {
        kept.remove(name);
    }
    if !kept.contains_key(DATE) {
        kept.insert(DATE, date_value(answered_at));
    }
    kept
}

/// What the origin says when asked whether a stored answer has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshened {
    /// The stored head is brought up to date.
    Updated,
    /// The 304 speaks of another answer than the stored one: fetch it whole.
    Mismatch,
}

/// Brings a stored head up to date with a 304, after RFC 9111, sections 3.2 and 4.3.4. The caller judges the result anew with
/// [`Policy::of_response`](super::Policy::of_response), under the stored status.
pub fn freshen(stored: &mut HeaderMap, answer: &HeaderMap, answered_at: SystemTime) -> Freshened {
    if !is_of(stored, answer) {
        return Freshened::Mismatch;
    }
    update(stored, answer, answered_at);
    Freshened::Updated
}

/// Brings the head of a stored GET up to date with a 200 to a HEAD, after RFC 9111, section 4.3.5; if it speaks of another body, the
/// stored answer is out of date.
pub fn freshen_by_head(stored: &mut HeaderMap, answer: &HeaderMap, answered_at: SystemTime) -> Freshened {
    let is_other = |name: &HeaderName| answer.contains_key(name) && answer.get(name) != stored.get(name);
    if is_other(&ETAG) || is_other(&LAST_MODIFIED) || is_other(&CONTENT_LENGTH) {
        return Freshened::Mismatch;
    }
    update(stored, answer, answered_at);
    Freshened::Updated
}

fn update(stored: &mut HeaderMap, answer: &HeaderMap, answered_at: SystemTime) {
    let new = kept(answer, &OF_THE_BODY, answered_at);
    // The age was of the old one.
    stored.remove(AGE);
    for name in new.keys() {
        stored.remove(name);
    }
    for (name, value) in &new {
        stored.append(name, value.clone());
    }
}

/// Whether a 304 speaks of the stored answer: its strong validator is the same, or the weak ones it has, or it has none.
fn is_of(stored: &HeaderMap, answer: &HeaderMap) -> bool {
    match (etag(answer), etag(stored)) {
        (Some(new), Some(old)) if !new.is_weak => new.is_same_strongly(&old),
        (Some(ETag { is_weak: false, .. }), None) => false,
        (Some(new), Some(old)) => new.is_same_weakly(&old),
        (Some(_), None) | (None, _) => match (answer.get(LAST_MODIFIED), stored.get(LAST_MODIFIED)) {
            (Some(new), Some(old)) => new == old,
            _ => true,
        },
    }
}

/// Sets the `Age` of a stored answer that is about to be sent.
pub fn set_age(headers: &mut HeaderMap, age: Duration) {
    headers.insert(AGE, HeaderValue::from(age.as_secs().min(super::list::SECONDS_MAX)));
}

pub(crate) fn date_value(time: SystemTime) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(time)).expect("a date is plain letters")
}
