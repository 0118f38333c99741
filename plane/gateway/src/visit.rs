//! A request under way: who asks, under which id and trace, and what is to be told of it when it is over.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use homeostat_edge::trace::{Outcome, Value};
use homeostat_edge::{Client, Code, Problem, Record, RequestId, Span, SpanSink, Trace};
use homeostat_routing::{RouteId, UpstreamId};
use homeostat_vocabulary::Timestamp;
use homeostat_wire::{Body, Peer, Response, heard_of_connect, is_extended_connect};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};

use crate::cache::From;
use crate::forward::{Answered, Trail};
use crate::front::host_of;
use crate::gateway::Gateway;
use crate::mishap::Mishap;
use crate::plan::{Plan, RoutePlan};
use crate::telemetry::Tapped;

/// What is known of a request from its beginning to its end.
#[derive(Debug)]
pub struct Visit {
    /// When its head was there.
    pub began: Instant,
    /// The same, on the wall.
    pub wall: Timestamp,
    /// Who asks.
    pub client: Client,
    /// Its id.
    pub id: RequestId,
    /// Its trace.
    pub trace: Trace,
    /// Where it went.
    pub upstream: Option<UpstreamId>,
    /// The gateway's own error, if the answer is one.
    pub code: Option<Code>,
    /// The name of the caller, where it is known.
    pub caller: Option<String>,
    /// Whether the edge knows who asks, by a key or a token.
    pub is_known: bool,
    /// Whether its body turned out to be too long.
    pub overrun: Mishap,
    /// Where its answer came from, if it came for this request alone.
    trail: Option<Trail>,
    version: Version,
    /// Whether it asked for a WebSocket over HTTP/2: what is seen of it here is the upgrade of HTTP/1.1.
    is_connect: bool,
}

impl Visit {
    /// A request has come.
    pub fn begin(plan: &Plan, peer: &Peer, version: Version, head: &mut Parts) -> Self {
        let client = Client::of(&plan.hops, peer.hop.ip(), peer.address.ip(), peer.tls.is_some(), &head.headers);
        let keep = plan.settings.trace.keep_request_id;
        let id = RequestId::of(plan.id_header.as_ref(), keep, &client, &head.headers);
        let trace = Trace::of(&plan.settings.trace, &client, &mut head.headers);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            began: Instant::now(),
            wall: Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            client,
            id,
            trace,
            upstream: None,
            code: None,
            caller: None,
            is_known: false,
            overrun: Mishap::default(),
            trail: None,
            version,
            is_connect: version == Version::HTTP_2 && is_extended_connect(&head.extensions),
        }
    }

    /// The method that the client sent.
    fn method<'a>(&self, seen: &'a Method) -> &'a Method {
        if self.is_connect { &Method::CONNECT } else { seen }
    }

    /// The status that the client hears.
    fn status(&self, seen: StatusCode) -> u16 {
        if self.is_connect { heard_of_connect(seen).as_u16() } else { seen.as_u16() }
    }

    /// An answer came, for this request alone.
    pub fn came(&mut self, answered: Answered) -> Response {
        self.trail = Some(answered.trail);
        answered.response
    }

    /// The answer to a request that no route takes. It is counted and told of like any other: who looks for a site that is not
    /// there, or for a way in, is seen.
    pub fn unrouted(&mut self, gateway: &Gateway, plan: &Plan, code: Code, head: &Parts) -> Response {
        plan.unrouted.one();
        self.code = Some(code);
        let mut response = Problem::new(code, self.id).answer(&head.headers).map(Body::full);
        self.sign(plan, response.headers_mut());
        let asked = Told {
            route: "",
            method: &head.method,
            host: host_of(&head.uri, &head.headers),
            path: head.uri.path(),
            agent: plan.log_wants_agents.then(|| head.headers.get(header::USER_AGENT)).flatten(),
        };
        self.tell(gateway, plan, &asked, &response, self.began.elapsed());
        response
    }

    /// Tells the log and whoever looks of an answer.
    fn tell(&self, gateway: &Gateway, plan: &Plan, asked: &Told<'_>, response: &Response, took: Duration) {
        let (method, status) = (self.method(asked.method), self.status(response.status()));
        let trail = self.trail.as_ref().or_else(|| response.extensions().get());
        let upstream = self.upstream.map(|id| &*plan.table.upstream(id).name);
        let endpoint = trail.map(|trail| trail.endpoint.place.name.as_str());
        let attempts = trail.map_or(0, |trail| trail.attempts);
        let cache = response.extensions().get::<From>().map(|from| from.as_str());
        plan.log.note(&Record {
            at: self.wall,
            client: self.client.address,
            method: method.as_str(),
            host: asked.host,
            path: asked.path,
            protocol: if self.version == Version::HTTP_2 { "2" } else { "1.1" },
            status,
            bytes: response.body().length().unwrap_or(0),
            duration: took,
            route: asked.route,
            upstream: upstream.unwrap_or_default(),
            endpoint: endpoint.unwrap_or_default(),
            attempts,
            cache: cache.unwrap_or_default(),
            code: self.code.map_or("", Code::as_str),
            caller: self.caller.as_deref().unwrap_or_default(),
            agent: asked.agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default(),
            request_id: self.id,
            trace_id: self.trace.sampled().then_some(self.trace.trace_id),
        });
        if gateway.tap().is_open() {
            gateway.tap().show(&Tapped {
                at_ms: self.wall.0,
                id: self.id.as_str().to_owned(),
                client: self.client.address.to_string(),
                method: method.to_string(),
                host: asked.host.to_owned(),
                path: asked.path.to_owned(),
                route: asked.route.to_owned(),
                upstream: upstream.map(str::to_owned),
                endpoint: endpoint.map(str::to_owned),
                status,
                took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                attempts,
                cache,
                missed: 0,
            });
        }
    }

    /// Writes the id.
    pub fn sign(&self, plan: &Plan, headers: &mut HeaderMap) {
        if let Some(name) = &plan.id_header {
            headers.insert(name, self.id.value());
        }
    }

    /// Counts it from now on.
    pub fn count<'a>(
        &self,
        gateway: &'a Gateway,
        plan: &'a Plan,
        route: RouteId,
        host: &'a str,
        head: &Parts,
        uri: &'a Uri,
    ) -> Counted<'a> {
        let agent = plan.log_wants_agents.then(|| head.headers.get(header::USER_AGENT).cloned()).flatten();
        Counted { gateway, plan, route, host, method: head.method.clone(), path: uri.path(), agent, is_answered: false }
    }
}

/// What the log says of a request that its visit does not know.
struct Told<'a> {
    route: &'a str,
    method: &'a Method,
    host: &'a str,
    path: &'a str,
    agent: Option<&'a HeaderValue>,
}

/// A request that is counted when it ends, however it ends.
pub struct Counted<'a> {
    gateway: &'a Gateway,
    plan: &'a Plan,
    route: RouteId,
    host: &'a str,
    method: Method,
    path: &'a str,
    agent: Option<HeaderValue>,
    is_answered: bool,
}

impl Counted<'_> {
    /// It has an answer.
    pub fn answered(mut self, visit: &Visit, response: &Response) {
        self.is_answered = true;
        let status = visit.status(response.status());
        let took = visit.began.elapsed();
        let route = &self.plan.routes[self.route.0];
        route.meter.answered(status, took);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            route.meter.tunnels.one();
        }
        let name = &*self.plan.table.routes()[self.route.0].name;
        let asked =
            Told { route: name, method: &self.method, host: self.host, path: self.path, agent: self.agent.as_ref() };
        visit.tell(self.gateway, self.plan, &asked, response, took);
        if visit.trace.sampled() && self.gateway.spans().is_open() {
            let method = visit.method(&self.method);
            self.gateway.spans().take(Span {
                trace_id: visit.trace.trace_id,
                span_id: visit.trace.span_id,
                parent: visit.trace.parent,
                name: name.into(),
                start_unix_ns: visit.wall.0.saturating_mul(1_000_000),
                duration: took,
                outcome: if status < 500 { Outcome::Good } else { Outcome::Failed },
                attributes: vec![
                    ("http.request.method", Value::Text(method.to_string().into())),
                    ("http.response.status_code", Value::Number(status.into())),
                    ("url.path", Value::Text(self.path.to_owned().into())),
                ],
            });
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.plan.routes[self.route.0].meter.left();
        }
    }
}

/// What the edge does with an answer, remembered from the request, which is gone by then.
pub struct Afterwards {
    origin: Option<HeaderValue>,
    method: Method,
    accepted: HeaderMap,
}

impl Afterwards {
    /// What this request asks for.
    pub fn of(route: &RoutePlan, head: &Parts) -> Self {
        let mut accepted = HeaderMap::new();
        if route.compressor.is_some() {
            for value in head.headers.get_all(header::ACCEPT_ENCODING) {
                accepted.append(header::ACCEPT_ENCODING, value.clone());
            }
        }
        let mut origins = head.headers.get_all(header::ORIGIN).iter();
        let origin = match (route.cors.is_some(), origins.next(), origins.next()) {
            (true, Some(origin), None) => Some(origin.clone()),
            _ => None,
        };
        Self { origin, method: head.method.clone(), accepted }
    }

    /// Done with the answer.
    pub fn apply(self, route: &RoutePlan, response: Response) -> Response {
        let mut response = match &route.compressor {
            Some(compressor) => compressor.compress(&self.method, &self.accepted, response, Body::boxed),
            None => response,
        };
        if let Some(cors) = &route.cors {
            cors.write_for(self.origin.as_ref(), response.headers_mut());
        }
        response
    }
}
