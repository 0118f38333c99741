//! The key of a request: what the origin was asked for, and nothing that it was not.
//!
//! Whatever goes to the origin and changes its answer must be in the key, or be a field that it names in `Vary`, or not go there:
//! everything else is a way to have a poisoned answer kept for others. So the key is made of the scheme, the host and the target that the
//! gateway itself routes by, never of `X-Forwarded-Host` and its like; and a query that is changed for the key must be sent on as changed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Longer addresses are not kept.
const KEY_BYTES_MAX: usize = 8 * 1_024;

/// More parameters than this are not sorted, and the address is not kept.
const PARAMETERS_MAX: usize = 256;

/// What of a query counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryRule {
    /// All of it, byte by byte.
    #[default]
    AsIs,
    /// All of it, in the order of the names; of the same name, in the order they came.
    Sorted,
    /// Only these, sorted.
    Only(Vec<String>),
    /// All but these, sorted.
    Without(Vec<String>),
}

/// The key of a request, or `None` when it can have none. `host` is the one the request is routed by, with or without a port; `target` is path
/// and query as received. With a rule for queries, send the origin [`query`]'s answer and not what came.
pub fn key(scheme: &str, host: &str, target: &str, rule: &QueryRule) -> Option<String> {
    let authority = authority(scheme, host)?;
    // Visible letters only: no line break can make one key look like another's variant.
    let is_target = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !is_target || target.len() > KEY_BYTES_MAX || !matches!(scheme, "http" | "https") {
        return None;
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(self::query(query, rule)?)),
        None => (target, None),
    };
    let mut key = String::with_capacity(scheme.len() + 3 + authority.len() + target.len());
    for part in [scheme, "://", &authority, path] {
        key.push_str(part);
    }
    // "/a?" and "/a" may be two things to an origin; once a rule has emptied the query, they are one.
    if let Some(query) = query.filter(|query| *rule == QueryRule::AsIs || !query.is_empty()) {
        key.push('?');
        key.push_str(&query);
    }
    Some(key)
}

/// The part of a query that counts, in the form in which it counts. Names are compared as sent: who escapes a letter means another name, as
/// far as we know what the origin does. Only `&` parts parameters, so that nothing can hide behind a `;`.
pub fn query<'a>(query: &'a str, rule: &QueryRule) -> Option<Cow<'a, str>> {
    let counts: &dyn Fn(&str) -> bool = match rule {
        QueryRule::AsIs => return Some(query.into()),
        QueryRule::Sorted => &|_| true,
        QueryRule::Only(names) => &|name| names.iter().any(|only| only == name),
        QueryRule::Without(names) => &|name| !names.iter().any(|without| without == name),
    };
    let name = |parameter: &&'a str| parameter.split('=').next().unwrap_or("");
    let mut parameters: Vec<&str> =
        query.split('&').filter(|parameter| !parameter.is_empty() && counts(name(parameter))).collect();
    if parameters.len() > PARAMETERS_MAX {
        return None;
    }
    parameters.sort_by_key(name);
    Some(parameters.join("&").into())
}

/// Host and port in small letters, without the scheme's usual port; `None` when it is none.
pub(crate) fn authority(scheme: &str, host: &str) -> Option<String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte);
    if host.is_empty() || host.len() > 255 + 6 || !host.bytes().all(is_letter) {
        return None;
    }
    let (name, port) = match host.rsplit_once(':') {
        // A colon within brackets is part of an address.
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_address = name.starts_with('[') && name.ends_with(']');
    if name.is_empty() || (!is_address && name.contains([':', '[', ']'])) {
        return None;
    }
    let usual = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    let name = name.to_ascii_lowercase();
    match port {
        None | Some("") => Some(name),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port: u16 = port.parse().ok()?;
            Some(if port == usual { name } else { format!("{name}:{port}") })
        }
        Some(_) => None,
    }
}
