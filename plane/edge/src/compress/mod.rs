//! Compression of answers: which, and how, without holding any of them up.
//!
//! The gateway calls [`Compressor::compress`] on the answers of a route that asks for it. Left as they are: answers that are encoded
//! already, that are a part of something (206, `Content-Range`), that say `no-transform`, that are smaller than what is gained, and types
//! that are not listed. Where an answer would be compressed for somebody, `Vary` says that it differs, also to those who get it as it is.
//! A strong `ETag` becomes a weak one: the bytes are others. A digest of the old bytes is taken out.

mod accept;
mod body;
mod encoder;

pub use self::accept::choose;
pub use self::body::{CompressError, Compressing};

use self::encoder::Encoder;
use crate::vary;
use homeostat_routing::settings::{Coding, Compression};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue,
};
use http::{Method, StatusCode};
use http_body::Body;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const DIGEST: HeaderName = HeaderName::from_static("digest");
const REPRESENTATION_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// `compression` of a route, ready for use.
#[derive(Clone, Debug)]
pub struct Compressor {
    codings: Vec<Coding>,
    body_bytes_min: u64,
    types: Vec<Type>,
}

#[derive(Clone, Debug)]
enum Type {
    Exact(Box<str>),
    /// `text/*`: the family with its slash.
    Family(Box<str>),
}

impl Compressor {
    /// Makes the settings ready.
    #[must_use]
    pub fn new(settings: &Compression) -> Self {
        let kind = |text: &String| match text.strip_suffix('*').filter(|family| family.ends_with('/')) {
            Some(family) => Type::Family(family.into()),
            None => Type::Exact(text.as_str().into()),
        };
        Self {
            codings: settings.codings.clone(),
            body_bytes_min: settings.body_min.0,
            types: settings.types.iter().map(kind).collect(),
        }
    }

    /// Compresses an answer, where that is good for it and its client. `method` and `accepted` are the request's; see [`choose`] for
    /// the latter. `wrap` makes a body of the compressed one.
    pub fn compress<B: Body>(
        &self,
        method: &Method,
        accepted: &HeaderMap,
        response: http::Response<B>,
        wrap: impl FnOnce(Compressing<B>) -> B,
    ) -> http::Response<B> {
        let coding = choose(accepted, &self.codings);
        let (mut head, body) = response.into_parts();
        if !self.fits(head.status, &head.headers, body.size_hint().exact()) {
            return http::Response::from_parts(head, body);
        }
        vary::add(&mut head.headers, &ACCEPT_ENCODING);
        let Some(coding) = coding else { return http::Response::from_parts(head, body) };
        if body.is_end_stream() && method != Method::HEAD {
            return http::Response::from_parts(head, body);
        }
        if method == Method::HEAD {
            // Says what GET would bring, and brings nothing.
            mark(&mut head.headers, coding);
            return http::Response::from_parts(head, body);
        }
        // Without memory for an encoder the answer goes out as it is.
        let Ok(encoder) = Encoder::new(coding) else { return http::Response::from_parts(head, body) };
        mark(&mut head.headers, coding);
        http::Response::from_parts(head, wrap(Compressing::new(encoder, body)))
    }

    /// Whether an answer is one that is compressed for those who take it.
    fn fits(&self, status: StatusCode, headers: &HeaderMap, exact: Option<u64>) -> bool {
        let bodiless = status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let partial = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
        let encoded = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
        if bodiless || partial || encoded || forbids_change(headers) {
            return false;
        }
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let large = declared.or(exact).is_none_or(|bytes| bytes >= self.body_bytes_min);
        large && headers.get(CONTENT_TYPE).is_some_and(|kind| self.is_listed(kind))
    }

    fn is_listed(&self, kind: &HeaderValue) -> bool {
        let Ok(kind) = kind.to_str() else { return false };
        let kind = kind.split(';').next().unwrap_or_default().trim();
        self.types.iter().any(|listed| match listed {
            Type::Exact(listed) => kind.eq_ignore_ascii_case(listed),
            Type::Family(family) => kind.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family)),
        })
    }
}

fn forbids_change(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("no-transform"))
}

/// Tells the client that the bytes are others now.
fn mark(headers: &mut HeaderMap, coding: Coding) {
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(accept::name(coding)));
    // Ranges are counted in the bytes of the upstream, which the client does not see.
    for name in [CONTENT_LENGTH, ACCEPT_RANGES, CONTENT_DIGEST, REPRESENTATION_DIGEST, DIGEST, CONTENT_MD5] {
        headers.remove(name);
    }
    let strong = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    if let Some(weak) = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok()) {
        headers.insert(ETAG, weak);
    }
}
