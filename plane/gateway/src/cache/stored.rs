//! What is kept of an answer, and how a request is answered from it.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use homeostat_cache::Compressed;
use homeostat_cache::http::{Part, Storable, Variants, is_not_modified, not_modified, set_age};
use homeostat_wire::{Body, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::CacheRules;
use super::together::Told;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// A body that grew from less than it says when it is unpacked is none that we packed.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// What stands under a key.
#[derive(Debug)]
pub enum Stored {
    /// An answer.
    Answer(Box<Answer>),
    /// That there are several, and what tells them apart.
    Variants(Variants),
    /// What all who asked together are told; never kept.
    Told(Told),
}

/// An answer that is kept.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields, without those of the connection.
    pub headers: HeaderMap,
    /// What may be done with it.
    pub storable: Storable,
    /// The tags that the upstream gave it: it keeps them when it is confirmed.
    pub tags: Arc<[String]>,
    body: Packed,
}

#[derive(Debug)]
enum Packed {
    Plain(Bytes),
    Compressed(Compressed, u64),
}

/// How an answer came about, for the client, the counters and the log: an extension of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// It was there, and fresh.
    Hit,
    /// It was there, and past its time.
    Stale,
    /// It had to be fetched.
    Miss,
    /// The upstream said that what was there still holds.
    Revalidated,
    /// The cache had no say.
    Pass,
    /// Somebody else had asked for it already, and nothing is kept.
    Shared,
}

impl From {
    /// In a word, for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Revalidated => "revalidated",
            Self::Pass => "pass",
            Self::Shared => "shared",
        }
    }
}

impl Answer {
    /// Keeps an answer.
    pub fn new(status: StatusCode, headers: HeaderMap, storable: Storable, body: &Bytes, is_compressed: bool) -> Self {
        let packed = is_compressed.then(|| Compressed::of(body)).filter(Compressed::is_compressed);
        let body = match packed {
            Some(packed) => Packed::Compressed(packed, body.len() as u64),
            // What was read may lie in a larger buffer, which would be kept with it.
            None => Packed::Plain(Bytes::copy_from_slice(body)),
        };
        Self { status, headers, storable, tags: Arc::default(), body }
    }

    /// With these tags of its own.
    pub fn tagged(self, tags: Vec<String>) -> Self {
        Self { tags: tags.into(), ..self }
    }

    /// The same body under another head.
    pub fn freshened(&self, headers: HeaderMap, storable: Storable) -> Option<Self> {
        let body = match &self.body {
            Packed::Plain(bytes) => Packed::Plain(bytes.clone()),
            Packed::Compressed(..) => Packed::Plain(self.body()?),
        };
        Some(Self { status: self.status, headers, storable, tags: Arc::clone(&self.tags), body })
    }

    /// What it takes, about.
    pub fn bytes(&self) -> usize {
        let head: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        let tags: usize = self.tags.iter().map(String::len).sum();
        head + tags
            + match &self.body {
                Packed::Plain(bytes) => bytes.len(),
                Packed::Compressed(packed, _) => packed.stored_bytes(),
            }
    }

    fn length(&self) -> u64 {
        match &self.body {
            Packed::Plain(bytes) => bytes.len() as u64,
            Packed::Compressed(_, length) => *length,
        }
    }

    /// The body; `None` when it cannot be unpacked, which memory that failed could cause.
    fn body(&self) -> Option<Bytes> {
        match &self.body {
            Packed::Plain(bytes) => Some(bytes.clone()),
            Packed::Compressed(packed, _) => {
                packed.decoded(UNPACKED_BYTES_MAX).ok().map(|bytes| Bytes::from(bytes.into_owned()))
            }
        }
    }

    /// Answers a request; `None` when it cannot be given after all.
    pub fn answer(&self, head: &Parts, now: SystemTime) -> Option<Response> {
        let asks_if_changed =
            is_not_modified(&head.method, &head.headers, self.status, &self.headers, self.storable.answered_at);
        let age = self.storable.age(now);
        if asks_if_changed {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = not_modified(&self.headers);
            set_age(response.headers_mut(), age);
            return Some(response);
        }
        let mut headers = self.headers.clone();
        set_age(&mut headers, age);
        let part = Part::of(&head.method, &head.headers, self.status, &self.headers, self.length());
        let status = if head.headers.contains_key(header::RANGE) {
            part.apply(&mut headers, self.status, self.length())
        } else {
            self.status
        };
        // The wire says how long a body is; of an answer to HEAD it cannot know.
        headers.remove(header::CONTENT_LENGTH);
        let body = match part {
            _ if head.method == Method::HEAD => {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.length()));
                Body::empty()
            }
            Part::Whole => Body::full(self.body()?),
            Part::Bytes(range) => Body::full(slice(&self.body()?, &range)),
            Part::Unsatisfiable => Body::empty(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Some(response)
    }
}

fn slice(body: &Bytes, range: &Range<u64>) -> Bytes {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
    body.slice(place(range.start)..place(range.end))
}

/// Notes how an answer came about, and says it in `Cache-Status` (RFC 9211) where the route wants that.
pub fn tell(rules: &CacheRules, response: &mut Response, from: From, left: Option<Duration>, stored: bool) {
    response.extensions_mut().insert(from);
    if !rules.status_header {
        return;
    }
    let left = left.map(|left| left.as_secs());
    let text = match (from, left) {
        (From::Hit, Some(left)) => format!("homeostat; hit; ttl={left}"),
        (From::Hit | From::Stale, _) => "homeostat; hit; fwd=stale".to_owned(),
        (From::Revalidated, _) => "homeostat; fwd=stale; fwd-status=304; stored".to_owned(),
        (From::Miss, _) if stored => "homeostat; fwd=miss; stored".to_owned(),
        (From::Miss, _) => "homeostat; fwd=miss".to_owned(),
        (From::Pass, _) => "homeostat; fwd=bypass".to_owned(),
        (From::Shared, _) => "homeostat; fwd=miss; collapsed".to_owned(),
    };
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().append(CACHE_STATUS, value);
    }
}
