//! Heads to bytes. The framing headers are written here and nowhere else: whatever a handler or an upstream put into
//! `Content-Length`, `Transfer-Encoding` or `Connection` is replaced by what really happens on this connection.

use std::net::SocketAddr;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use crate::headers::is_upgrade;

/// How the body that follows is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed {
    /// No body and no length: 1xx, 204, a request without a body.
    None,
    /// No body, but the length that a GET would have had may stand: HEAD and 304.
    Described,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Until the connection closes: to HTTP/1.0 clients.
    Close,
}

/// The head of a request on its way out, borrowed: it may be sent several times, each time with a few words of its own.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
    upgrade: bool,
    own: &'a [(HeaderName, HeaderValue)],
}

impl<'a> Sent<'a> {
    /// A head with headers that stand in place of all others of their names.
    pub fn with(head: &'a Parts, own: &'a [(HeaderName, HeaderValue)]) -> Self {
        let Parts { method, uri, headers, extensions, .. } = head;
        Self { method, uri, headers, extensions, upgrade: is_upgrade(headers), own }
    }

    /// Its method.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// Its headers, without its own ones.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What belongs to it and is not sent.
    pub(crate) fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// Whether it asks for another protocol.
    pub fn is_upgrade(&self) -> bool {
        self.upgrade
    }

    fn host(&self) -> Option<&'a HeaderValue> {
        let own = self.own.iter().find(|(name, _)| *name == HOST).map(|(_, value)| value);
        own.or_else(|| self.headers.get(HOST))
    }
}

impl<'a, B> From<&'a Request<B>> for Sent<'a> {
    fn from(request: &'a Request<B>) -> Self {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        Self { method, uri, headers, extensions: request.extensions(), upgrade: is_upgrade(headers), own: &[] }
    }
}

/// Writes the head of an answer. `version` is that of the request; `date` stands where the handler gave none.
pub fn response<B>(
    answer: &Response<B>,
    version: Version,
    framed: Framed,
    keep_alive: bool,
    date: &[u8],
    into: &mut Vec<u8>,
) {
    let status = answer.status();
    into.extend_from_slice(b"HTTP/1.1 ");
    into.extend_from_slice(status.as_str().as_bytes());
    into.push(b' ');
    into.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    into.extend_from_slice(b"\r\n");
    let upgrade = status == StatusCode::SWITCHING_PROTOCOLS;
    fields(answer.headers(), upgrade, framed == Framed::Described, |_| false, into);
    if !answer.headers().contains_key(DATE) && !status.is_informational() {
        field(b"date", date, into);
    }
    framing(framed, into);
    match (version, keep_alive) {
        (Version::HTTP_11, false) if !upgrade => into.extend_from_slice(b"connection: close\r\n"),
        (Version::HTTP_10, true) => into.extend_from_slice(b"connection: keep-alive\r\n"),
        _ => {}
    }
    into.extend_from_slice(b"\r\n");
}

/// Writes the head of a request. `host` stands where the request has neither a Host header nor an authority.
pub fn request<'a>(request: impl Into<Sent<'a>>, framed: Framed, host: &SocketAddr, into: &mut Vec<u8>) {
    let request = request.into();
    into.extend_from_slice(request.method.as_str().as_bytes());
    into.push(b' ');
    let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
    into.extend_from_slice(target.as_bytes());
    into.extend_from_slice(b" HTTP/1.1\r\n");
    // The Host comes first (RFC 9110, section 7.2), and once.
    match (request.host(), request.uri.authority()) {
        (Some(host), _) => field(b"host", host.as_bytes(), into),
        (None, Some(authority)) => field(b"host", authority.as_str().as_bytes(), into),
        (None, None) => field(b"host", host.to_string().as_bytes(), into),
    }
    let has_own = |name: &HeaderName| *name == HOST || request.own.iter().any(|(own, _)| own == name);
    fields(request.headers, request.upgrade, false, has_own, into);
    for (name, value) in request.own.iter().filter(|(name, _)| *name != HOST) {
        field(name.as_str().as_bytes(), value.as_bytes(), into);
    }
    framing(framed, into);
    into.extend_from_slice(b"\r\n");
}

fn fields(fields: &HeaderMap, upgrade: bool, described: bool, skip: impl Fn(&HeaderName) -> bool, into: &mut Vec<u8>) {
    for (name, value) in fields {
        let kept = match *name {
            CONNECTION => upgrade,
            CONTENT_LENGTH => described,
            TRANSFER_ENCODING => false,
            _ => !skip(name),
        };
        if kept {
            field(name.as_str().as_bytes(), value.as_bytes(), into);
        }
    }
}

/// Writes trailer fields and the empty line after them; what may not stand in trailers is left out.
pub fn trailers(fields: &HeaderMap, into: &mut Vec<u8>) {
    for (name, value) in fields.iter().filter(|(name, _)| !super::is_forbidden_in_trailers(name)) {
        field(name.as_str().as_bytes(), value.as_bytes(), into);
    }
    into.extend_from_slice(b"\r\n");
}

fn field(name: &[u8], value: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(name);
    into.extend_from_slice(b": ");
    into.extend_from_slice(value);
    into.extend_from_slice(b"\r\n");
}

fn framing(framed: Framed, into: &mut Vec<u8>) {
    match framed {
        Framed::Length(length) => {
            into.extend_from_slice(b"content-length: ");
            decimal(length, into);
            into.extend_from_slice(b"\r\n");
        }
        Framed::Chunked => into.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framed::None | Framed::Described | Framed::Close => {}
    }
}

fn decimal(mut number: u64, into: &mut Vec<u8>) {
    // u64::MAX has twenty digits.
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a remainder of ten is one digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[at..]);
}
