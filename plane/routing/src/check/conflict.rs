//! Settings that exclude each other, or mean nothing without another.

use super::report;
use crate::problem::{Problem, ProblemKind};
use crate::say;
use crate::settings::{Auth, Gateway, Route, Upstream};

const KIND: ProblemKind = ProblemKind::Conflict;

pub(super) fn check(settings: &Gateway, problems: &mut Vec<Problem>) {
    settings.routes.iter().for_each(|(name, route)| check_route(name, route, problems));
    settings.upstreams.iter().for_each(|(name, upstream)| check_upstream(name, upstream, problems));
    settings.auth.iter().for_each(|(name, auth)| check_auth(name, auth, problems));
}

fn check_route(name: &str, route: &Route, problems: &mut Vec<Problem>) {
    let forwards = route.to.is_some() || !route.split.is_empty();
    let needs_upstream = [
        ("rewrite", route.rewrite.is_some()),
        ("resilience", route.resilience.is_some()),
        ("policies_of", route.policies_of.is_some()),
        ("fallback", route.fallback.is_some()),
        ("cache", route.cache.is_some()),
        ("whole_answer", route.whole_answer.is_some()),
        ("coalesce", route.coalesce),
    ];
    for (key, _) in needs_upstream.iter().filter(|(_, is_said)| *is_said && !forwards) {
        let words = (say::goes_nowhere(*key, name), say::take_out_or_add_to(), say::at_no_effect());
        report(problems, KIND, &["routes", name, key], words);
    }
    if route.resilience.is_some() && route.policies_of.is_some() {
        let words = (say::policies_twice(name), say::take_one_out(), say::at_no_effect());
        report(problems, KIND, &["routes", name, "resilience"], words);
    }
    if route.sticky.is_some() && route.split.is_empty() {
        let words = (say::sticky_without_split(name), say::take_out_or_split(), say::at_no_effect());
        report(problems, KIND, &["routes", name, "sticky"], words);
    }
    let keeps = route.cache.as_ref().is_some_and(|cache| cache.enabled);
    if route.coalesce && keeps {
        let words = (say::coalesce_beside_cache(name), say::take_out_or_keep_nothing(), say::at_no_effect());
        report(problems, KIND, &["routes", name, "coalesce"], words);
    }
    if route.fallback.as_ref().is_some_and(|fallback| fallback.stale.is_some()) && !keeps {
        let words = (say::stale_without_cache(name), say::add_cache(), say::at_nothing_kept());
        report(problems, KIND, &["routes", name, "fallback", "stale"], words);
    }
    let Some(cors) = &route.cors else { return };
    let path = ["routes", name, "cors"];
    if cors.origins.is_empty() {
        let words = (say::cors_without_origin(), say::add_origins(), say::at_no_effect());
        report(problems, ProblemKind::MissingKey, &path, words);
    }
    if cors.credentials && cors.origins.0.iter().any(|origin| origin == "*") {
        let words = (say::cors_with_star(), say::name_origins(), say::at_no_star());
        report(problems, KIND, &["routes", name, "cors", "credentials"], words);
    }
}

fn check_upstream(name: &str, upstream: &Upstream, problems: &mut Vec<Problem>) {
    let is_service = upstream.endpoints.is_empty() && upstream.dns.is_none();
    for (key, is_said) in [("activation", upstream.activation.is_some()), ("port", upstream.port.is_some())] {
        if is_said && !is_service {
            let words = (say::only_for_services(key, name), say::take_out(), say::at_no_effect());
            report(problems, KIND, &["upstreams", name, key], words);
        }
    }
    if let Some(tls) = &upstream.tls
        && tls.certificate.is_some() != tls.key.is_some()
    {
        let words = (say::upstream_tls_half(name), say::add_other(), say::at_one_missing());
        report(problems, ProblemKind::MissingKey, &["upstreams", name, "tls"], words);
    }
}

fn check_auth(name: &str, auth: &Auth, problems: &mut Vec<Problem>) {
    let missing = ProblemKind::MissingKey;
    if auth.jwt.is_none() && auth.api_keys.is_none() {
        let words = (say::lets_nobody_in(name), say::add_jwt_or_keys(), say::at_silent());
        report(problems, missing, &["auth", name], words);
    }
    if auth.api_keys.as_ref().is_some_and(|keys| keys.file.is_empty()) {
        let words = (say::api_keys_without_file(), say::add_file("file", "FILE"), say::at_file_missing());
        report(problems, missing, &["auth", name, "api_keys"], words);
    }
    let Some(jwt) = &auth.jwt else { return };
    let path = ["auth", name, "jwt"];
    if jwt.jwks_file.is_some() == jwt.jwks_url.is_some() {
        report(problems, missing, &path, (say::keys_from_one_place(), say::write_one(), say::at_keys()));
    }
    if jwt.issuer.is_empty() || jwt.audience.is_empty() {
        report(problems, missing, &path, (say::token_believed(), say::add_issuer(), say::at_one_missing()));
    }
    if jwt.algorithms.is_empty() {
        let path = ["auth", name, "jwt", "algorithms"];
        report(problems, missing, &path, (say::no_signature(), say::name_algorithm(), say::at_empty()));
    }
}
