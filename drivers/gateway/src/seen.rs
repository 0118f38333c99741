//! What the gateway answers, as far as it is read here, and what the engine is told of it. Pure.
//!
//! Always holds: what comes from outside is bounded and checked; a name that is no name of a service is left out, never guessed.

use crate::lists::service_of;
use homeostat_vocabulary::{Complaint, ComplaintKind, Millis, ServiceName, Timestamp, Traffic, TrafficReport};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The answer to a wait for services that are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Activations {
    pub(crate) number: u64,
    pub(crate) services: Vec<Waiting>,
}

/// A service that requests wait for.
#[derive(Debug, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) service: String,
}

/// The answer to a wait for signals.
#[derive(Debug, Deserialize)]
pub(crate) struct Signals {
    pub(crate) number: u64,
    pub(crate) signals: Vec<Signal>,
}

/// How requests for one upstream went in a short time.
#[derive(Debug, Deserialize)]
pub(crate) struct Signal {
    pub(crate) service: String,
    #[serde(default = "one_second")]
    pub(crate) span_ms: u64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

/// An upstream as it stands.
#[derive(Debug, Deserialize)]
pub(crate) struct Upstream {
    pub(crate) upstream: String,
    #[serde(default)]
    pub(crate) source: String,
    /// The service it leads to, where it has another name.
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub(crate) waiting: u64,
    /// How long a request waits for the first endpoint, where it does.
    #[serde(default)]
    pub(crate) held_ms: Option<u64>,
}

/// The gateway itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Itself {
    #[serde(default)]
    complaints: Vec<Complained>,
}

#[derive(Debug, Deserialize)]
struct Complained {
    kind: String,
    why: String,
}

impl Itself {
    /// As many complaints are passed on, and as much of each.
    const COMPLAINTS_MAX: usize = 20;
    const WHY_BYTES_MAX: usize = 1_000;

    /// What it has to complain of, as far as it is known here.
    pub(crate) fn complaints(self) -> Vec<Complaint> {
        let known = self.complaints.into_iter().filter_map(|Complained { kind, mut why }| {
            let kind = match kind.as_str() {
                "settings_refused" => ComplaintKind::SettingsRefused,
                "listener_missing" => ComplaintKind::ListenerMissing,
                "certificates_refused" => ComplaintKind::CertificatesRefused,
                _ => return None,
            };
            why.truncate(why.floor_char_boundary(Self::WHY_BYTES_MAX));
            Some(Complaint { kind, why })
        });
        known.take(Self::COMPLAINTS_MAX).collect()
    }
}

/// One of its endpoints.
#[derive(Debug, Deserialize)]
pub(crate) struct Endpoint {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) in_flight: u64,
}

impl Endpoint {
    /// Who it is and where it listens.
    pub(crate) fn place(self) -> Option<(String, SocketAddr)> {
        Some((self.name, self.address.parse().ok()?))
    }
}

const fn one_second() -> u64 {
    1_000
}

/// The services that the gateway knows, with the requests under way or waiting for each.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    under_way: BTreeMap<ServiceName, u64>,
    /// The service of each upstream, by the upstream's name.
    services: BTreeMap<String, ServiceName>,
    /// Services that somebody waits for.
    pub(crate) waited_for: BTreeSet<ServiceName>,
}

impl Standing {
    pub(crate) fn of(upstreams: &[Upstream]) -> Self {
        let mut standing = Self::default();
        for upstream in upstreams.iter().filter(|upstream| upstream.source == "engine") {
            let key = upstream.service.as_ref().unwrap_or(&upstream.upstream);
            let Ok(service) = service_of(key).parse::<ServiceName>() else { continue };
            let in_flight: u64 = upstream.endpoints.iter().map(|endpoint| endpoint.in_flight).sum();
            *standing.under_way.entry(service.clone()).or_default() += in_flight + upstream.waiting;
            if upstream.waiting > 0 {
                standing.waited_for.insert(service.clone());
            }
            standing.services.insert(upstream.upstream.clone(), service);
        }
        standing
    }

    /// The services it knows.
    pub(crate) fn services(&self) -> BTreeSet<ServiceName> {
        self.under_way.keys().cloned().collect()
    }

    /// How requests went for every service that the gateway knows. Where there was nothing, that is told too: it is what lets
    /// a service rest.
    pub(crate) fn report(&self, signals: &[Signal], at: Timestamp) -> Vec<TrafficReport> {
        let quiet = |under_way: &u64| Traffic {
            at,
            span: Millis(0),
            requests: 0,
            errors: 0,
            p50: Millis(0),
            p99: Millis(0),
            under_way: *under_way,
        };
        let mut reports: BTreeMap<ServiceName, Traffic> =
            self.under_way.iter().map(|(name, under_way)| (name.clone(), quiet(under_way))).collect();
        for signal in signals {
            let name = self.services.get(&signal.service);
            let Some(traffic) = name.and_then(|name| reports.get_mut(name)) else { continue };
            traffic.span.0 = traffic.span.0.saturating_add(signal.span_ms);
            traffic.requests = traffic.requests.saturating_add(signal.requests);
            traffic.errors = traffic.errors.saturating_add(signal.errors);
            // Shares of several spans cannot be added up; the worst of them is true of one.
            traffic.p50 = traffic.p50.max(millis(signal.p50_ms));
            traffic.p99 = traffic.p99.max(millis(signal.p99_ms));
        }
        reports.into_iter().map(|(service, traffic)| TrafficReport { service, traffic }).collect()
    }
}

/// Whole milliseconds, rounded up: what took any time at all took no less than one.
fn millis(given: Option<f64>) -> Millis {
    /// A day; more than any request takes, and a bound for whatever comes.
    const MAX: f64 = 86_400_000.0;
    let bounded = given.unwrap_or(0.0).clamp(0.0, MAX).ceil();
    // A number that is none fails every comparison and is nothing here.
    if bounded.is_nan() { Millis(0) } else { Millis(bounded as u64) }
}
