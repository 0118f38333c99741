//! Who is let in: judged from the head of a request alone, before anything of its body is read and before its host hears of it.
//! A refusal never says more than which of the conditions failed.

use hyper::header::{HeaderMap, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};

use super::Door;
use super::problem::{Answer, problem};

/// Why a request is turned away, if it is. A browser names the page's site in `Origin` and lets no page change that.
pub(super) fn turn_away<B>(door: &Door, request: &Request<B>) -> Option<Answer> {
    let headers = request.headers();
    if !own_site(&door.origins, headers) {
        return Some(problem(StatusCode::FORBIDDEN, "the request comes from a page of another site"));
    }
    if door.token.as_ref().is_some_and(|token| !token.opens(headers)) {
        let detail = "the request bears no token, or not the right one; send `Authorization: Bearer TOKEN`";
        let mut answer = problem(StatusCode::UNAUTHORIZED, detail);
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Some(answer);
    }
    if !door.path.is_empty() && request.uri().path() != door.path {
        return Some(problem(StatusCode::NOT_FOUND, &format!("there is only {}", door.path)));
    }
    None
}

fn own_site(allowed: &[String], headers: &HeaderMap) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| allowed.iter().any(|own| own.as_bytes() == origin.as_bytes()))
}

/// A value of a header as text.
pub(crate) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}
