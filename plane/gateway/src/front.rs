//! The front: takes each request from the wire, finds its route and brings the answer.
//!
//! One clone a connection, one call a request, on the worker's own runtime. Always holds: every request gets an answer, the
//! gateway's own if there is no other; what is counted is counted once, also when the client leaves; the path that was routed is
//! the path that goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use homeostat_resilience::{Call, Refusal};
use homeostat_routing::{Action, Asked, Came, Match, Split, normal_path};
use homeostat_wire::{Body, Handler, Peer, Request, Response, strip_hop_by_hop};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use crate::answer;
use crate::forward::NoAnswer;
use crate::gateway::Gateway;
use crate::plan::{Plan, RoutePlan};
use crate::telemetry::RouteMeter;
use crate::upstream::NotHeld;

/// Answers the requests of one worker.
#[derive(Debug, Clone)]
pub struct Front {
    gateway: Arc<Gateway>,
    worker: usize,
}

/// A request under way, to be counted when it ends, however it ends.
struct Counted<'a> {
    meter: &'a RouteMeter,
    began: Instant,
    is_answered: bool,
}

impl Counted<'_> {
    fn answered(mut self, status: StatusCode) {
        self.is_answered = true;
        self.meter.answered(status.as_u16(), self.began.elapsed());
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.meter.left();
        }
    }
}

impl Handler for Front {
    async fn handle(&self, request: Request, peer: &Arc<Peer>) -> Response {
        let began = Instant::now();
        let plan = self.gateway.plan();
        let (mut head, body) = request.into_parts();
        let Ok(uri) = normal(&head.uri) else {
            return answer::problem(StatusCode::BAD_REQUEST, "the path can be read in more than one way");
        };
        let asked = Asked {
            method: &head.method,
            host: host_of(&head.uri, &head.headers),
            path: uri.path(),
            query: uri.query(),
            headers: &head.headers,
        };
        let Some(found) = plan.table.find(&asked) else {
            return answer::problem(StatusCode::NOT_FOUND, "no route takes this request");
        };
        let route = &plan.routes[found.id.0];
        let _inside = route.meter.in_flight.enter();
        let counted = Counted { meter: &route.meter, began, is_answered: false };
        let mut response = match &found.route.action {
            Action::Respond(fixed) => answer::fixed(fixed),
            Action::Redirect(redirect) => {
                let scheme = if peer.tls.is_some() { "https" } else { "http" };
                let came = Came { scheme, host: asked.host, path: asked.path, query: asked.query };
                let mut response = answer::empty(redirect.status);
                redirect.write(response.headers_mut(), &came, &found.captures);
                response
            }
            Action::Forward(split) => {
                head.uri = rewritten(&uri, &found);
                self.forward(&plan, route, split, &found, head, body).await
            }
        };
        found.route.response_edits.apply(response.headers_mut(), &found.captures);
        counted.answered(response.status());
        response
    }
}

impl Front {
    /// For the worker of this number.
    pub const fn new(gateway: Arc<Gateway>, worker: usize) -> Self {
        Self { gateway, worker }
    }

    async fn forward(
        &self,
        plan: &Plan,
        route: &RoutePlan,
        split: &Split,
        found: &Match<'_, '_>,
        mut head: Parts,
        body: Body,
    ) -> Response {
        let dealt = split.deal(&head.headers, self.gateway.chance());
        let Some(way) = route.way(dealt.upstream) else {
            return answer::problem(StatusCode::INTERNAL_SERVER_ERROR, "the route has no upstream");
        };
        strip_hop_by_hop(&mut head.headers);
        found.route.request_edits.apply(&mut head.headers, &found.captures);
        if let Some(host) = found.route.rewrite.as_ref().and_then(|rewrite| rewrite.host.as_deref())
            && let Ok(host) = HeaderValue::from_str(host)
        {
            head.headers.insert(header::HOST, host);
        }
        let call = Call::default().priority(found.route.settings.priority);
        let sent = way.go(self.worker, &head, body, call, |upstream| self.gateway.call_for(upstream)).await;
        let mut response = match sent {
            Ok(mut response) => {
                strip_hop_by_hop(response.headers_mut());
                response
            }
            Err(why) => self.instead(plan, route, found, &head, why).await,
        };
        if let Some(cookie) = dealt.set_cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// What the client gets when no upstream gave an answer.
    async fn instead(
        &self,
        plan: &Plan,
        route: &RoutePlan,
        found: &Match<'_, '_>,
        head: &Parts,
        why: NoAnswer,
    ) -> Response {
        let fallback = &found.route.fallback;
        if let Some(id) = fallback.to
            && let Some(way) = route.way(id)
        {
            // Asked once: whoever stands in must not be worn down by what broke the other.
            let call = Call::default().priority(found.route.settings.priority);
            let sent = way.go(self.worker, head, Body::empty(), call, |upstream| self.gateway.call_for(upstream)).await;
            if let Ok(mut response) = sent {
                strip_hop_by_hop(response.headers_mut());
                return response;
            }
            tracing::debug!(upstream = %plan.table.upstream(id).name, "the fallback did not answer either");
        }
        if let Some(fixed) = &fallback.respond {
            return answer::fixed(fixed);
        }
        route.meter.own_errors.one();
        own_error(&why)
    }
}

/// The gateway's own answer where no upstream gave one. It says what the client can do about it, and nothing of what is inside.
fn own_error(why: &NoAnswer) -> Response {
    let (status, title, retry_after) = match why {
        NoAnswer::ClientBrokeOff => (StatusCode::BAD_REQUEST, "the body of the request broke off", None),
        NoAnswer::Failed(_) => (StatusCode::BAD_GATEWAY, "the service did not give a usable answer", None),
        NoAnswer::NotHeld(NotHeld::TooMany) => (StatusCode::SERVICE_UNAVAILABLE, "the service is starting", Some(1)),
        NoAnswer::NotHeld(NotHeld::TooLate) => (StatusCode::GATEWAY_TIMEOUT, "the service did not start in time", None),
        NoAnswer::Refused(refusal) => match refusal {
            Refusal::Open { retry_in, .. } | Refusal::RateLimited { retry_in, .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "the service does not work at the moment", Some(seconds(*retry_in)))
            }
            Refusal::Full { .. } | Refusal::Shed { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "the service has no room at the moment", Some(1))
            }
            Refusal::NoEndpoint { .. } => (StatusCode::SERVICE_UNAVAILABLE, "nobody is there to answer", Some(1)),
            Refusal::DeadlinePassed | Refusal::TimedOut { .. } => {
                (StatusCode::GATEWAY_TIMEOUT, "the service did not answer in time", None)
            }
        },
    };
    let mut response = answer::problem(status, title);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Whole seconds, and one at least.
fn seconds(pause: Duration) -> u64 {
    pause.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}

/// The target in the one form that is routed and passed on.
fn normal(uri: &Uri) -> Result<Uri, ()> {
    // `OPTIONS *` asks the gateway itself; it is routed as the root.
    let path = if uri.path() == "*" { "/" } else { uri.path() };
    match normal_path(path).map_err(|_| ())? {
        std::borrow::Cow::Borrowed(same) if same.len() == uri.path().len() && uri.path() != "*" => Ok(uri.clone()),
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

/// The target as it goes on: in origin form, rewritten if the route says so.
fn rewritten(uri: &Uri, found: &Match<'_, '_>) -> Uri {
    let path = found.route.rewrite.as_ref().and_then(|rewrite| rewrite.path(&found.captures));
    let rewritten = path.and_then(|path| with_path(&path, uri.query()));
    rewritten.unwrap_or_else(|| uri.clone())
}

fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    let named = uri.authority().map(http::uri::Authority::as_str);
    let header = || headers.get(header::HOST).and_then(|value| value.to_str().ok());
    named.or_else(header).unwrap_or_default()
}
