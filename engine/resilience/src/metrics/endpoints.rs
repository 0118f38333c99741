//! The part of the table that tells of single endpoints. Only so many have series of their own; of the others the counts are summed,
//! and estimates are left out, because they have no sum.

use super::table::{STANDINGS, level, outcomes};
use super::{Labels, Numbers, Put};
use crate::balance::{AttemptCounts, EndpointSnapshot};

/// The label of all endpoints that have no series of their own. In brackets: no address looks like that; to an endpoint that has the
/// name all the same it is left, and the others bear a number.
const OTHERS: &str = "(others)";

/// An endpoint, or all others.
pub(super) struct Shown<'a> {
    counts: AttemptCounts,
    in_flight: u64,
    /// What is known of it, unless it is all others.
    alone: Option<&'a EndpointSnapshot>,
}

/// Reads the values of one endpoint.
pub(super) type Read<V> = fn(&Shown<'_>, Put<'_, V>);
type Row<V> = (&'static str, &'static str, Read<V>);

/// Counters of each endpoint.
pub(super) const COUNTERS: [Row<u64>; 2] = [
    ("resilience_endpoint_attempts", "Attempts that ended, by endpoint and outcome", |of, put| {
        outcomes(&of.counts, &mut |outcome, count| put(&[("outcome", outcome)], count));
    }),
    ("resilience_endpoint_ejections", "How often an endpoint was left out for a while", |of, put| {
        put(&[], of.counts.ejections);
    }),
];

/// Gauges of each endpoint.
pub(super) const GAUGES: [Row<f64>; 6] = [
    ("resilience_endpoint_in_flight", "Attempts under way, by endpoint", |of, put| put(&[], of.in_flight as f64)),
    ("resilience_endpoint_standing", "1 for where an endpoint stands", |of, put| {
        let Some(alone) = of.alone else { return };
        STANDINGS.iter().for_each(|(name, standing)| put(&[("standing", name)], level(alone.standing == *standing)));
    }),
    ("resilience_endpoint_works", "How likely an endpoint works", |of, put| {
        of.alone.iter().for_each(|alone| put(&[], f64::from(alone.works)));
    }),
    ("resilience_endpoint_full", "1 while an endpoint has said that it has no room", |of, put| {
        of.alone.iter().for_each(|alone| put(&[], level(alone.is_full)));
    }),
    ("resilience_endpoint_room", "How many of our calls an endpoint has room for", |of, put| {
        of.alone.iter().filter_map(|alone| alone.room).for_each(|room| put(&[], f64::from(room)));
    }),
    ("resilience_endpoint_latency_seconds", "How long good answers take, by endpoint", |of, put| {
        let Some(alone) = of.alone else { return };
        let known = [("0.5", alone.p50_ms), ("0.95", alone.p95_ms)];
        known.iter().for_each(|(share, ms)| ms.iter().for_each(|ms| put(&[("share", share)], ms / 1e3)));
    }),
];

/// Reads the values of the first `endpoints_max` endpoints, and of all others together.
pub(super) fn each<V>(of: &Numbers, endpoints_max: usize, read: Read<V>, put: Put<'_, V>) {
    let Some(balancer) = &of.endpoints else { return };
    let (named, others) = balancer.endpoints.split_at(endpoints_max.min(balancer.endpoints.len()));
    let mut show = |name: &str, shown: &Shown<'_>| {
        read(shown, &mut |labels: Labels<'_>, value| {
            let labels: Vec<_> = std::iter::once(("endpoint", name)).chain(labels.iter().copied()).collect();
            put(&labels, value);
        });
    };
    for endpoint in named {
        let (counts, in_flight) = (endpoint.counts, u64::from(endpoint.in_flight));
        show(&endpoint.name, &Shown { counts, in_flight, alone: Some(endpoint) });
    }
    if others.is_empty() {
        return;
    }
    let mut counts = AttemptCounts::default();
    others.iter().for_each(|endpoint| counts.add(&endpoint.counts));
    let in_flight = others.iter().map(|endpoint| u64::from(endpoint.in_flight)).sum();
    let numbered = (2..named.len() + 2).map(|number| format!("(others-{number})"));
    let is_free = |label: &String| named.iter().all(|endpoint| endpoint.name != *label);
    let label = std::iter::once(OTHERS.to_owned()).chain(numbered).find(is_free);
    let label = label.expect("of one label more than there are names one is free");
    show(&label, &Shown { counts, in_flight, alone: None });
}
