//! Whether a response may be kept, for how long, and what it may be used for: RFC 9111, sections 3 and 4, for a shared cache.
//!
//! Called by whoever has the head of a response, before its body is read. Pure: it looks at two heads, two times and the rules of
//! the route. A body that did not come whole must not be kept either; that only the caller can know.

use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, ETAG, HeaderName, LAST_MODIFIED, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode, request, response};

use super::advice::Reason;
use super::control::{CacheControl, RequestControl};
use super::freshness::{Source, Times, initial_age, is_kept_by_default, is_negative, is_understood, lifetime};
use super::rules::{Lifetime, RouteRules, SetCookie, TARGETED};
use super::vary::Vary;
use crate::Life;

/// Whether a response may be kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// It may, like this.
    Storable(Storable),
    /// It may not, and this is why.
    NotStorable(Reason),
}

/// How a response may be kept and used.
#[derive(Debug, Clone, PartialEq)]
pub struct Storable {
    /// For how long it is fresh, from when it was made.
    pub lifetime: Duration,
    /// How old it was when it came.
    pub initial_age: Duration,
    /// When it came.
    pub answered_at: SystemTime,
    /// For how long it may then be given stale while it is refreshed.
    pub while_revalidating: Duration,
    /// For how long it may then be given stale when its origin fails.
    pub on_error: Duration,
    /// For how long it is then kept to be revalidated.
    pub kept: Duration,
    /// It must not be given stale, whatever a client would take.
    pub must_revalidate: bool,
    /// Says that there is nothing.
    pub is_negative: bool,
    /// The fields of the request that it depends on.
    pub vary: Vary,
    /// Fields that must not be kept.
    pub omitted: Vec<HeaderName>,
}

impl Policy {
    /// What may be done with this response to this request.
    pub fn of_response(
        request: &request::Parts,
        response: &response::Parts,
        times: &Times,
        rules: &RouteRules,
    ) -> Self {
        match storable(request, response, times, rules) {
            Ok(storable) => Self::Storable(storable),
            Err(reason) => Self::NotStorable(reason),
        }
    }
}

fn storable(
    request: &request::Parts,
    response: &response::Parts,
    times: &Times,
    rules: &RouteRules,
) -> Result<Storable, Reason> {
    let (headers, status) = (&response.headers, response.status);
    let targeted = if rules.targeted { CacheControl::targeted(headers, &TARGETED) } else { None };
    let is_targeted = targeted.is_some();
    let control = targeted.unwrap_or_else(|| CacheControl::of(headers));
    refuse_by_request(request, &control, rules)?;
    refuse_by_response(status, headers, &control, rules)?;
    let vary = Vary::of(headers)?;
    let (source, said) = lifetime(status, headers, &control, is_targeted, rules, times);
    let age = initial_age(headers, times);
    let has_validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
    let must_revalidate = control.must_revalidate || control.proxy_revalidate || control.no_cache;
    let fresh = match (rules.lifetime, age) {
        (Lifetime::OverrideS(seconds), _) => Duration::from_secs(seconds) + age.unwrap_or_default(),
        (_, None) => Duration::ZERO,
        (_, Some(_)) if control.no_cache => Duration::ZERO,
        (_, Some(_)) if source == Source::Nothing => Duration::ZERO,
        (_, Some(_)) => rules.bounded(said),
    };
    // A validator alone does not make an answer one that may be kept; an unusual status that nobody gave a life is not.
    let is_usual = is_kept_by_default(status) || control.public;
    if source == Source::Nothing && fresh.is_zero() && !is_usual {
        return Err(Reason::NoLifetime);
    }
    let (while_revalidating, on_error) = stale_spans(status, &control, must_revalidate, rules);
    let kept = if has_validator { Duration::from_secs(rules.kept_s) } else { Duration::ZERO };
    let said_stale = control.while_revalidating.is_some() || control.on_error.is_some();
    if fresh.is_zero() && kept.is_zero() && (must_revalidate || !said_stale) {
        return Err(match source {
            _ if control.no_cache => Reason::NoCacheWithoutValidator,
            Source::Nothing => Reason::NoLifetime,
            Source::Explicit | Source::Heuristic => Reason::ExpiredAtOnce,
        });
    }
    Ok(Storable {
        lifetime: fresh,
        initial_age: age.unwrap_or_default(),
        answered_at: times.answered_at,
        while_revalidating,
        on_error,
        kept,
        must_revalidate,
        is_negative: is_negative(status),
        vary,
        omitted: control.omitted.into_iter().chain(rules.stripped().iter().cloned()).collect(),
    })
}

fn refuse_by_request(request: &request::Parts, control: &CacheControl, rules: &RouteRules) -> Result<(), Reason> {
    if rules.lifetime == Lifetime::Nothing {
        return Err(Reason::ByRule);
    }
    if request.method != Method::GET {
        return Err(Reason::Method);
    }
    if rules.obeys_requests && RequestControl::of(&request.headers).no_store {
        return Err(Reason::RequestNoStore);
    }
    let is_shared = control.public || control.must_revalidate || control.shared_max_age.is_some();
    if request.headers.contains_key(AUTHORIZATION) && !is_shared {
        return Err(Reason::Authorization);
    }
    Ok(())
}

fn refuse_by_response(
    status: StatusCode,
    headers: &HeaderMap,
    control: &CacheControl,
    rules: &RouteRules,
) -> Result<(), Reason> {
    if control.must_understand && !is_understood(status) {
        return Err(Reason::Status);
    }
    // `must-understand` takes `no-store` back for those who understand the status.
    if control.no_store && !control.must_understand {
        return Err(Reason::NoStore);
    }
    if control.private {
        return Err(Reason::Private);
    }
    match status.as_u16() {
        206 => return Err(Reason::Partial),
        100..=199 | 304 | 416 => return Err(Reason::Status),
        _ => {}
    }
    if headers.contains_key(SET_COOKIE)
        && rules.set_cookie == SetCookie::Refuse
        && !control.omitted.contains(&SET_COOKIE)
    {
        return Err(Reason::SetCookie);
    }
    Ok(())
}

/// For how long it may be given stale, while it is refreshed and on error. What its origin forbids, no rule allows; what it allows in so
/// many words, `s-maxage` does not forbid again.
fn stale_spans(
    status: StatusCode,
    control: &CacheControl,
    must_revalidate: bool,
    rules: &RouteRules,
) -> (Duration, Duration) {
    if must_revalidate {
        return (Duration::ZERO, Duration::ZERO);
    }
    // An old error is no better than a new one.
    let is_left = control.shared_max_age.is_none() && status.as_u16() < 400;
    let by_rule = |seconds: u64| if is_left { seconds } else { 0 };
    let while_revalidating = control.while_revalidating.unwrap_or_else(|| by_rule(rules.while_revalidating_s));
    let on_error = control.on_error.unwrap_or_else(|| by_rule(rules.on_error_s));
    (Duration::from_secs(while_revalidating), Duration::from_secs(on_error))
}

/// Whether a stored response may answer a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Give it.
    Serve,
    /// Ask the origin whether it has changed, or for a new one.
    Revalidate,
    /// The client wants nothing from the origin, and this is not good enough: 504.
    Unsatisfiable,
}

impl Storable {
    /// The life of its entry: what is left of it now, which is when it is stored.
    pub fn life(&self, now: SystemTime) -> Life {
        let age = self.age(now);
        let fresh = self.lifetime.saturating_sub(age);
        // What was stale when it came has used up some of its stale time.
        let late = age.saturating_sub(self.lifetime);
        let left = |span: Duration| span.saturating_sub(late);
        Life {
            fresh,
            while_revalidating: left(self.while_revalidating),
            on_error: left(self.on_error),
            kept: left(self.kept),
            is_negative: self.is_negative,
        }
    }

    /// How old it is.
    pub fn age(&self, now: SystemTime) -> Duration {
        self.initial_age + now.duration_since(self.answered_at).unwrap_or_default()
    }

    /// Whether it may answer a request with these wishes. `is_fresh` is what the cache says, which shortens lives by chance: true as
    /// well where it allows something stale that is being refreshed.
    pub fn reuse(&self, is_fresh: bool, control: &RequestControl, now: SystemTime) -> Reuse {
        let age = self.age(now);
        let is_enough = !control.no_cache && self.is_enough(is_fresh, age, control);
        match (is_enough, control.only_if_cached) {
            (true, _) => Reuse::Serve,
            (false, true) => Reuse::Unsatisfiable,
            (false, false) => Reuse::Revalidate,
        }
    }

    fn is_enough(&self, is_fresh: bool, age: Duration, control: &RequestControl) -> bool {
        let secs = Duration::from_secs;
        let left = self.lifetime.saturating_sub(age);
        let late = age.saturating_sub(self.lifetime);
        let is_young = control.max_age.is_none_or(|max_age| age <= secs(max_age));
        let stays_fresh = control.min_fresh.is_none_or(|min_fresh| left >= secs(min_fresh));
        let may_be_stale = control.max_stale.is_some_and(|max_stale| late <= secs(max_stale)) && !self.must_revalidate;
        is_young && stays_fresh && (is_fresh || may_be_stale)
    }
}
