//! Names of routes, upstreams, listeners and ways in: they stand in metrics, logs and commands.

use super::report;
use crate::problem::{Problem, ProblemKind};
use crate::say;
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
            let words = (say::no_name(format!("{name:?}"), section), say::write_name(), say::at_name());
            report(problems, ProblemKind::BadName, &[section, name], words);
        }
    }
    for (route, settings) in &settings.routes {
        for name in settings.rate_limits.keys().filter(|name| !is_name(name)) {
            let words = (say::no_limit_name(format!("{name:?}")), say::write_limit_name(), say::at_name());
            report(problems, ProblemKind::BadName, &["routes", route, "rate_limits", name], words);
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain)
}
