//! What the control shows: plain values for JSON, made when somebody asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use homeostat_resilience::balance::Standing as EndpointStanding;
use homeostat_resilience::stack::StackSnapshot;
use homeostat_routing::{Action, Source, UpstreamPlan};
use serde::Serialize;

use crate::complaints::Complaint;
use crate::plan::Plan;
use crate::upstream::{Endpoint, Upstream};

/// What the gateway is and how it is.
#[derive(Debug, Serialize)]
pub struct StatusView {
    /// Of the program.
    pub version: &'static str,
    /// The process.
    pub pid: u32,
    /// When it started, in milliseconds since 1970.
    pub started_ms: u64,
    /// Of the settings in force.
    pub fingerprint: String,
    /// Threads that serve.
    pub workers: usize,
    /// The workers that hang, by number.
    pub stuck: Vec<usize>,
    /// Whether it is ending.
    pub draining: bool,
    /// Settings that it refused, and a listener that it cannot have.
    pub complaints: Vec<Complaint>,
}

/// A route.
#[derive(Debug, Serialize)]
pub struct RouteView {
    /// Its name.
    pub name: String,
    /// Which requests it takes, as a person reads it.
    pub when: Vec<String>,
    /// `forward`, `redirect` or `respond`.
    pub action: &'static str,
    /// The upstreams that its requests go to.
    pub to: Vec<String>,
    /// How many requests were answered.
    pub requests: u64,
    /// How many of those with a status of 500 and above.
    pub errors: u64,
}

impl RouteView {
    /// All routes of a plan.
    pub fn of(plan: &Plan) -> Vec<Self> {
        let rows = plan.table.routes().iter().zip(&plan.routes);
        rows.map(|(route, counted)| {
            let (action, to) = match &route.action {
                Action::Forward(split) => {
                    ("forward", split.upstreams().map(|id| plan.table.upstream(id).name.to_string()).collect())
                }
                Action::Redirect(_) => ("redirect", Vec::new()),
                Action::Respond(_) => ("respond", Vec::new()),
            };
            Self {
                name: route.name.to_string(),
                when: route.patterns().to_vec(),
                action,
                to,
                requests: counted.meter.answers.iter().map(|count| count.get()).sum(),
                errors: counted.meter.answers[4].get(),
            }
        })
        .collect()
    }
}

/// An upstream with its endpoints.
#[derive(Debug, Serialize)]
pub struct UpstreamView {
    /// Its name.
    pub upstream: String,
    /// `static`, `dns` or `engine`.
    pub source: &'static str,
    /// The service it leads to, as the engine calls its list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Who is there.
    pub endpoints: Vec<EndpointView>,
    /// Requests that wait for somebody to be there.
    pub waiting: usize,
    /// How long each may, where they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_ms: Option<u64>,
}

/// An endpoint, as the route that knows it best sees it.
#[derive(Debug, Serialize)]
pub struct EndpointView {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// `liked`, `doubted` or `ejected`; the worst that any route thinks.
    pub standing: &'static str,
    /// How likely it works; the least that any route thinks.
    pub works: f64,
    /// Requests under way there.
    pub in_flight: u64,
    /// Connections that wait there for a request.
    pub idle: usize,
}

/// What the policies of all routes that call an endpoint make of it.
struct Opinion {
    standing: EndpointStanding,
    works: f64,
    in_flight: u64,
}

/// Nobody has called it: it is taken for good.
impl Default for Opinion {
    fn default() -> Self {
        Self { standing: EndpointStanding::Liked, works: 1.0, in_flight: 0 }
    }
}

impl Opinion {
    /// Of every endpoint, by its name. Made in one go: looking through all of them for each takes seconds with ten thousand, and the
    /// engine asks every second.
    fn of_all(snapshots: &[StackSnapshot]) -> BTreeMap<&str, Self> {
        let mut opinions = BTreeMap::<&str, Self>::new();
        for seen in snapshots.iter().flat_map(|snapshot| &snapshot.endpoints.endpoints) {
            let opinion = opinions.entry(&seen.name).or_default();
            opinion.standing = opinion.standing.max(seen.standing);
            opinion.works = opinion.works.min(f64::from(seen.works));
            opinion.in_flight += u64::from(seen.in_flight);
        }
        opinions
    }
}

impl EndpointView {
    fn of(endpoint: &Endpoint, Opinion { standing, works, in_flight }: Opinion) -> Self {
        Self {
            name: endpoint.place.name.clone(),
            address: endpoint.place.address.to_string(),
            standing: match standing {
                EndpointStanding::Liked => "liked",
                EndpointStanding::Doubted => "doubted",
                EndpointStanding::Ejected => "ejected",
            },
            works,
            in_flight,
            idle: endpoint.idle(),
        }
    }
}

impl UpstreamView {
    /// An upstream as it is now.
    pub fn of(upstream: &Upstream, plan: &UpstreamPlan) -> Self {
        let source = &plan.source;
        let snapshots = upstream.snapshots();
        let mut opinions = Opinion::of_all(&snapshots);
        let endpoints = upstream.endpoints();
        let view = |endpoint: &Arc<Endpoint>| {
            EndpointView::of(endpoint, opinions.remove(&*endpoint.place.name).unwrap_or_default())
        };
        Self {
            upstream: upstream.name().to_string(),
            source: match source {
                Source::Static(_) => "static",
                Source::Dns { .. } => "dns",
                Source::Service { .. } => "engine",
            },
            service: crate::standing::service_key(source),
            endpoints: endpoints.iter().map(view).collect(),
            waiting: upstream.hold.waiting(),
            held_ms: plan.settings.activation.as_ref().map(|activation| activation.wait_max.0.0),
        }
    }
}
