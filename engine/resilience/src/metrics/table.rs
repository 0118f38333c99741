//! The table of all metrics but those of single endpoints: names, help texts, and where the values are read. The names are a
//! promise: dashboards and alerts of users hang on them.

use std::time::Duration;

use super::{Labels, Numbers, Put, Row};
use crate::Priority;
use crate::balance::{AttemptCounts, Standing};
use crate::shares::PerPriority;

/// What a breaker can be, as in its snapshot.
const BREAKER_STATES: [&str; 5] = ["closed", "open", "half_open", "forced_open", "forced_closed"];
/// Where an endpoint can stand.
pub(super) const STANDINGS: [(&str, Standing); 3] =
    [("liked", Standing::Liked), ("doubted", Standing::Doubted), ("ejected", Standing::Ejected)];

/// Counters.
pub(super) const COUNTERS: [Row<u64>; 15] = [
    ("resilience_calls", "Calls that ended, by priority and outcome", calls),
    ("resilience_refusals", "Calls refused, by policy", refusals),
    ("resilience_fallbacks", "Times the fallback was asked, by whether it had an answer", fallbacks),
    ("resilience_attempts", "Attempts that ended, by outcome", |of, put| {
        if let Some(endpoints) = &of.endpoints {
            outcomes(&endpoints.counts, &mut |outcome, count| put(&[("outcome", outcome)], count));
        }
    }),
    ("resilience_extra_attempts", "Attempts after the first, as the budget sees them", |of, put| {
        let Some(budget) = &of.budget else { return };
        // What was paid back was paid before: a counter must not go back.
        put(&[("result", "paid")], budget.extra + budget.paid_back);
        put(&[("result", "paid_back")], budget.paid_back);
        put(&[("result", "refused")], budget.refused);
    }),
    ("resilience_retries", "Attempts after a pause", |of, put| one(of.retry, put, |retry| retry.retries)),
    ("resilience_retries_recovered", "Calls that an attempt after a pause ended well", |of, put| {
        one(of.retry, put, |retry| retry.recovered);
    }),
    ("resilience_retries_left_out", "Failures without another attempt, by reason", |of, put| {
        let Some(retry) = &of.retry else { return };
        put(&[("reason", "attempts")], retry.no_attempts_left);
        put(&[("reason", "not_repeatable")], retry.not_repeatable);
        put(&[("reason", "time")], retry.no_time_left);
        put(&[("reason", "budget")], retry.budget_spent);
    }),
    ("resilience_hedges", "Attempts beside a slow one, by result", |of, put| {
        let Some(hedge) = &of.hedge else { return };
        put(&[("result", "fired")], hedge.fired);
        put(&[("result", "won")], hedge.won);
        put(&[("result", "wasted")], hedge.wasted);
    }),
    ("resilience_failovers", "Attempts at once in place of one that failed", |of, put| {
        one(of.hedge, put, |hedge| hedge.failed_over);
    }),
    ("resilience_breaker_opened", "How often the breaker has opened by itself", |of, put| {
        one(of.breaker.as_ref(), put, |breaker| breaker.opened);
    }),
    ("resilience_probes", "Probes that eternal mode has sent", |of, put| {
        one(of.eternal.as_ref(), put, |eternal| eternal.probes);
    }),
    ("resilience_rate_admitted", "Calls within the rate", |of, put| one(of.rate.as_ref(), put, |rate| rate.admitted)),
    ("resilience_coalesced", "Calls that asked for what others may have asked for, by role", |of, put| {
        let Some(coalesce) = &of.coalesce else { return };
        put(&[("role", "led")], coalesce.led);
        put(&[("role", "shared")], coalesce.shared);
        put(&[("role", "took_over")], coalesce.took_over);
        put(&[("role", "alone")], coalesce.alone);
    }),
    ("resilience_ejections", "How often an endpoint was left out for a while", |of, put| {
        one(of.endpoints.as_ref(), put, |endpoints| endpoints.counts.ejections);
    }),
];

/// Counters of a limit, learned or given, and of the line before full endpoints.
pub(super) const LIMIT_COUNTERS: [Row<u64>; 3] = [
    (
        "resilience_line_entered",
        "Attempts that waited in line because all endpoints were full, by priority",
        |of, put| {
            by_priority(of.endpoints.as_ref().map(|balancer| balancer.line.entered), put, &[]);
        },
    ),
    ("resilience_limit_admitted", "Calls let in by the limit, by priority", |of, put| {
        let admitted = of.limiter.as_ref().map(|limit| limit.admitted);
        let admitted = admitted.or_else(|| of.bulkhead.as_ref().map(|limit| limit.admitted));
        by_priority(admitted, put, &[]);
    }),
    ("resilience_limit_refused", "Calls not let in by the limit, by priority and reason", |of, put| {
        if let Some(limit) = &of.limiter {
            by_priority(Some(limit.refused), put, &[("reason", "full")]);
        }
        if let Some(limit) = &of.bulkhead {
            by_priority(Some(limit.refused), put, &[("reason", "full")]);
            by_priority(Some(limit.shed), put, &[("reason", "shed")]);
            by_priority(Some(limit.late), put, &[("reason", "late")]);
            by_priority(Some(limit.cancelled), put, &[("reason", "given_up")]);
        }
    }),
];

/// Gauges.
pub(super) const GAUGES: [Row<f64>; 21] = [
    ("resilience_calls_in_flight", "Calls under way, by priority", |of, put| {
        let Some(calls) = &of.calls else { return };
        let under_way = PerPriority::from_fn(|priority| calls.by_priority[priority].under_way() as f64);
        by_priority(Some(under_way), put, &[]);
    }),
    ("resilience_extra_attempts_available", "Extra attempts that could be paid now", |of, put| {
        one(of.budget, put, |budget| budget.available);
    }),
    ("resilience_hedge_after_seconds", "After how long an attempt is hedged now", |of, put| {
        one(of.hedge_after_ms, put, |millis| millis / 1e3);
    }),
    ("resilience_breaker_state", "1 for what the breaker is", |of, put| {
        let Some(breaker) = &of.breaker else { return };
        BREAKER_STATES.iter().for_each(|state| put(&[("state", state)], level(breaker.state == *state)));
    }),
    ("resilience_breaker_failed_share", "Share of the calls in its window that failed", |of, put| {
        one(of.breaker.as_ref(), put, |breaker| breaker.failure_rate);
    }),
    ("resilience_breaker_slow_share", "Share of the calls in its window that was slow", |of, put| {
        one(of.breaker.as_ref(), put, |breaker| breaker.slow_rate);
    }),
    ("resilience_breaker_retry_in_seconds", "Until the breaker lets a trial through", |of, put| {
        let is_known = |pause: &Duration| *pause < Duration::MAX;
        one(of.breaker.as_ref().map(|breaker| breaker.retry_in).filter(is_known), put, |pause| pause.as_secs_f64());
    }),
    ("resilience_degradation", "How bad things are in eternal mode, from 0 to 1", |of, put| {
        one(of.eternal.as_ref(), put, |eternal| eternal.degradation);
    }),
    ("resilience_probes_in_flight", "Probes of eternal mode under way", |of, put| {
        one(of.eternal.as_ref(), put, |eternal| f64::from(eternal.probes_in_flight));
    }),
    ("resilience_probes_available", "Probes that eternal mode could send at once", |of, put| {
        one(of.eternal.as_ref(), put, |eternal| eternal.budget as f64);
    }),
    ("resilience_probe_timeout_seconds", "How long the next probe of eternal mode may take", |of, put| {
        one(of.eternal.as_ref(), put, |eternal| eternal.timeout.as_secs_f64());
    }),
    ("resilience_limit", "Calls that may be under way at once", |of, put| {
        one(of.limiter.as_ref(), put, |limit| limit.limit as f64);
        one(of.bulkhead.as_ref(), put, |limit| limit.permits as f64);
    }),
    ("resilience_limit_in_flight", "Calls that count against the limit", |of, put| {
        one(of.limiter.as_ref(), put, |limit| limit.in_flight as f64);
        one(of.bulkhead.as_ref(), put, |limit| limit.in_flight.values().sum::<usize>() as f64);
    }),
    ("resilience_limit_waiting", "Calls in line for the limit, by priority", |of, put| {
        let waiting = of.bulkhead.as_ref().map(|limit| limit.waiting);
        by_priority(waiting.map(|waiting| PerPriority::from_fn(|priority| waiting[priority] as f64)), put, &[]);
    }),
    ("resilience_limit_latency_seconds", "The latencies that a learned limit goes by", |of, put| {
        let Some(limit) = &of.limiter else { return };
        let known = [("least", limit.least_latency_secs), ("late", limit.latency_secs)];
        known.iter().for_each(|(which, secs)| secs.iter().for_each(|secs| put(&[("which", which)], *secs)));
    }),
    ("resilience_rate_available", "Calls that the rate would let through at once", |of, put| {
        one(of.rate.as_ref(), put, |rate| rate.available as f64);
    }),
    ("resilience_rate_store_lost", "1 while the shared store of the rate is away", |of, put| {
        one(of.rate.as_ref(), put, |rate| level(rate.is_store_lost));
    }),
    ("resilience_endpoints", "Endpoints, by standing", |of, put| {
        let Some(balancer) = &of.endpoints else { return };
        for (name, standing) in STANDINGS {
            let count = balancer.endpoints.iter().filter(|endpoint| endpoint.standing == standing).count();
            put(&[("standing", name)], count as f64);
        }
    }),
    ("resilience_endpoints_panicking", "1 while so many endpoints fail that none is left out", |of, put| {
        one(of.endpoints.as_ref(), put, |balancer| level(balancer.is_panicking));
    }),
    ("resilience_line_waiting", "Attempts in line because all endpoints are full, by priority", |of, put| {
        let waiting = of.endpoints.as_ref().map(|balancer| balancer.line.waiting);
        by_priority(waiting.map(|waiting| PerPriority::from_fn(|priority| waiting[priority] as f64)), put, &[]);
    }),
    ("resilience_endpoints_in_flight", "Attempts under way at all endpoints", |of, put| {
        let in_flight = |endpoints: &[crate::balance::EndpointSnapshot]| {
            endpoints.iter().map(|endpoint| f64::from(endpoint.in_flight)).sum()
        };
        one(of.endpoints.as_ref(), put, |balancer| in_flight(&balancer.endpoints));
    }),
];

fn calls(of: &Numbers, put: Put<'_, u64>) {
    let Some(calls) = &of.calls else { return };
    for priority in Priority::ALL {
        let counts = &calls.by_priority[priority];
        for (outcome, count) in [
            ("good", counts.good),
            ("failed", counts.failed),
            ("full", counts.full),
            ("ignored", counts.ignored),
            ("refused", counts.refused),
            ("late", counts.late),
            ("instead", counts.instead),
            ("given_up", counts.given_up),
        ] {
            put(&[("priority", priority.name()), ("outcome", outcome)], count);
        }
    }
}

fn refusals(of: &Numbers, put: Put<'_, u64>) {
    let sum = |counts: &PerPriority<u64>| counts.values().sum::<u64>();
    let in_calls = of.calls.map(|calls| calls.by_priority.values().map(|counts| counts.late).sum());
    let by_deadline = of.deadline.map(|deadline| deadline.timed_out + deadline.too_late).or(in_calls);
    let by_limit = of.limiter.as_ref().map(|limit| sum(&limit.refused));
    let by_bulkhead = of.bulkhead.as_ref().map(|limit| sum(&limit.refused) + sum(&limit.shed) + sum(&limit.late));
    let known = [
        ("rate", of.rate.as_ref().map(|rate| rate.refused)),
        ("breaker", of.breaker.as_ref().map(|breaker| breaker.refused)),
        ("limit", by_limit.or(by_bulkhead)),
        ("line", of.endpoints.as_ref().map(|balancer| sum(&balancer.line.refused))),
        ("deadline", by_deadline),
    ];
    for (policy, count) in known {
        count.into_iter().for_each(|count| put(&[("policy", policy)], count));
    }
}

fn fallbacks(of: &Numbers, put: Put<'_, u64>) {
    let by_eternal = of.eternal.as_ref().map(|eternal| eternal.fallbacks);
    let answered = of.fallback.map(|fallback| fallback.fell_back + by_eternal.unwrap_or(0)).or(by_eternal);
    answered.into_iter().for_each(|count| put(&[("result", "answered")], count));
    of.fallback.iter().for_each(|fallback| put(&[("result", "without")], fallback.without));
}

/// The outcomes of attempts, by name.
pub(super) fn outcomes(counts: &AttemptCounts, put: &mut dyn FnMut(&'static str, u64)) {
    put("good", counts.good);
    put("failed", counts.failed);
    put("full", counts.full);
    put("ignored", counts.ignored);
    put("given_up", counts.given_up);
}

fn one<S, V>(of: Option<S>, put: Put<'_, V>, read: impl FnOnce(S) -> V) {
    if let Some(of) = of {
        put(&[], read(of));
    }
}

fn by_priority<V: Copy>(of: Option<PerPriority<V>>, put: Put<'_, V>, more: Labels<'_>) {
    let Some(of) = of else { return };
    for priority in Priority::ALL {
        let labels: Vec<(&'static str, &str)> =
            std::iter::once(("priority", priority.name())).chain(more.iter().copied()).collect();
        put(&labels, of[priority]);
    }
}

pub(super) fn level(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}
