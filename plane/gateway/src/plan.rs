//! A plan: everything that a request needs to know, made whole from the settings and swapped whole.
//!
//! A request keeps the plan that it began with. Always holds: a plan that could not be made changes nothing; nothing in a plan changes
//! after it was made, but the endpoints and what was learned, which are not its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use homeostat_edge::{AccessLog, Compressor, Cors, RouteGuard, TrustedHops};
use homeostat_resilience::StackSettings;
use homeostat_routing::settings;
use homeostat_routing::{Action, Route, Table, UpstreamId, UpstreamPlan};

use http::HeaderName;

use crate::cache::{Answers, CacheRules};
use crate::forward::{Repeat, Way, WholeTerms};
use crate::standing::Standing;
use crate::telemetry::{Count, RouteMeter};
use crate::upstream::{HoldTerms, Terms};

/// The settings in force, compiled.
pub struct Plan {
    /// What it was made from.
    pub settings: Arc<settings::Gateway>,
    /// Tells one state of the settings from another.
    pub fingerprint: String,
    /// Which route takes a request.
    pub table: Table,
    /// By the place of the route in the table.
    pub routes: Vec<RoutePlan>,
    /// Whose word on the client is taken.
    pub hops: TrustedHops,
    /// The header with the id of a request.
    pub id_header: Option<HeaderName>,
    /// The memory for answers.
    pub answers: Arc<Answers>,
    /// The log of requests.
    pub log: Arc<AccessLog>,
    /// Whether the log says what clients call themselves.
    pub log_wants_agents: bool,
    /// Requests that no route took.
    pub unrouted: Arc<Count>,
}

/// What a route needs besides what the table says of it.
pub struct RoutePlan {
    /// What is counted.
    pub meter: Arc<RouteMeter>,
    /// Who may come in, how often, and with how much.
    pub guard: RouteGuard,
    /// Which pages of other origins may call it.
    pub cors: Option<Cors>,
    /// What compresses its answers.
    pub compressor: Option<Compressor>,
    /// How its answers are kept.
    pub cache: Option<Arc<CacheRules>>,
    /// The ways to its upstreams; usually one.
    ways: Vec<(UpstreamId, Way)>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Plan").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl RoutePlan {
    /// The upstreams that it has ways to.
    pub fn upstreams(&self) -> impl Iterator<Item = UpstreamId> {
        self.ways.iter().map(|(id, _)| *id)
    }

    /// The way to an upstream of this route.
    pub fn way(&self, upstream: UpstreamId) -> Option<&Way> {
        self.ways.iter().find(|(id, _)| *id == upstream).map(|(_, way)| way)
    }
}

impl Plan {
    /// Makes a plan.
    ///
    /// # Errors
    /// With every problem of the settings; nothing that stands has changed then.
    pub fn make(
        settings: Arc<settings::Gateway>,
        fingerprint: String,
        standing: &mut Standing,
    ) -> Result<Self, Vec<String>> {
        let table = Table::compile(&settings).map_err(|problems| vec![problems.to_string()])?;
        let mut terms: Vec<Terms> = table.upstreams().iter().map(terms_of).collect::<Result<_, _>>()?;
        let hops = TrustedHops::parse(&settings.trusted_hops)
            .map_err(|error| vec![format!("gateway.trusted_hops: {error}")])?;
        let mut edges =
            table.routes().iter().map(|route| Edge::of(&settings, route, standing)).collect::<Result<Vec<_>, _>>()?;
        for route in table.routes() {
            for id in upstreams_of(route) {
                let invalid = resilience_of(&table, route, id).check();
                invalid.map_err(|why| vec![format!("gateway.routes.{}.resilience: {why}", route.name)])?;
            }
        }
        let prepared = standing.prepare(&settings)?;
        // From here on nothing fails: what stands is changed only for a plan that comes into force.
        let (answers, log) = standing.put(prepared);
        let upstreams: Vec<_> =
            table.upstreams().iter().zip(terms.drain(..)).map(|(plan, terms)| standing.upstream(plan, terms)).collect();
        let mut routes = Vec::new();
        for (route, edge) in table.routes().iter().zip(edges.drain(..)) {
            let Edge { guard, cors, compressor, cache } = edge;
            let owner = owner_of(route, table.routes());
            let mut ways = Vec::new();
            for id in upstreams_of(route) {
                let upstream = Arc::clone(&upstreams[id.0]);
                let policies = upstream.policies(&owner.name, resilience_of(&table, route, id));
                let policies = policies.expect("these settings were checked above");
                let hold = hold_of(table.upstream(id));
                let (repeat, whole) = (repeat_of(route), whole_of(route));
                let spans = standing.spans();
                ways.push((id, Way { upstream, policies, hold, repeat, whole, spans }));
            }
            routes.push(RoutePlan { meter: standing.meter(&route.name), guard, cors, compressor, cache, ways });
        }
        standing.keep(table.upstreams(), table.routes());
        let id_header = settings.trace.request_id_header.parse().ok();
        let log_wants_agents = settings.access_log.enabled;
        let unrouted = standing.unrouted();
        Ok(Self { settings, fingerprint, table, routes, hops, id_header, answers, log, log_wants_agents, unrouted })
    }
}

/// The upstreams that the requests of a route may go to.
fn upstreams_of(route: &Route) -> Vec<UpstreamId> {
    let mut ids: Vec<UpstreamId> = match &route.action {
        Action::Forward(split) => split.upstreams().collect(),
        Action::Redirect(_) | Action::Respond(_) => Vec::new(),
    };
    ids.extend(route.fallback.to);
    ids
}

/// How calls of a route to one of them are made.
pub fn resilience_of(table: &Table, route: &Route, upstream: UpstreamId) -> StackSettings {
    let own = owner_of(route, table.routes()).settings.resilience;
    own.unwrap_or(table.upstream(upstream).resilience)
}

/// What the edge does for a route.
struct Edge {
    guard: RouteGuard,
    cors: Option<Cors>,
    compressor: Option<Compressor>,
    cache: Option<Arc<CacheRules>>,
}

impl Edge {
    fn of(settings: &settings::Gateway, route: &Route, standing: &Standing) -> Result<Self, Vec<String>> {
        let wrong = |why: &dyn std::fmt::Display| vec![format!("gateway.routes.{}: {why}", route.name)];
        let guard = RouteGuard::compile(standing.guards(), settings, &route.name, &route.settings);
        let cors = route.settings.cors.as_ref().map(Cors::compile).transpose();
        Ok(Self {
            guard: guard.map_err(|error| wrong(&error))?,
            cors: cors.map_err(|error| wrong(&error))?,
            compressor: route.settings.compression.as_ref().map(Compressor::new),
            cache: CacheRules::of(route.settings.cache.as_ref()).map(Arc::new),
        })
    }
}

/// The route whose policies these requests go through: its own, or those of the one that it names.
pub fn owner_of<'a>(route: &'a Route, all: &'a [Route]) -> &'a Route {
    let named = route.settings.policies_of.as_deref();
    named.and_then(|name| all.iter().find(|one| *one.name == *name)).unwrap_or(route)
}

fn hold_of(plan: &UpstreamPlan) -> Option<HoldTerms> {
    let activation = plan.settings.activation.as_ref()?;
    Some(HoldTerms { waiting_max: activation.waiting_max as usize, within: Duration::from(activation.wait_max.0) })
}

fn repeat_of(route: &Route) -> Repeat {
    let replay = &route.settings.replay;
    Repeat {
        enabled: replay.enabled,
        body_max: usize::try_from(replay.body_max.0).unwrap_or(usize::MAX),
        key_header: replay.idempotency_header.parse().ok(),
    }
}

fn whole_of(route: &Route) -> Option<WholeTerms> {
    let whole = route.settings.whole_answer.as_ref()?;
    Some(WholeTerms { body_max: usize::try_from(whole.body_max.0).unwrap_or(usize::MAX), digest: whole.digest })
}

/// How connections to an upstream are made.
fn terms_of(plan: &UpstreamPlan) -> Result<Terms, Vec<String>> {
    Terms::of(plan).map_err(|why| vec![format!("gateway.upstreams.{}.tls: {why}", plan.name)])
}
