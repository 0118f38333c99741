//! What is done once a second beside the requests: the signals for the engine, a word to the policies on answers that broke off, and now
//! and then the closing of old connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use homeostat_routing::Action;

use super::meter::BOUNDS_US;
use super::signals::{Signal, share_within_ms};
use crate::gateway::Gateway;

const BEAT: Duration = Duration::from_secs(1);
/// Old connections are looked for at every so many beats.
const SWEEP_EVERY: u64 = 5;

/// What the counters of an upstream's routes showed.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    requests: u64,
    errors: u64,
    buckets: [u64; BOUNDS_US.len() + 1],
}

/// Beats until it is dropped.
pub async fn beat(gateway: Arc<Gateway>) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = look(&gateway);
    let mut since = Instant::now();
    let mut number = 0_u64;
    loop {
        ticks.tick().await;
        number += 1;
        let (now, span) = (look(&gateway), since.elapsed());
        since = Instant::now();
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |at| at.as_millis() as u64);
        let signals: Vec<Signal> =
            now.iter().filter_map(|(service, seen)| signal(service, before.get(service)?, seen, at_ms, span)).collect();
        if !signals.is_empty() {
            gateway.signals().put(signals);
        }
        before = now;
        gateway.upstreams().iter().for_each(|upstream| upstream.tell_broken());
        if number.is_multiple_of(SWEEP_EVERY) {
            let now = Instant::now();
            let endpoints = gateway.upstreams();
            endpoints.iter().flat_map(|upstream| upstream.endpoints()).for_each(|endpoint| endpoint.sweep(now));
        }
    }
}

/// The counters by upstream. A route that deals its requests out counts for its first side.
fn look(gateway: &Gateway) -> BTreeMap<String, Seen> {
    let plan = gateway.plan();
    let mut all: BTreeMap<String, Seen> = BTreeMap::new();
    for (route, counted) in plan.table.routes().iter().zip(&plan.routes) {
        let Action::Forward(split) = &route.action else { continue };
        let Some(id) = split.upstreams().next() else { continue };
        let seen = all.entry(plan.table.upstream(id).name.to_string()).or_default();
        let (_, buckets) = counted.meter.took.read();
        seen.requests += buckets.iter().sum::<u64>();
        seen.errors += counted.meter.answers[4].get();
        seen.buckets.iter_mut().zip(buckets).for_each(|(sum, count)| *sum += count);
    }
    all
}

/// What happened in between; nothing where nothing did.
fn signal(service: &str, before: &Seen, now: &Seen, at_ms: u64, span: Duration) -> Option<Signal> {
    let requests = now.requests.checked_sub(before.requests).filter(|requests| *requests > 0)?;
    let buckets = std::array::from_fn(|place| now.buckets[place].saturating_sub(before.buckets[place]));
    Some(Signal {
        at_ms,
        service: service.to_owned(),
        span_ms: span.as_millis() as u64,
        requests,
        errors: now.errors.saturating_sub(before.errors),
        p50_ms: share_within_ms(&buckets, 0.5),
        p99_ms: share_within_ms(&buckets, 0.99),
    })
}
