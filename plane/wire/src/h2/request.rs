//! A request as HTTP/2 gives it, made to look as one of HTTP/1.1: target in origin form, host in its header, hop-by-hop headers
//! gone. The same rules decide what is refused.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue};
use http::{Method, Request as HttpRequest, Response as HttpResponse, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::bounded::Bounded;
use crate::body::Body;
use crate::handler::{Request, Response};
use crate::head::{check_target, is_valid_host};
use crate::limits::Limits;
use crate::refusal::Refusal;

/// Checks a request and brings it into the form that handlers know.
pub(super) fn normalise(request: HttpRequest<Incoming>, limits: &Limits) -> Result<Request, Refusal> {
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    if parts.headers.len() > limits.headers_max {
        return Err(Refusal::TooManyFields);
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let (uri, _) = check_target(&Bytes::copy_from_slice(target.as_bytes()), &parts.method)?;
    let named = parts.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    let named = named.transpose().map_err(|_| Refusal::Host)?;
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (named, hosts.next(), hosts.next()) {
        (_, _, Some(_)) | (None, None, _) => return Err(Refusal::Host),
        (Some(named), Some(host), None) if !named.as_bytes().eq_ignore_ascii_case(host.as_bytes()) => {
            return Err(Refusal::HostMismatch);
        }
        (Some(named), _, None) => named,
        (None, Some(host), None) => host.clone(),
    };
    if !is_valid_host(host.as_bytes()) {
        return Err(Refusal::Host);
    }
    parts.headers.insert(HOST, host);
    join_cookies(&mut parts.headers);
    parts.uri = uri;
    parts.version = Version::HTTP_2;
    if body.size_hint().lower() > limits.body_bytes_max {
        return Err(Refusal::BodyTooLong);
    }
    if body.is_end_stream() {
        return Ok(HttpRequest::from_parts(parts, Body::empty()));
    }
    // Streams of gRPC are silent for long and still wanted, and pings tell whether the client lives: the longer limit holds here.
    let bounded = Bounded::new(body, limits.body_bytes_max, limits.answer_idle_timeout);
    Ok(HttpRequest::from_parts(parts, Body::from_own(bounded)))
}

/// HTTP/2 may send each cookie on its own; everybody else expects one line (RFC 9113, section 8.2.3).
fn join_cookies(fields: &mut HeaderMap) {
    let mut cookies = fields.get_all(COOKIE).iter();
    if cookies.next().is_none() || cookies.next().is_none() {
        return;
    }
    let all: Vec<&[u8]> = fields.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let joined = HeaderValue::from_bytes(&all.join(&b"; "[..])).expect("valid values joined by a valid text are one");
    fields.insert(COOKIE, joined);
}

/// The answer to a request that is refused; the connection lives on.
pub(super) fn refusal(refusal: Refusal) -> Response {
    let status = match refusal {
        // Over HTTP/1.1 there is no connection to answer on.
        Refusal::TooManyConnections => http::StatusCode::SERVICE_UNAVAILABLE,
        refusal => refusal.status().unwrap_or(http::StatusCode::BAD_REQUEST),
    };
    let mut answer = HttpResponse::new(Body::full(refusal.problem(status)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    answer
}
