//! Names of routes, upstreams, listeners and ways in: they stand in metrics, logs and commands.

use super::report;
use crate::problem::{Problem, ProblemKind};
use crate::settings::Gateway;

/// As long as the name of a service may be.
const NAME_BYTES_MAX: usize = 63;

pub(super) fn check(settings: &Gateway, problems: &mut Vec<Problem>) {
    let named = [
        ("routes", settings.routes.keys().collect::<Vec<_>>()),
        ("upstreams", settings.upstreams.keys().collect()),
        ("listeners", settings.listeners.keys().collect()),
        ("auth", settings.auth.keys().collect()),
    ];
    for (section, names) in named {
        for name in names.into_iter().filter(|name| !is_name(name)) {
            let message = format!("{name:?} cannot name one of `gateway.{section}`");
            let remedy = "use lower-case letters, digits and hyphens, first a letter, 63 at most, as in \"shop-api\"";
            report(problems, ProblemKind::BadName, &[section, name], (message, remedy, "this name"));
        }
    }
    for (route, settings) in &settings.routes {
        for name in settings.rate_limits.keys().filter(|name| !is_name(name)) {
            let message = format!("{name:?} cannot name a rate limit");
            let remedy = "use lower-case letters, digits and hyphens, as in \"each-client\"";
            let path = ["routes", route, "rate_limits", name];
            report(problems, ProblemKind::BadName, &path, (message, remedy, "this name"));
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain)
}
