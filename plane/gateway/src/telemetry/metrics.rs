//! The gateway's numbers in the Prometheus text format. Made when somebody scrapes; nothing is done on the path of a request.
//!
//! Always holds: no label is taken from a request, so that the number of series is bounded by the configuration. What happens at
//! endpoints (attempts, retries, hedges, ejections) is told by the policies themselves, see
//! [`PolicyMetrics`](homeostat_resilience::metrics::PolicyMetrics): their label `stack` is `ROUTE>UPSTREAM`.
//!
//! | name | labels | what |
//! |---|---|---|
//! | `gateway_requests_total` | `route`, `status` | answers by status class; `left`: the client went before there was one |
//! | `gateway_request_seconds` | `route` | from the head of a request to the head of its answer (histogram) |
//! | `gateway_requests_in_flight` | `route` | requests under way |
//! | `gateway_own_errors_total` | `route` | answers that the gateway made because no upstream did |
//! | `gateway_refused_total` | `route` | requests refused at the edge: rate, authorization, size |
//! | `gateway_cache_total` | `route`, `result` | `hit`, `stale`, `miss`, `pass` |
//! | `gateway_coalesced_total` | `route` | requests that were given the answer to an equal one that was under way (`coalesce`) |
//! | `gateway_tunnels_total` | `route` | connections that became tunnels |
//! | `gateway_endpoint_connections_total` | `upstream`, `endpoint`, `event` | `opened`, `refused` (could not be opened), `reused`, `stale` (were found closed) |
//! | `gateway_endpoint_connections_idle` | `upstream`, `endpoint` | connections that wait for a request |
//! | `gateway_unrouted_total` | | requests that no route took |
//! | `gateway_wire_refused_total` | `reason` | requests and connections that were refused or broken off before or beside any route: malformed, too large, too slow, left |
//! | `gateway_log_lines_total`, `gateway_log_lines_lost_total` | | lines of the log of requests, written and lost |
//! | `gateway_cache_bytes`, `gateway_cache_entries` | | kept answers |
//! | `gateway_cache_evicted_total`, `gateway_cache_waited_total` | | answers that made room; requests that waited for another's fetch |
//! | `gateway_waiting` | `upstream` | requests that wait for a service to start |

use std::fmt;
use std::sync::Arc;

use homeostat_cache::CacheSnapshot;
use homeostat_edge::log::Counts;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::meter::{BOUNDS_US, RouteMeter};
use crate::upstream::Upstream;

/// Endpoints of an upstream that are shown one by one; with more, the series of a scrape would outgrow what it is worth.
const ENDPOINTS_SHOWN_MAX: usize = 200;
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "left"];

/// What is looked at when somebody scrapes.
pub struct Seen {
    /// The memory for answers.
    pub cache: CacheSnapshot,
    /// The log of requests.
    pub log: Counts,
    /// Requests that no route took.
    pub unrouted: u64,
    /// What the wire refused, by reason.
    pub refusals: Vec<(&'static str, u64)>,
    /// The meters of routes, by name.
    pub routes: Vec<(String, Arc<RouteMeter>)>,
    /// All upstreams.
    pub upstreams: Vec<Arc<Upstream>>,
}

/// The collector for a registry.
pub struct GatewayMetrics(Box<dyn Fn() -> Seen + Send + Sync>);

impl GatewayMetrics {
    /// Of what `look` sees.
    pub fn of(look: impl Fn() -> Seen + Send + Sync + 'static) -> Self {
        Self(Box::new(look))
    }
}

impl fmt::Debug for GatewayMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GatewayMetrics")
    }
}

type Labels = Vec<(&'static str, String)>;
/// A label besides the route.
type Label = (&'static str, &'static str);
type Values = Vec<(Option<Label>, u64)>;

impl Collector for GatewayMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seen = (self.0)();
        whole(&mut encoder, &seen)?;
        routes(&mut encoder, &seen)?;
        endpoints(&mut encoder, &seen)
    }
}

fn whole(encoder: &mut DescriptorEncoder<'_>, seen: &Seen) -> fmt::Result {
    let one = |value: u64| vec![(Labels::new(), value)];
    counters(encoder, "gateway_unrouted", "Requests that no route took", one(seen.unrouted))?;
    let reason = |(reason, value): &(&'static str, u64)| (vec![("reason", (*reason).to_owned())], *value);
    let refusals = seen.refusals.iter().map(reason).collect();
    counters(encoder, "gateway_wire_refused", "What was refused or broken off beside any route", refusals)?;
    counters(encoder, "gateway_log_lines", "Lines written to the log of requests", one(seen.log.written))?;
    counters(
        encoder,
        "gateway_log_lines_lost",
        "Lines for which there was no room",
        one(seen.log.dropped + seen.log.failed),
    )?;
    gauges(encoder, "gateway_cache_bytes", "What kept answers take", one(seen.cache.bytes))?;
    gauges(encoder, "gateway_cache_entries", "Kept answers", one(seen.cache.entries))?;
    counters(encoder, "gateway_cache_evicted", "Kept answers that made room for others", one(seen.cache.evicted))?;
    counters(encoder, "gateway_cache_waited", "Requests that waited for another's fetch", one(seen.cache.coalesced))
}

fn routes(encoder: &mut DescriptorEncoder<'_>, seen: &Seen) -> fmt::Result {
    let of_routes = |labels: fn(&RouteMeter) -> Values| {
        let mut all: Vec<(Labels, u64)> = Vec::new();
        for (name, meter) in &seen.routes {
            for (label, value) in labels(meter) {
                let route = ("route", escaped(name));
                all.push((
                    std::iter::once(route).chain(label.map(|(key, text)| (key, text.to_owned()))).collect(),
                    value,
                ));
            }
        }
        all
    };
    let by_status = of_routes(|meter| {
        CLASSES.iter().zip(&meter.answers).map(|(class, count)| (Some(("status", *class)), count.get())).collect()
    });
    counters(encoder, "gateway_requests", "Answers by status class", by_status)?;
    let own = of_routes(|meter| vec![(None, meter.own_errors.get())]);
    counters(encoder, "gateway_own_errors", "Answers that the gateway made because no upstream did", own)?;
    let refused = of_routes(|meter| vec![(None, meter.refused.get())]);
    counters(encoder, "gateway_refused", "Requests refused at the edge", refused)?;
    let cache = of_routes(|meter| {
        let results = [
            ("hit", &meter.cache_hits),
            ("stale", &meter.cache_stale),
            ("miss", &meter.cache_misses),
            ("pass", &meter.cache_passed),
        ];
        results.map(|(result, count)| (Some(("result", result)), count.get())).to_vec()
    });
    counters(encoder, "gateway_cache", "What the cache had for requests", cache)?;
    let coalesced = of_routes(|meter| vec![(None, meter.coalesced.get())]);
    counters(encoder, "gateway_coalesced", "Requests that were given the answer to an equal one", coalesced)?;
    let tunnels = of_routes(|meter| vec![(None, meter.tunnels.get())]);
    counters(encoder, "gateway_tunnels", "Connections that became tunnels", tunnels)?;
    let in_flight = of_routes(|meter| vec![(None, meter.in_flight.get())]);
    gauges(encoder, "gateway_requests_in_flight", "Requests under way", in_flight)?;
    durations(encoder, seen)
}

fn durations(encoder: &mut DescriptorEncoder<'_>, seen: &Seen) -> fmt::Result {
    if seen.routes.is_empty() {
        return Ok(());
    }
    let help = "From the head of a request to the head of its answer";
    let mut family = encoder.encode_descriptor("gateway_request_seconds", help, None, MetricType::Histogram)?;
    for (name, meter) in &seen.routes {
        let (total_us, counts) = meter.took.read();
        let bounds = BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let labels: Labels = vec![("route", escaped(name))];
        let mut metric = family.encode_family(&labels)?;
        metric.encode_histogram::<NoLabelSet>(total_us as f64 / 1e6, counts.iter().sum(), &buckets, None)?;
    }
    Ok(())
}

fn endpoints(encoder: &mut DescriptorEncoder<'_>, seen: &Seen) -> fmt::Result {
    let (mut events, mut idle, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for upstream in &seen.upstreams {
        let name = ("upstream", escaped(upstream.name()));
        waiting.push((vec![name.clone()], upstream.hold.waiting() as u64));
        for endpoint in upstream.endpoints().iter().take(ENDPOINTS_SHOWN_MAX) {
            let both: Labels = vec![name.clone(), ("endpoint", escaped(&endpoint.place.name))];
            idle.push((both.clone(), endpoint.idle() as u64));
            let meter = &endpoint.meter;
            let counts = [
                ("opened", &meter.opened),
                ("refused", &meter.refused),
                ("reused", &meter.reused),
                ("stale", &meter.stale),
            ];
            for (event, count) in counts {
                let labels = both.iter().cloned().chain([("event", event.to_owned())]).collect();
                events.push((labels, count.get()));
            }
        }
    }
    counters(encoder, "gateway_endpoint_connections", "What became of connections to endpoints", events)?;
    gauges(encoder, "gateway_endpoint_connections_idle", "Connections that wait for a request", idle)?;
    gauges(encoder, "gateway_waiting", "Requests that wait for a service to start", waiting)
}

fn counters(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, all: Vec<(Labels, u64)>) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    all.into_iter().try_for_each(|(labels, value)| ConstCounter::new(value).encode(family.encode_family(&labels)?))
}

fn gauges(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, all: Vec<(Labels, u64)>) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    all.into_iter().try_for_each(|(labels, value)| ConstGauge::new(gauge(value)).encode(family.encode_family(&labels)?))
}

/// A label's value as the format wants it; the encoder writes it as it is.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
