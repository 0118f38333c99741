//! What may stand as a request target, for both protocols: origin form, absolute form with the host that the request names anyway,
//! and `*` for OPTIONS. All leave here as path and query, so that routing sees one form.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Uri};

use crate::refusal::Refusal;

/// Checks a target and gives it in origin form, with the authority of an absolute form.
pub fn check(target: &Bytes, method: &Method) -> Result<(Uri, Option<Bytes>), Refusal> {
    if *method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    if target.iter().any(|byte| !matches!(byte, b'!'..=b'~') || matches!(byte, b'#' | b'\\')) {
        return Err(Refusal::Target);
    }
    match target.as_ref() {
        [b'/', ..] => Ok((origin(target.clone())?, None)),
        b"*" if *method == Method::OPTIONS => Ok((Uri::from_static("*"), None)),
        _ => absolute(target),
    }
}

fn origin(target: Bytes) -> Result<Uri, Refusal> {
    let path = PathAndQuery::from_maybe_shared(target).map_err(|_| Refusal::Target)?;
    Ok(Uri::from(path))
}

fn absolute(target: &Bytes) -> Result<(Uri, Option<Bytes>), Refusal> {
    let colon = memchr::memchr(b':', target).ok_or(Refusal::Target)?;
    let scheme = &target[..colon];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Refusal::Target);
    }
    let rest = target[colon + 1..].strip_prefix(b"//").ok_or(Refusal::Target)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = match path {
        [] => Uri::from_static("/"),
        [b'/', ..] => origin(target.slice_ref(path))?,
        query => origin(Bytes::from([b"/", query].concat()))?,
    };
    Ok((path, Some(target.slice_ref(authority))))
}
