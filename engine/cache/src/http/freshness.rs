//! How old an answer was when it came, and for how long it is fresh: RFC 9111, section 4.2.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{AGE, DATE, EXPIRES, HeaderMap, HeaderName, LAST_MODIFIED};

use super::control::CacheControl;
use super::list::seconds;
use super::rules::RouteRules;

/// When a response was asked for, and when its head had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the request was sent.
    pub asked_at: SystemTime,
    /// When the head of the response had come.
    pub answered_at: SystemTime,
}

/// Where a life comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Explicit,
    Heuristic,
    Nothing,
}

/// The one date of a field; `None` when it is not there, there twice, or no date.
pub(crate) fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next()?, values.next());
    if second.is_some() {
        return None;
    }
    httpdate::parse_http_date(first.to_str().ok()?).ok()
}

/// When it was made, as far as it says; else when it came.
pub(crate) fn made_at(headers: &HeaderMap, times: &Times) -> SystemTime {
    date(headers, DATE).unwrap_or(times.answered_at)
}

/// How old it was when it came; `None` when it says so in a way that nobody can read, and so may be of any age.
pub(crate) fn initial_age(headers: &HeaderMap, times: &Times) -> Option<Duration> {
    let mut ages = headers.get_all(AGE).iter();
    let said = match (ages.next(), ages.next()) {
        (None, _) => Duration::ZERO,
        (Some(age), None) => Duration::from_secs(seconds(age.to_str().ok()?.trim_matches([' ', '\t']))?),
        (Some(_), Some(_)) => return None,
    };
    let apparent = times.answered_at.duration_since(made_at(headers, times)).unwrap_or_default();
    let delay = times.answered_at.duration_since(times.asked_at).unwrap_or_default();
    Some(apparent.max(said + delay))
}

/// For how long it is fresh, counted from when it was made.
pub(crate) fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    control: &CacheControl,
    is_targeted: bool,
    rules: &RouteRules,
    times: &Times,
) -> (Source, Duration) {
    if let Some(said) = control.shared_max_age.or(control.max_age) {
        return (Source::Explicit, Duration::from_secs(said));
    }
    let made_at = made_at(headers, times);
    if headers.contains_key(EXPIRES) && !is_targeted {
        // A date that cannot be read, such as "0", is in the past.
        let expires = date(headers, EXPIRES).unwrap_or(SystemTime::UNIX_EPOCH);
        return (Source::Explicit, expires.duration_since(made_at).unwrap_or_default());
    }
    let may_guess = rules.heuristics && (is_kept_by_default(status) || control.public);
    if let Some(changed_at) = date(headers, LAST_MODIFIED).filter(|_| may_guess) {
        let tenth = made_at.duration_since(changed_at).unwrap_or_default() / 10;
        return (Source::Heuristic, tenth.min(Duration::from_secs(rules.heuristic_s_max)));
    }
    if rules.negative_s > 0 && is_negative(status) {
        return (Source::Heuristic, Duration::from_secs(rules.negative_s));
    }
    match rules.fresh_s_default.filter(|_| is_kept_by_default(status)) {
        Some(seconds) => (Source::Heuristic, Duration::from_secs(seconds)),
        None => (Source::Nothing, Duration::ZERO),
    }
}

/// Statuses that RFC 9110 lets a cache keep without a word of their origin; 206 is among them, and not here, because parts are not kept.
pub(crate) fn is_kept_by_default(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308) || is_negative(status)
}

/// Those of them that say that there is nothing.
pub(crate) fn is_negative(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 405 | 410 | 414 | 501)
}

/// Statuses whose caching rules we know, for `must-understand`.
pub(crate) fn is_understood(status: StatusCode) -> bool {
    is_kept_by_default(status) || matches!(status.as_u16(), 302 | 303 | 307 | 400..=429 | 451 | 500..=505)
}
