//! The front: takes each request from the wire, finds its route and brings the answer.
//!
//! One clone a connection, one call a request, on the worker's own runtime. Always holds: every request gets an answer, the
//! gateway's own if there is no other; what is counted is counted once, also when the client leaves; the path that was routed is
//! the path that goes on; what says who the client is comes from the gateway or from a trusted hop.

use std::sync::Arc;
use std::time::Duration;

use homeostat_edge::{Code, Now, Problem};
use homeostat_resilience::Call;
use homeostat_routing::{Action, Asked, Came, Match, Split, normal_path};
use homeostat_wire::{Body, Handler, Peer, Refusal, Request, Response, strip_hop_by_hop};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use crate::answer;
use crate::cache::{CacheRules, Errand, Target, may_be_together, pass_by};
use crate::forward::{NoAnswer, Trail, bounded};
use crate::gateway::Gateway;
use crate::plan::{Plan, RoutePlan};
use crate::visit::{Afterwards, Visit};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Answers the requests of one worker.
#[derive(Debug, Clone)]
pub struct Front {
    gateway: Arc<Gateway>,
    worker: usize,
}

impl Handler for Front {
    async fn handle(&self, request: Request, peer: &Arc<Peer>) -> Response {
        let plan = self.gateway.plan();
        let version = request.version();
        let (mut head, body) = request.into_parts();
        let mut visit = Visit::begin(&plan, peer, version, &mut head);
        let Ok(uri) = normal(&head.uri) else {
            return visit.unrouted(&self.gateway, &plan, Code::BadRequest, &head);
        };
        let asked = Asked {
            method: &head.method,
            host: host_of(&head.uri, &head.headers),
            path: uri.path(),
            query: uri.query(),
            headers: &head.headers,
        };
        let Some(found) = plan.table.find(&asked) else {
            return visit.unrouted(&self.gateway, &plan, Code::NoRoute, &head);
        };
        let route = &plan.routes[found.id.0];
        let host: Box<str> = asked.host.into();
        let _inside = route.meter.in_flight.enter();
        let counted = visit.count(&self.gateway, &plan, found.id, &host, &head, &uri);
        let mut response = self.answer(&plan, &mut visit, route, &found, (&host, &uri), &mut head, body).await;
        found.route.response_edits.apply(response.headers_mut(), &found.captures);
        visit.sign(&plan, response.headers_mut());
        counted.answered(&visit, &response);
        // Told by now: an answer that never ends would hold its endpoint as one that has not begun.
        response.extensions_mut().remove::<Trail>();
        response
    }

    fn refused(&self, refusal: Refusal, _peer: &Arc<Peer>) {
        self.gateway.refusals().one(refusal);
    }
}

impl Front {
    /// For the worker of this number.
    pub const fn new(gateway: Arc<Gateway>, worker: usize) -> Self {
        Self { gateway, worker }
    }

    /// What a route does with a request, and what the edge does before and after.
    #[expect(clippy::too_many_arguments, reason = "a request and where it goes")]
    async fn answer(
        &self,
        plan: &Arc<Plan>,
        visit: &mut Visit,
        route: &RoutePlan,
        found: &Match<'_, '_>,
        (host, uri): (&str, &Uri),
        // Lent, as it is as large as all the rest together and would be moved with every call.
        head: &mut Parts,
        body: Body,
    ) -> Response {
        if let Some(response) = route.cors.as_ref().and_then(|cors| cors.preflight(&head.method, &head.headers)) {
            return response.map(|()| Body::empty());
        }
        let now = Now { at: self.gateway.clock().now(), wall: visit.wall };
        let passed = match route.guard.check(head, &visit.client, now) {
            Ok(passed) => passed,
            Err(refused) => {
                route.meter.refused.one();
                let mut response = self.own(visit, refused.code(), &head.headers);
                refused.write(response.headers_mut());
                return response;
            }
        };
        visit.is_known = passed.caller.is_some();
        visit.caller = passed.caller.as_ref().and_then(|caller| caller.name().map(str::to_owned));
        let afterwards = Afterwards::of(route, head);
        let response = match &found.route.action {
            Action::Respond(fixed) => answer::fixed(fixed),
            Action::Redirect(redirect) => {
                let scheme = visit.client.scheme.as_str();
                let came = Came { scheme, host, path: uri.path(), query: uri.query() };
                let mut response = answer::empty(redirect.status);
                redirect.write(response.headers_mut(), &came, &found.captures);
                response
            }
            Action::Forward(split) => {
                let asked = Target { scheme: visit.client.scheme.as_str(), host, target: target_of(uri) };
                let (body, overrun) = bounded(body, route.guard.body_bytes_max());
                visit.overrun = overrun;
                self.forward(plan, visit, route, (split, found), asked, (head, uri), body).await
            }
        };
        let mut response = afterwards.apply(route, response);
        passed.rates.write(response.headers_mut());
        response
    }

    #[expect(clippy::too_many_arguments, reason = "a request and where it goes")]
    async fn forward(
        &self,
        plan: &Arc<Plan>,
        visit: &mut Visit,
        route: &RoutePlan,
        (split, found): (&Split, &Match<'_, '_>),
        asked: Target<'_>,
        (head, uri): (&mut Parts, &Uri),
        body: Body,
    ) -> Response {
        let dealt = split.deal(&head.headers, self.gateway.chance());
        // What it would be without the rewrite may be what nobody is to reach: that never goes out instead.
        let Some(target) = rewritten(uri, found) else {
            route.meter.own_errors.one();
            return self.own(visit, Code::Fault, &head.headers);
        };
        head.uri = target;
        strip_hop_by_hop(&mut head.headers);
        visit.client.write_forwarded(&mut head.headers);
        visit.sign(plan, &mut head.headers);
        found.route.request_edits.apply(&mut head.headers, &found.captures);
        if let Some(host) = found.route.rewrite.as_ref().and_then(|rewrite| rewrite.host.as_deref())
            && let Ok(host) = HeaderValue::from_str(host)
        {
            head.headers.insert(header::HOST, host);
        }
        let call = Call::default().priority(found.route.settings.priority);
        let call = match grpc_timeout(&head.headers) {
            Some(left) => call.within(left, self.gateway.clock()),
            None => call,
        };
        let errand = Errand {
            gateway: Arc::clone(&self.gateway),
            plan: Arc::clone(plan),
            route: found.id,
            upstream: dealt.upstream,
            worker: self.worker,
            call,
            trace: visit.trace,
            is_of_known: visit.is_known,
        };
        visit.upstream = Some(dealt.upstream);
        let sent = match &route.cache {
            Some(rules) if may_be_kept(head, &body) => {
                // What is not in the key must not go there: it could be written into an answer that is kept for all.
                head.uri = without_unkeyed(std::mem::take(&mut head.uri), rules);
                // Boxed, as are the other ways that not every request goes: each would make room for itself in all of them.
                Box::pin(plan.answers.answer(rules, &route.meter, &errand, asked, head)).await
            }
            Some(_) => Box::pin(pass_by(&route.meter, &errand, head, body)).await,
            None if found.route.settings.coalesce && may_be_together(&errand, head, &body) => {
                Box::pin(plan.answers.together(&route.meter, &errand, asked, head)).await
            }
            None => errand.go(head, body).await.map(|answered| visit.came(answered)),
        };
        if let Ok(response) = &sent {
            plan.answers.changed(&errand, &asked, &head.method, response);
        }
        let mut response = match sent {
            Ok(response) => response,
            Err(why) => Box::pin(self.instead(visit, route, found, &errand, head, &why)).await,
        };
        if let Some(cookie) = dealt.set_cookie {
            let secure = if visit.client.scheme.as_str() == "https" { "; Secure" } else { "" };
            if let Ok(cookie) = HeaderValue::try_from(format!("{cookie}{secure}")) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
        response
    }

    /// What the client gets when no upstream gave an answer.
    async fn instead(
        &self,
        visit: &mut Visit,
        route: &RoutePlan,
        found: &Match<'_, '_>,
        errand: &Errand,
        head: &Parts,
        why: &NoAnswer,
    ) -> Response {
        let fallback = &found.route.fallback;
        // Whoever stands in is asked only for what may be asked twice: the body of anything else is gone.
        let may_ask = matches!(head.method, Method::GET | Method::HEAD);
        if let Some(upstream) = fallback.to.filter(|_| may_ask) {
            let errand = Errand { upstream, ..errand.clone() };
            if let Ok(answered) = errand.go(head, Body::empty()).await {
                visit.upstream = Some(upstream);
                return visit.came(answered);
            }
        }
        if let Some(fixed) = &fallback.respond {
            return answer::fixed(fixed);
        }
        route.meter.own_errors.one();
        let (code, retry_after) = match why {
            // Whatever came of it at the upstream: the client is told what it can mend.
            _ if visit.overrun.has_happened() => (Code::BodyTooLarge, None),
            why => answer::of_failure(why),
        };
        let mut response = self.own(visit, code, &head.headers);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// An answer of the gateway's own, about an error.
    fn own(&self, visit: &mut Visit, code: Code, headers: &HeaderMap) -> Response {
        visit.code = Some(code);
        Problem::new(code, visit.id).answer(headers).map(Body::full)
    }
}

/// Whether the cache has a say: reads without a body.
fn may_be_kept(head: &Parts, body: &Body) -> bool {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    is_read && body.length() == Some(0) && !head.headers.contains_key(header::UPGRADE)
}

/// The target with only what counts of its query.
fn without_unkeyed(uri: Uri, rules: &CacheRules) -> Uri {
    let Some(whole) = uri.query() else { return uri };
    let counts = match homeostat_cache::http::query(whole, &rules.query) {
        Some(counts) if counts != whole => counts,
        _ => return uri,
    };
    with_path(uri.path(), Some(&*counts).filter(|counts| !counts.is_empty())).unwrap_or(uri)
}

/// How long a gRPC client waits, as it says: an answer after that is of no use to it, and further attempts neither.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| is_number)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// The target in the one form that is routed and passed on.
fn normal(uri: &Uri) -> Result<Uri, ()> {
    // `OPTIONS *` asks the gateway itself; it is routed as the root.
    let path = if uri.path() == "*" { "/" } else { uri.path() };
    match normal_path(path).map_err(|_| ())? {
        std::borrow::Cow::Borrowed(_) if uri.path() != "*" => Ok(uri.clone()),
        path => with_path(&path, uri.query()).ok_or(()),
    }
}

fn with_path(path: &str, query: Option<&str>) -> Option<Uri> {
    let target = match query {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    target.ok().map(Uri::from)
}

/// The target as it goes on: in origin form, rewritten if the route says so; `None` when that makes no path, or one too long.
fn rewritten(uri: &Uri, found: &Match<'_, '_>) -> Option<Uri> {
    match found.route.rewrite.as_ref().and_then(|rewrite| rewrite.path(&found.captures)) {
        Some(path) => with_path(&normal_path(&path).ok().filter(|normal| *normal == path)?, uri.query()),
        None => Some(uri.clone()),
    }
}

fn target_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

/// The host that a request names.
pub fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    let named = uri.authority().map(http::uri::Authority::as_str);
    let header = || headers.get(header::HOST).and_then(|value| value.to_str().ok());
    named.or_else(header).unwrap_or_default()
}
