//! The rules of HTTP caching, a page a question. Heads are written as they are on the wire.

mod conditional;
mod hostile;
mod keys;
mod parts;
mod policy;
mod reuse;
mod vary;

use std::time::{Duration, SystemTime};

use homeostat_cache::http::{Policy, Reason, RouteRules, Storable, Times};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

/// Sun, 06 Nov 1994 08:49:37 GMT: the date of every example in the standard.
pub const NOW_S: u64 = 784_111_777;

pub fn now() -> SystemTime {
    at(0)
}

/// So many seconds from now.
pub fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S.saturating_add_signed(seconds))
}

pub fn date(seconds: i64) -> String {
    httpdate::fmt_http_date(at(seconds))
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lines such as `max-age: 1`.
pub fn head(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// What becomes of an answer with this status and head to a request with this head, under rules.
pub fn judge_with(rules: &RouteRules, request: &[&str], status: u16, answer: &[&str]) -> Result<Storable, Reason> {
    judge_method(rules, "GET", request, status, answer)
}

pub fn judge_method(
    rules: &RouteRules,
    method: &str,
    request: &[&str],
    status: u16,
    answer: &[&str],
) -> Result<Storable, Reason> {
    let (mut asked, ()) = Request::builder().method(method).body(()).unwrap().into_parts();
    asked.headers = head(request);
    let (mut answered, ()) = Response::builder().status(status).body(()).unwrap().into_parts();
    answered.headers = head(answer);
    let times = Times { asked_at: now(), answered_at: now() };
    match Policy::of_response(&asked, &answered, &times, rules) {
        Policy::Storable(storable) => Ok(storable),
        Policy::NotStorable(reason) => Err(reason),
    }
}

pub fn judge(answer: &[&str]) -> Result<Storable, Reason> {
    judge_with(&RouteRules::default(), &[], 200, answer)
}

/// For how many seconds from now an answer is fresh; 0 when it is not, or not kept.
pub fn fresh_s(answer: &[&str]) -> u64 {
    judge(answer).map_or(0, |storable| storable.life(now()).fresh.as_secs())
}
