//! Numbers that cannot be: those of the policies, and times and sizes of nothing.

use super::report;
use crate::problem::{Problem, ProblemKind};
use crate::say;
use crate::settings::Gateway;
use homeostat_resilience::StackSettings;
use homeostat_vocabulary::quantity::{Period, Size};

pub(super) fn check(settings: &Gateway, problems: &mut Vec<Problem>) {
    check_stack(&["resilience"], &settings.resilience, problems);
    for (name, route) in &settings.routes {
        if let Some(stack) = &route.resilience {
            check_stack(&["routes", name, "resilience"], stack, problems);
        }
        for (limit, rate) in &route.rate_limits {
            let path = ["routes", name, "rate_limits", limit];
            above_zero(&[&path[..], &["window"]].concat(), rate.window, problems);
            if !is_key(&rate.per) {
                let message = say::no_client_key(format!("{:?}", rate.per));
                let path = [&path[..], &["per"]].concat();
                let words = (message, say::write_client_key(), say::at_unreadable());
                report(problems, ProblemKind::BadFormat, &path, words);
            }
        }
    }
    for (name, upstream) in &settings.upstreams {
        if let Some(stack) = &upstream.resilience {
            check_stack(&["upstreams", name, "resilience"], stack, problems);
        }
        above_zero(&["upstreams", name, "connect_timeout"], upstream.connect_timeout, problems);
        above_zero(&["upstreams", name, "dns_interval"], upstream.dns_interval, problems);
        if let Some(health) = &upstream.health {
            above_zero(&["upstreams", name, "health", "interval"], health.interval, problems);
            above_zero(&["upstreams", name, "health", "timeout"], health.timeout, problems);
            if crate::normal::normal_path(health.path.split('?').next().unwrap_or_default()).is_err() {
                let message = say::no_path(format!("{:?}", health.path));
                let path = ["upstreams", name, "health", "path"];
                let words = (message, say::write_health_path(), say::at_unreadable());
                report(problems, ProblemKind::BadFormat, &path, words);
            }
        }
    }
    let limits = &settings.limits;
    for (key, period) in [
        ("head_timeout", limits.head_timeout),
        ("body_timeout", limits.body_timeout),
        ("idle_timeout", limits.idle_timeout),
        ("tunnel_timeout", limits.tunnel_timeout),
    ] {
        above_zero(&["limits", key], period, problems);
    }
    check_sizes(settings, problems);
    check_hops(settings, problems);
}

fn check_stack(path: &[&str], stack: &StackSettings, problems: &mut Vec<Problem>) {
    if let Err(invalid) = stack.check() {
        let path = [path, &[invalid.key]].concat();
        let message = say::out_of_range(invalid.key, invalid.value);
        let words = (message, say::possible(invalid.least, invalid.most), say::at_out_of_range());
        report(problems, ProblemKind::OutOfRange, &path, words);
    }
}

fn above_zero(path: &[&str], period: Period, problems: &mut Vec<Problem>) {
    if period.0.0 == 0 {
        let message = say::no_time(path.last().copied().unwrap_or_default());
        report(problems, ProblemKind::OutOfRange, path, (message, say::write_period(), say::at_no_time()));
    }
}

/// Bounds of the head: below the least no browser gets in, and above the most a connection could cost too much.
fn check_sizes(settings: &Gateway, problems: &mut Vec<Problem>) {
    const LEAST: Size = Size(1 << 10);
    const MOST: Size = Size(1 << 20);
    let limits = &settings.limits;
    if !(LEAST..=MOST).contains(&limits.head_max) {
        let message = say::out_of_range("gateway.limits.head_max", limits.head_max.to_string());
        let remedy = say::write_size(LEAST.to_string(), MOST.to_string());
        report(problems, ProblemKind::OutOfRange, &["limits", "head_max"], (message, remedy, say::at_out_of_range()));
    }
    if settings.cache.answer_max > settings.cache.memory_max {
        let words = (say::answer_beyond_memory(), say::lower_or_raise(), say::at_more_than_whole());
        report(problems, ProblemKind::Conflict, &["cache", "answer_max"], words);
    }
}

fn check_hops(settings: &Gateway, problems: &mut Vec<Problem>) {
    for (index, hop) in settings.trusted_hops.iter().enumerate() {
        let (address, bits) = hop.split_once('/').map_or((hop.as_str(), None), |(address, bits)| (address, Some(bits)));
        let read = address.parse::<std::net::IpAddr>().ok().filter(|address| {
            let most = if address.is_ipv4() { 32 } else { 128 };
            bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
        });
        if read.is_none() {
            let words = (say::no_hop(format!("{hop:?}")), say::write_hop(), say::at_unreadable());
            report(problems, ProblemKind::BadFormat, &["trusted_hops", &index.to_string()], words);
        }
    }
}

fn is_key(per: &str) -> bool {
    let named = |rest: Option<&str>| rest.is_some_and(|name| !name.is_empty());
    let header = per.strip_prefix("header:").filter(|name| http::HeaderName::from_bytes(name.as_bytes()).is_ok());
    per == "address" || per == "everyone" || named(header) || named(per.strip_prefix("claim:"))
}
