//! Names that must be declared: upstreams, services and their ports, ways in.

use std::collections::BTreeSet;

use super::{Services, report, way};
use crate::problem::{Problem, ProblemKind};
use crate::say;
use crate::settings::{Gateway, Route, Upstream};

pub(super) fn check(settings: &Gateway, services: &Services, problems: &mut Vec<Problem>) {
    for (name, upstream) in &settings.upstreams {
        check_upstream(name, upstream, services, problems);
    }
    let known = || settings.upstreams.keys().chain(services.keys()).map(String::as_str);
    for (name, route) in &settings.routes {
        let fallback = route.fallback.as_ref().and_then(|fallback| fallback.to.as_deref());
        let split = route.split.keys().map(|target| (vec!["split", target.as_str()], target.as_str()));
        let to = route.to.iter().map(|target| (vec!["to"], target.as_str()));
        let all = to.chain(split).chain(fallback.map(|target| (vec!["fallback", "to"], target)));
        for (keys, target) in all {
            let path = way(&[&["routes", name], &keys]);
            if settings.upstreams.contains_key(target) {
                continue;
            }
            let Some(ports) = services.get(target) else {
                let (message, remedy) = (say::leads_to_unknown(name, target), say::declare_target(target));
                let problem = Problem::new(ProblemKind::UnknownName, &path, message, remedy, say::at_undeclared());
                problems.push(problem.meant(target, known()));
                continue;
            };
            if !ports.contains("port") {
                no_port(problems, &path, target, "port", ports);
            }
        }
        let owners =
            || settings.routes.iter().filter(|(_, one)| one.policies_of.is_none()).map(|(name, _)| name.as_str());
        if let Some(owner) = route.policies_of.as_deref().filter(|owner| !owners().any(|one| one == *owner)) {
            let (message, remedy) = (say::shares_unknown(name, owner), say::name_owner());
            let path = ["routes", name, "policies_of"];
            let problem = Problem::new(ProblemKind::UnknownName, &path, message, remedy, say::at_no_route());
            problems.push(problem.meant(owner, owners()));
        }
        check_sharing(name, route, settings, problems);
        if let Some(auth) = route.auth.as_deref().filter(|auth| !settings.auth.contains_key(*auth)) {
            let (message, remedy) = (say::auth_unknown(name, auth), say::declare_auth(auth));
            let path = ["routes", name, "auth"];
            let problem = Problem::new(ProblemKind::UnknownName, &path, message, remedy, say::at_undeclared());
            problems.push(problem.meant(auth, settings.auth.keys().map(String::as_str)));
        }
    }
}

/// Policies are those around calls to one upstream: routes without a common one have nothing that they could share.
fn check_sharing(name: &str, route: &Route, settings: &Gateway, problems: &mut Vec<Problem>) {
    let Some((owner_name, owner)) = route.policies_of.as_deref().and_then(|owner| settings.routes.get_key_value(owner))
    else {
        return;
    };
    let targets = |route: &Route| route.to.iter().chain(route.split.keys()).cloned().collect::<BTreeSet<String>>();
    let (own, others) = (targets(route), targets(owner));
    // A route that goes nowhere is told of `policies_of` itself, as of all that is about calls.
    if own.is_empty() || !own.is_disjoint(&others) {
        return;
    }
    let words = (say::nothing_in_common(name, owner_name), say::name_common(), say::at_nothing_shared());
    report(problems, ProblemKind::Conflict, &["routes", name, "policies_of"], words);
}

fn check_upstream(name: &str, upstream: &Upstream, services: &Services, problems: &mut Vec<Problem>) {
    if !upstream.endpoints.is_empty() || upstream.dns.is_some() {
        return;
    }
    let (key, service) = upstream.service.as_deref().map_or((None, name), |service| (Some("service"), service));
    let path: Vec<&str> = ["upstreams", name].into_iter().chain(key).collect();
    let Some(ports) = services.get(service) else {
        if key.is_some() {
            let (message, remedy) = (say::service_unknown(name, service), say::declare_service(service));
            let problem = Problem::new(ProblemKind::UnknownName, &path, message, remedy, say::at_undeclared());
            problems.push(problem.meant(service, services.keys().map(String::as_str)));
        } else {
            let words = (say::upstream_nowhere(name), say::add_source(), say::at_nowhere());
            report(problems, ProblemKind::UpstreamSource, &path, words);
        }
        return;
    };
    let port = upstream.port.as_deref().unwrap_or("port");
    if !ports.contains(port) {
        no_port(problems, &path, service, port, ports);
    }
}

fn no_port(problems: &mut Vec<Problem>, path: &[&str], service: &str, port: &str, ports: &BTreeSet<String>) {
    let (message, remedy) = if port == "port" {
        let remedy = match ports.first() {
            Some(other) => say::add_port_or_name(service, other),
            None => say::add_port(service),
        };
        (say::no_own_port(service), remedy)
    } else {
        (say::no_port(service, port), say::add_further_port(service))
    };
    let problem = Problem::new(ProblemKind::NoServicePort, path, message, remedy, say::at_no_port());
    problems.push(problem.meant(port, ports.iter().map(String::as_str)));
}
