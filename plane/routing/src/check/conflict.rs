//! Settings that exclude each other, or mean nothing without another.

use super::report;
use crate::problem::{Problem, ProblemKind};
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
        let message = format!("`{key}` of route `{name}` means nothing: its requests go nowhere");
        report(problems, KIND, &["routes", name, key], (message, "take it out, or add `to`", "without effect"));
    }
    if route.resilience.is_some() && route.policies_of.is_some() {
        let message = format!(
            "`resilience` of route `{name}` means nothing beside `policies_of`: it has those of the other route"
        );
        report(problems, KIND, &["routes", name, "resilience"], (message, "take one of them out", "without effect"));
    }
    if route.sticky.is_some() && route.split.is_empty() {
        let message = format!("`sticky` of route `{name}` means nothing without `split`");
        let remedy = "take it out, or write the shares as `split`";
        report(problems, KIND, &["routes", name, "sticky"], (message, remedy, "without effect"));
    }
    let keeps = route.cache.as_ref().is_some_and(|cache| cache.enabled);
    if route.coalesce && keeps {
        let message =
            format!("`coalesce` of route `{name}` means nothing beside `cache`, which fetches once for all who ask");
        let remedy = "take it out, or keep nothing";
        report(problems, KIND, &["routes", name, "coalesce"], (message, remedy, "without effect"));
    }
    if route.fallback.as_ref().is_some_and(|fallback| fallback.stale.is_some()) && !keeps {
        let message = format!("route `{name}` falls back on kept answers, and keeps none");
        let remedy = "add cache = {} to the route, or take `stale` out";
        report(problems, KIND, &["routes", name, "fallback", "stale"], (message, remedy, "nothing is kept"));
    }
    let Some(cors) = &route.cors else { return };
    let path = ["routes", name, "cors"];
    if cors.origins.is_empty() {
        let words = ("`cors` names no origin", "add origins = \"https://app.example.org\"", "without effect");
        report(problems, ProblemKind::MissingKey, &path, words);
    }
    if cors.credentials && cors.origins.0.iter().any(|origin| origin == "*") {
        let message = "every site could act in the name of whoever visits it: `credentials` with the origin \"*\"";
        let words = (message, "name the origins, or drop `credentials`", "not with \"*\"");
        report(problems, KIND, &["routes", name, "cors", "credentials"], words);
    }
}

fn check_upstream(name: &str, upstream: &Upstream, problems: &mut Vec<Problem>) {
    let is_service = upstream.endpoints.is_empty() && upstream.dns.is_none();
    for (key, is_said) in [("activation", upstream.activation.is_some()), ("port", upstream.port.is_some())] {
        if is_said && !is_service {
            let message = format!("`{key}` of upstream `{name}` is for services only");
            report(problems, KIND, &["upstreams", name, key], (message, "take it out", "without effect"));
        }
    }
    if let Some(tls) = &upstream.tls
        && tls.certificate.is_some() != tls.key.is_some()
    {
        let message = format!("TLS of upstream `{name}` has a `certificate` or a `key` and not both");
        let words = (message, "add the other one", "one is missing");
        report(problems, ProblemKind::MissingKey, &["upstreams", name, "tls"], words);
    }
}

fn check_auth(name: &str, auth: &Auth, problems: &mut Vec<Problem>) {
    let missing = ProblemKind::MissingKey;
    if auth.jwt.is_none() && auth.api_keys.is_none() {
        let message = format!("`gateway.auth.{name}` lets nobody in");
        report(problems, missing, &["auth", name], (message, "add `jwt` or `api_keys`", "says nothing"));
    }
    if auth.api_keys.as_ref().is_some_and(|keys| keys.file.is_empty()) {
        let words = ("`api_keys` names no file", "add file = \"FILE\"", "the file is missing");
        report(problems, missing, &["auth", name, "api_keys"], words);
    }
    let Some(jwt) = &auth.jwt else { return };
    let path = ["auth", name, "jwt"];
    if jwt.jwks_file.is_some() == jwt.jwks_url.is_some() {
        let message = "the keys come from one place: `jwks_file` or `jwks_url`";
        report(problems, missing, &path, (message, "write exactly one of them", "of the keys"));
    }
    if jwt.issuer.is_empty() || jwt.audience.is_empty() {
        let message = "a token is believed only of one issuer and for one audience";
        report(problems, missing, &path, (message, "add `issuer` and `audience`", "one is missing"));
    }
    if jwt.algorithms.is_empty() {
        let path = ["auth", name, "jwt", "algorithms"];
        report(problems, missing, &path, ("no signature is accepted", "name one, such as \"ES256\"", "empty"));
    }
}
