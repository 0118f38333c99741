//! The head of a request: bytes to an `http` request and the framing of its body, or the reason why not.
//!
//! What always holds: what passes here has one reading. The target is in origin form, there is exactly one Host on HTTP/1.1, and
//! the framing is the only one that the headers allow.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Version};
use memchr::{memchr, memrchr};

use super::{Framing, Scan, fields, host, target};
use crate::headers::{has_token, names_essential};
use crate::refusal::Refusal;

/// The longest registered method has 17 letters (UPDATEREDIRECTREF); twice that is still a method.
const METHOD_BYTES_MAX: usize = 34;

/// How much a head may be.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Bytes, from the first letter to the empty line.
    pub bytes_max: usize,
    /// Header lines.
    pub fields_max: usize,
}

/// A head that passed.
#[derive(Debug)]
pub struct RequestHead {
    /// The request without its body.
    pub request: Request<()>,
    /// How its body ends.
    pub framing: Framing,
    /// Whether the client wants the connection kept after it.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue`.
    pub expects_continue: bool,
}

/// Looks whether the input begins with a whole head, and reads it. `Ok(None)` asks for more; else the head and its length in bytes.
///
/// `scan` remembers how far the same head has been looked at; a new head takes a new one.
pub fn parse(input: &Bytes, scan: &mut Scan, limits: &HeadLimits) -> Result<Option<(RequestHead, usize)>, Refusal> {
    let Some(end) = find_end(input, scan, limits)? else { return Ok(None) };
    read(&input.slice(..end), limits).map(|head| Some((head, end)))
}

/// Where the head ends; refuses what is too long before it is complete.
pub(crate) fn find_end(input: &[u8], scan: &mut Scan, limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
    let end = scan.find_end(input)?;
    if end.unwrap_or(input.len()) > limits.bytes_max {
        let in_first_line = scan.first_line().is_none_or(|line| line > limits.bytes_max);
        return Err(if in_first_line { Refusal::TargetTooLong } else { Refusal::HeadTooLong });
    }
    Ok(end)
}

/// Reads a whole head.
pub(crate) fn read(block: &Bytes, limits: &HeadLimits) -> Result<RequestHead, Refusal> {
    let line_end = memchr(b'\r', block).ok_or(Refusal::RequestLine)?;
    let (method, target, version) = request_line(block, line_end)?;
    let (uri, authority) = target::check(&target, &method)?;
    let mut fields = fields::parse(block, line_end + 2, limits.fields_max)?;
    check_host(&fields, version, authority.as_deref())?;
    // Many requests say nothing of all this: one look at the names is cheaper than a search for each.
    let (framing, keep_alive, expects_continue) = if fields.keys().any(is_of_connection) {
        (Framing::declared(&fields, version)?, wants_keep_alive(&fields, version)?, expectation(&mut fields, version)?)
    } else {
        (Framing::None, version == Version::HTTP_11, false)
    };
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = fields;
    if let Some(authority) = authority.filter(|_| !request.headers().contains_key(HOST)) {
        let value = HeaderValue::from_maybe_shared(authority).map_err(|_| Refusal::Host)?;
        request.headers_mut().insert(HOST, value);
    }
    Ok(RequestHead { request, framing, keep_alive, expects_continue })
}

/// Whether a header says how the body is framed, or what becomes of the connection.
fn is_of_connection(name: &HeaderName) -> bool {
    matches!(*name, CONNECTION | CONTENT_LENGTH | EXPECT | TRANSFER_ENCODING)
}

fn request_line(block: &Bytes, line_end: usize) -> Result<(Method, Bytes, Version), Refusal> {
    // A carriage return must be followed by a line feed here: a bare one would end the line early for others.
    if block.get(line_end + 1) != Some(&b'\n') {
        return Err(Refusal::RequestLine);
    }
    let line = &block[..line_end];
    let first = memchr(b' ', line).ok_or(Refusal::RequestLine)?;
    let last = memrchr(b' ', line).ok_or(Refusal::RequestLine)?;
    if first == 0 || last <= first + 1 {
        return Err(Refusal::RequestLine);
    }
    if first > METHOD_BYTES_MAX {
        return Err(Refusal::Method);
    }
    let method = Method::from_bytes(&line[..first]).map_err(|_| Refusal::RequestLine)?;
    let version = match &line[last + 1..] {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::RequestLine),
    };
    Ok((method, block.slice(first + 1..last), version))
}

fn check_host(fields: &HeaderMap, version: Version, authority: Option<&[u8]>) -> Result<(), Refusal> {
    let mut hosts = fields.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && version == Version::HTTP_11) {
        return Err(Refusal::Host);
    }
    if host.is_some_and(|host| !host::is_valid(host.as_bytes())) {
        return Err(Refusal::Host);
    }
    match (authority, host) {
        (Some(authority), _) if !host::is_valid(authority) => Err(Refusal::Target),
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host.as_bytes()) => Err(Refusal::HostMismatch),
        _ => Ok(()),
    }
}

fn wants_keep_alive(fields: &HeaderMap, version: Version) -> Result<bool, Refusal> {
    if !fields.contains_key(CONNECTION) {
        return Ok(version == Version::HTTP_11);
    }
    if names_essential(fields) {
        return Err(Refusal::ConnectionNames);
    }
    if has_token(fields, &CONNECTION, "close") {
        return Ok(false);
    }
    Ok(version == Version::HTTP_11 || has_token(fields, &CONNECTION, "keep-alive"))
}

/// HTTP/1.0 knows no expectations: they are ignored there (RFC 9110, section 10.1.1), and taken out, because the next hop is asked with
/// HTTP/1.1, which would heed them.
fn expectation(fields: &mut HeaderMap, version: Version) -> Result<bool, Refusal> {
    if version != Version::HTTP_11 {
        fields.remove(EXPECT);
        return Ok(false);
    }
    let mut expectations = fields.get_all(EXPECT).iter();
    match (expectations.next(), expectations.next()) {
        (None, _) => Ok(false),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(Refusal::Expectation),
    }
}
