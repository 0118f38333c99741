//! The effective policy in words: what each layer does now, why, and what it has learned. For people, and for whoever must say why
//! a call ended as it did.

use std::fmt;

use super::limit::Limit;
use super::settings::{BREAKER_CALLS_MIN, StackSettings};
use super::snapshot::StackSnapshot;
use crate::balance::{EndpointSnapshot, Standing};

/// Endpoints that are named one by one; of more only the counts.
const ENDPOINTS_NAMED_MAX: usize = 20;

/// What a stack does, layer by layer, the outermost first. Shown, it is one line for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The layers: a name, and what it does.
    pub layers: Vec<(&'static str, String)>,
    /// The endpoints.
    pub endpoints: Vec<String>,
}

impl Explanation {
    pub(super) fn of(now: &StackSnapshot) -> Self {
        let settings = &now.settings;
        let layers = vec![
            ("fallback", format!("where the caller has one, it has {} ms to answer", settings.fallback_ms)),
            (
                "deadline",
                format!("an answer or an error within {} ms, and the fallback's time on top", settings.deadline_ms),
            ),
            ("rate", rate(settings)),
            if settings.essential { ("eternal", eternal(settings, now)) } else { ("breaker", breaker(settings, now)) },
            ("limit", limit(settings, now)),
            ("retry", retry(settings)),
            ("hedge", hedge(settings, now)),
            ("budget", budget(settings, now)),
            ("balancer", balancer(settings, now)),
        ];
        let all = &now.endpoints.endpoints;
        let named = if all.len() > ENDPOINTS_NAMED_MAX { &[] } else { &all[..] };
        Self { layers, endpoints: named.iter().map(endpoint).collect() }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (layer, does) in &self.layers {
            writeln!(formatter, "{layer:<9} {does}")?;
        }
        self.endpoints.iter().try_for_each(|endpoint| writeln!(formatter, "          {endpoint}"))
    }
}

fn rate(settings: &StackSettings) -> String {
    match settings.rate_per_s {
        Some(rate) => {
            format!("at most {rate} calls a second, {} of them at once; more are refused", settings.rate_burst)
        }
        None => "any number of calls a second".to_owned(),
    }
}

fn breaker(settings: &StackSettings, now: &StackSnapshot) -> String {
    let slow = settings.breaker_slow_ms.map_or_else(String::new, |slow_ms| format!(" or 80 % took over {slow_ms} ms"));
    let (state, failed, calls) =
        now.breaker.as_ref().map_or(("", 0.0, 0), |now| (&now.state, now.failure_rate, now.calls));
    format!(
        "refuses for {} ms or longer when {} of {BREAKER_CALLS_MIN} or more calls in 30 s failed{slow}; now {state}, {} of \
         {calls} failed",
        settings.breaker_pause_ms,
        percent(settings.breaker_failure_share),
        percent(failed)
    )
}

fn eternal(settings: &StackSettings, now: &StackSnapshot) -> String {
    let (state, degradation) =
        now.eternal.as_ref().map_or(("", 0.0), |now| (now.breaker.state.as_str(), now.degradation));
    format!(
        "never refuses: when {} of {BREAKER_CALLS_MIN} or more calls in 30 s failed, the fallback beside {} probes a second, \
         until three in a row are good; now {state}, {} from all well",
        percent(settings.breaker_failure_share),
        settings.probes_per_s,
        percent(degradation)
    )
}

fn limit(settings: &StackSettings, now: &StackSnapshot) -> String {
    match settings.limit {
        Limit::Off => "any number of calls at once".to_owned(),
        Limit::AtMost(calls) => format!(
            "{calls} calls at once, {} in line for up to {} ms, the most important first",
            calls.saturating_mul(2),
            settings.wait_ms_max
        ),
        Limit::Learned => {
            let Some(limiter) = &now.limiter else { return String::new() };
            let lowered = if limiter.is_probing {
                format!(" of {:.0}, lowered for a moment to measure", limiter.learned_limit)
            } else {
                String::new()
            };
            format!(
                "as many calls at once as are answered well, now {}{lowered}; {} under way, {} in line, the most important first",
                limiter.limit,
                limiter.in_flight,
                now.line.waiting.values().sum::<usize>()
            )
        }
    }
}

fn retry(settings: &StackSettings) -> String {
    let waits = if settings.waits_for_budget { ", and waits for the budget when that is spent" } else { "" };
    format!(
        "up to {} attempts in all; the same endpoint again only after a pause of {} ms or more{waits}; a call that may not be \
         made twice goes on only if it certainly did not begin",
        settings.attempts_max, settings.retry_pause_ms
    )
}

fn hedge(settings: &StackSettings, now: &StackSnapshot) -> String {
    if settings.parallel_max <= 1 {
        return "another endpoint at once when one failed; never two at a time".to_owned();
    }
    let learned = now.hedge_after_ms.map_or_else(|| "not known yet".to_owned(), |millis| format!("now {millis:.0} ms"));
    format!(
        "another endpoint at once when one failed; a further one, up to {} at a time, when an answer takes longer than {} \
         of good ones ({learned}) or will probably not come",
        settings.parallel_max,
        percent(settings.hedge_percentile)
    )
}

fn balancer(settings: &StackSettings, now: &StackSnapshot) -> String {
    let all = &now.endpoints.endpoints;
    let count = |standing| all.iter().filter(|endpoint| endpoint.standing == standing).count();
    let panic = if now.endpoints.is_panicking { "; so many fail that none is left out" } else { "" };
    format!(
        "{} endpoints, each judged by its own calls: {} liked, {} doubted, {} left out (at most {}){panic}",
        all.len(),
        count(Standing::Liked),
        count(Standing::Doubted),
        count(Standing::Ejected),
        percent(settings.eject_share_max)
    )
}

fn budget(settings: &StackSettings, now: &StackSnapshot) -> String {
    format!(
        "extra attempts: {} of the calls of 10 s and {} a second; {:.0} to spend now",
        percent(settings.extra_share),
        settings.extra_min_per_s,
        now.budget.available.floor()
    )
}

fn endpoint(endpoint: &EndpointSnapshot) -> String {
    let latency = match (endpoint.p50_ms, endpoint.p95_ms) {
        (Some(p50), Some(p95)) => format!(", answers in {} (p95 {})", millis(p50), millis(p95)),
        _ => String::new(),
    };
    let standing = match endpoint.standing {
        Standing::Liked => "liked",
        Standing::Doubted => "doubted",
        Standing::Ejected => "left out",
    };
    let full = if endpoint.is_full { ", full" } else { "" };
    let works = percent(f64::from(endpoint.works));
    let is_new = endpoint.counts.ended() == 0;
    let works = if is_new { format!("never asked yet ({works} assumed)") } else { format!("works with {works}") };
    format!("{}: {standing}, {works}{latency}, {} under way{full}", endpoint.name, endpoint.in_flight)
}

fn millis(millis: f64) -> String {
    if millis < 1.0 { "under 1 ms".to_owned() } else { format!("{millis:.0} ms") }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
