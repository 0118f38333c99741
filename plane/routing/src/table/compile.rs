//! From settings to a table: everything is read once, here, so that nothing can fail while requests come. All mistakes are collected, so
//! that nobody has to find them one by one.

use super::read::Reader;
use super::{Action, Fallback, Route, Source, Table, UpstreamId, UpstreamPlan};
use crate::pattern::{HostPattern, PathPattern};
use crate::problem::{Problem, ProblemKind, Problems};
use crate::say;
use crate::settings::{self, Gateway};
use crate::split::{Mark, Split};
use homeostat_vocabulary::Sentence;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The port of a service that is meant when none is named.
const PORT_OF_A_SERVICE: &str = "port";

pub(super) fn compile(settings: &Gateway) -> Result<Table, Problems> {
    let mut problems = Vec::new();
    let upstreams = read_upstreams(settings, &mut problems);
    let ids: BTreeMap<&str, UpstreamId> =
        upstreams.iter().enumerate().map(|(index, plan)| (&*plan.name, UpstreamId(index))).collect();
    let mut read: Vec<(Route, Vec<HostPattern>, PathPattern)> = settings
        .routes
        .iter()
        .map(|(name, route)| read_route(&mut Reader { name, problems: &mut problems }, route, &ids))
        .collect();
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    // The order in which routes of the same host and path are asked; the sort is stable, so the alphabet decides the rest.
    read.sort_by_key(|(route, _, _)| Reverse((route.precedence, route.conditions.count())));
    let mut table = Table { upstreams, ..Table::default() };
    for (index, (route, hosts, path)) in read.into_iter().enumerate() {
        table.routes.push(route);
        if hosts.is_empty() {
            table.any_host.insert(&path, index);
        }
        for host in hosts {
            let trie = match host {
                HostPattern::Exact(name) => table.exact_hosts.entry(name).or_default(),
                HostPattern::Below(name) => table.hosts_below.entry(name).or_default(),
            };
            trie.insert(&path, index);
        }
    }
    Ok(table)
}

/// Every upstream that is declared, and every service that a route leads to.
fn read_upstreams(settings: &Gateway, problems: &mut Vec<Problem>) -> Vec<UpstreamPlan> {
    let mut names: BTreeSet<&str> = settings.upstreams.keys().map(String::as_str).collect();
    for route in settings.routes.values() {
        names.extend(route.to.as_deref());
        names.extend(route.split.keys().map(String::as_str));
        names.extend(route.fallback.as_ref().and_then(|fallback| fallback.to.as_deref()));
    }
    let plan = |name: &str| {
        let written = settings.upstreams.get(name).cloned().unwrap_or_default();
        let source = read_source(name, &written, problems)?;
        let resilience = written.resilience.unwrap_or(settings.resilience);
        Some(UpstreamPlan { name: name.into(), source, resilience, settings: Arc::new(written) })
    };
    names.into_iter().filter_map(plan).collect()
}

fn read_source(name: &str, written: &settings::Upstream, problems: &mut Vec<Problem>) -> Option<Source> {
    let mut report = |kind, keys: &[&str], message: Sentence, remedy: Sentence, label: Sentence| {
        let path: Vec<&str> = ["upstreams", name].iter().chain(keys).copied().collect();
        problems.push(Problem::new(kind, &path, message, remedy, label));
    };
    let ways = usize::from(!written.endpoints.is_empty())
        + usize::from(written.dns.is_some())
        + usize::from(written.service.is_some());
    if ways > 1 {
        report(ProblemKind::UpstreamSource, &[], say::upstream_twice(name), say::keep_one_source(), say::at_twice());
        return None;
    }
    if let Some(dns) = &written.dns {
        let parts = dns.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
        let read = parts.filter(|(host, port)| *port > 0 && HostPattern::parse(host).is_ok() && !host.contains('*'));
        let Some((host, port)) = read else {
            let (message, remedy) = (say::dns_unreadable(name), say::write_dns());
            report(ProblemKind::BadFormat, &["dns"], message, remedy, say::at_unreadable());
            return None;
        };
        return Some(Source::Dns { name: host.into(), port });
    }
    if written.endpoints.is_empty() {
        let service = written.service.as_deref().unwrap_or(name);
        let port = written.port.as_deref().unwrap_or(PORT_OF_A_SERVICE);
        return Some(Source::Service { name: service.into(), port: port.into() });
    }
    let mut addresses = Vec::new();
    for endpoint in &written.endpoints {
        let numeric = endpoint.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        match numeric.as_deref().unwrap_or(endpoint).parse::<std::net::SocketAddr>() {
            Ok(address) if address.port() > 0 => addresses.push(address),
            _ => {
                let message = say::endpoint_unreadable(format!("{endpoint:?}"), name);
                report(ProblemKind::BadFormat, &["endpoints"], message, say::write_endpoint(), say::at_unreadable());
            }
        }
    }
    Some(Source::Static(addresses))
}

fn read_route(
    reader: &mut Reader<'_>,
    written: &settings::Route,
    ids: &BTreeMap<&str, UpstreamId>,
) -> (Route, Vec<HostPattern>, PathPattern) {
    let hosts = reader.hosts(&written.host);
    let path = reader.path(written);
    let names = path.capture_names();
    let conditions = reader.conditions(written);
    let fallback = written.fallback.as_ref().map(|fallback| Fallback {
        stale_ms: fallback.stale.map(|period| period.0.0),
        to: fallback.to.as_deref().and_then(|name| ids.get(name).copied()),
        respond: fallback.respond.as_ref().map(|answer| reader.fixed_answer(&["fallback", "respond"], answer)),
    });
    let route = Route {
        name: reader.name.into(),
        action: read_action(reader, written, ids, &names),
        rewrite: reader.rewrite(written.rewrite.as_ref(), &names),
        request_edits: reader.edits("request_headers", written.request_headers.as_ref(), &names),
        response_edits: reader.edits("response_headers", written.response_headers.as_ref(), &names),
        fallback: fallback.unwrap_or_default(),
        settings: Arc::new(written.clone()),
        capture_names: names.into(),
        precedence: written.precedence,
        hosts: hosts.clone().into(),
        path: path.clone(),
        conditions,
        patterns: patterns(written).into(),
    };
    (route, hosts, path)
}

fn read_action(
    reader: &mut Reader<'_>,
    written: &settings::Route,
    ids: &BTreeMap<&str, UpstreamId>,
    names: &[Box<str>],
) -> Action {
    let said = [
        ("to", written.to.is_some()),
        ("split", !written.split.is_empty()),
        ("redirect", written.redirect.is_some()),
        ("respond", written.respond.is_some()),
    ];
    let said: Vec<&str> = said.iter().filter(|(_, is_said)| *is_said).map(|(key, _)| *key).collect();
    if let [_, second, ..] = said.as_slice() {
        let message = say::actions(said.len(), said.join(", "));
        reader.report(ProblemKind::RouteAction, &[second], message, say::keep_one(), say::at_again());
    }
    if let Some(redirect) = &written.redirect {
        return Action::Redirect(reader.redirect(redirect, names));
    }
    if let Some(answer) = &written.respond {
        return Action::Respond(reader.fixed_answer(&["respond"], answer));
    }
    if said.is_empty() {
        reader.report(ProblemKind::RouteAction, &[], say::no_action(), say::add_action(), say::at_nowhere());
    }
    let only = written.to.iter().map(|name| (name, 1));
    let sides = only.chain(written.split.iter().map(|(name, weight)| (name, *weight)));
    let sides: Vec<_> =
        sides.filter_map(|(name, weight)| Some((*ids.get(name.as_str())?, name.clone(), weight))).collect();
    if !sides.is_empty() && sides.iter().all(|(_, _, weight)| *weight == 0) {
        reader.report(ProblemKind::NoWeight, &["split"], say::no_weight(), say::give_weight(), say::at_nobody());
    }
    let sticky = read_sticky(reader, written);
    Action::Forward(Split::new(sides.into_iter(), sticky))
}

fn read_sticky(reader: &mut Reader<'_>, written: &settings::Route) -> Option<Mark> {
    let sticky = written.sticky.as_ref()?;
    match (&sticky.cookie, &sticky.header) {
        (Some(cookie), None) => {
            let is_token = http::HeaderName::from_bytes(cookie.name.as_bytes()).is_ok();
            if !is_token {
                let (message, remedy) = (say::cookie_name(format!("{:?}", cookie.name)), say::write_cookie_name());
                reader.report(ProblemKind::BadFormat, &["sticky", "cookie", "name"], message, remedy, say::at_name());
            }
            Some(Mark::Cookie { name: cookie.name.as_str().into(), age_max_s: cookie.age_max.0.0 / 1_000 })
        }
        (None, Some(header)) => reader.header_name(&["sticky", "header"], header).map(Mark::Header),
        (Some(_), Some(_)) => {
            let (message, remedy) = (say::sticky_twice(), say::keep_cookie_or_header());
            reader.report(ProblemKind::Conflict, &["sticky"], message, remedy, say::at_twice());
            None
        }
        (None, None) => {
            let (message, remedy) = (say::sticky_silent(), say::write_sticky());
            reader.report(ProblemKind::Conflict, &["sticky"], message, remedy, say::at_silent());
            None
        }
    }
}

/// The conditions as a person reads them.
fn patterns(written: &settings::Route) -> Vec<String> {
    let path = written.path.clone().or_else(|| {
        let prefix = written.path_prefix.as_deref()?;
        Some(format!("{}/...", prefix.strip_suffix('/').unwrap_or(prefix)))
    });
    let hosts = if written.host.is_empty() { "any host".to_owned() } else { written.host.0.join(", ") };
    let mut all = vec![hosts, path.unwrap_or_else(|| "any path".to_owned())];
    all.extend(Some(written.methods.0.join(", ")).filter(|methods| !methods.is_empty()));
    all.extend(written.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    all.extend(written.query.iter().map(|(name, value)| format!("?{name}={value}")));
    all
}
