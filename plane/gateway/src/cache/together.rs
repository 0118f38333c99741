//! Equal requests that are under way at the same time are made once, on routes that keep nothing: the cache's single flight, with
//! nothing left of it when it has landed.
//!
//! Called by the front for routes with `coalesce`. Always holds: equal are requests that differ in nothing that the upstream sees but
//! from where they came; whoever says who he is asks alone; an answer that is meant for one alone, may be a stream, or is too large goes
//! to the one who asked, and the others go on by themselves at once; nobody is given what was asked for before the last change that
//! went through the gateway.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use homeostat_cache::http::{CacheControl, OF_THE_CLIENT, Vary};
use homeostat_cache::{Fetch, Life, Terms, Turn, Waited};
use homeostat_wire::{Body, Response};
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, EXPECT, FORWARDED, HeaderName, RANGE, SET_COOKIE, UPGRADE, VIA,
};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, response};

use super::fill::{Reach, fill};
use super::stored::{From, Stored};
use super::{Answers, Errand, Key, Target};
use crate::answer;
use crate::forward::NoAnswer;
use crate::telemetry::RouteMeter;

/// A longer key is not compared: it would cost more than it saves, and usual heads are below a kibibyte.
const KEY_BYTES_MAX: usize = 4_096;

/// So long an answer that does not say how long it is may take to be whole; then it is taken for a stream.
const UNMEASURED_WITHIN: Duration = Duration::from_secs(2);

/// Fields that differ from request to request and make no other answer: who asked, by which way, under which number.
const OF_THE_WAY: [HeaderName; 6] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// What all who asked are told.
#[derive(Debug)]
pub struct Told(Result<Shared, NoAnswer>);

#[derive(Debug)]
struct Shared {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Told {
    fn tell(&self) -> Result<Response, NoAnswer> {
        let shared = match &self.0 {
            Ok(shared) => shared,
            Err(why) => {
                let (code, retry_after) = answer::of_failure(why);
                return Err(NoAnswer::Told(code, retry_after));
            }
        };
        let mut response = Response::new(Body::full(shared.body.clone()));
        *response.status_mut() = shared.status;
        response.headers_mut().clone_from(&shared.headers);
        response.extensions_mut().insert(From::Shared);
        Ok(response)
    }
}

impl Answers {
    /// Asks the upstream, together with all who ask the same at the same time.
    ///
    /// # Errors
    /// When the upstream gives no answer.
    pub async fn together(
        self: &Arc<Self>,
        meter: &RouteMeter,
        errand: &Errand,
        asked: Target<'_>,
        head: &Parts,
    ) -> Result<Response, NoAnswer> {
        let Some(key) = key_of_equal(errand, asked, head) else { return errand.fetch(head, Body::empty()).await };
        let errand = &errand.in_time();
        let fetch = match self.store.begin(&key) {
            Turn::Fetch(fetch) => fetch,
            Turn::Wait(waiting) => match waiting.outcome_until(errand.latest()).await {
                Waited::Fetch(fetch) => fetch,
                Waited::Found(hit) => {
                    if let Stored::Told(told) = &*hit {
                        meter.coalesced.one();
                        return told.tell();
                    }
                    return errand.fetch(head, Body::empty()).await;
                }
                Waited::Failed(_) | Waited::TimedOut => {
                    return match errand.too_late() {
                        Some(why) => Err(why),
                        None => errand.fetch(head, Body::empty()).await,
                    };
                }
            },
            Turn::Found(_) | Turn::Crowded => return errand.fetch(head, Body::empty()).await,
        };
        if !fetch.is_lead() {
            // It was seen a moment ago that these cannot be shared.
            return errand.fetch(head, Body::empty()).await;
        }
        let response = match errand.fetch(head, Body::empty()).await {
            Ok(response) => response,
            Err(why) => {
                let (code, retry_after) = answer::of_failure(&why);
                land(fetch, Err(NoAnswer::Told(code, retry_after)));
                return Err(why);
            }
        };
        let (parts, body) = response.into_parts();
        let length = body.length();
        let bytes_max = self.answer_bytes_max();
        let is_too_large = length.is_some_and(|length| length > bytes_max as u64);
        if is_too_large || !may_be_shared(errand, &parts) {
            fetch.not_storable();
            return Ok(Response::from_parts(parts, body));
        }
        let (status, headers) = (parts.status, parts.headers.clone());
        if let Some(whole) = body.whole() {
            land(fetch, Ok(Shared { status, headers, body: whole.clone() }));
            return Ok(Response::from_parts(parts, body));
        }
        let within = length.is_none().then_some(UNMEASURED_WITHIN);
        let reach = Reach { bytes_max, within, ahead: Arc::clone(&self.ahead) };
        let finish = Box::new(move |whole: Option<Bytes>| match whole {
            Some(body) => land(fetch, Ok(Shared { status, headers, body })),
            None => fetch.not_storable(),
        });
        Ok(Response::from_parts(parts, fill(body, reach, finish)))
    }
}

/// Tells all who wait. With no life nothing of it is kept, so that it weighs nothing.
fn land(fetch: Fetch<Key, Stored>, told: Result<Shared, NoAnswer>) {
    let terms = Terms { life: Life::fresh(Duration::ZERO), bytes: 0, tags: &[] };
    drop(fetch.insert(Stored::Told(Told(told)), &terms));
}

/// Whether a request may be made together with others: it only reads, asks for the whole, and says nothing of who asks.
pub fn may_be_together(errand: &Errand, head: &Parts, body: &Body) -> bool {
    let is_read = matches!(head.method, Method::GET | Method::HEAD) && body.length() == Some(0);
    let of_one = [AUTHORIZATION, COOKIE, UPGRADE, EXPECT, RANGE];
    let has = |name: &HeaderName| head.headers.contains_key(name);
    is_read && !errand.is_of_known && !of_one.iter().chain(&OF_THE_CLIENT).any(has)
}

/// What equal requests have in common. It begins with a method, as no key of a kept answer does, and holds the number of changes that
/// went to the upstream: whoever has changed something does not join those who asked before.
fn key_of_equal(errand: &Errand, asked: Target<'_>, head: &Parts) -> Option<Key> {
    let upstream = &errand.way()?.upstream;
    let route = &errand.plan.table.routes()[errand.route.0].name;
    let mut key = format!("{} {}://{}{}", head.method, asked.scheme, asked.host, head.uri);
    let _ = write!(key, "\n{route}>{}\n{}", upstream.name(), upstream.changes());
    let mut fields: Vec<_> = head.headers.iter().filter(|(name, _)| !is_of_the_way(errand, name)).collect();
    // Stable: the lines of one field stay in their order.
    fields.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in fields {
        if key.len() + value.len() > KEY_BYTES_MAX {
            return None;
        }
        // No value holds a line break: no field can look like two.
        let _ = write!(key, "\n{name}:{}", value.as_bytes().escape_ascii());
    }
    (key.len() <= KEY_BYTES_MAX).then(|| key.into())
}

/// Whether a field is none of what equal requests have in common.
fn is_of_the_way(errand: &Errand, name: &HeaderName) -> bool {
    OF_THE_WAY.contains(name) || errand.plan.id_header.as_ref() == Some(name)
}

/// Whether an answer is for everybody who asked the same.
fn may_be_shared(errand: &Errand, parts: &response::Parts) -> bool {
    let control = CacheControl::of(&parts.headers);
    let is_for_one = control.private || control.no_store || !control.omitted.is_empty();
    let is_part = parts.status.is_informational() || parts.status == StatusCode::PARTIAL_CONTENT;
    let is_stream =
        parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    // All other fields are equal in equal requests.
    let depends_on_one = match Vary::of(&parts.headers) {
        Ok(vary) => vary.fields().iter().any(|field| is_of_the_way(errand, field)),
        Err(_) => true,
    };
    !(is_for_one || is_part || is_stream || depends_on_one || parts.headers.contains_key(SET_COOKIE))
}
