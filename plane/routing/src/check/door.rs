//! Listeners: addresses that can be read, that nobody wants twice, and that are open to others only on purpose.

use super::report;
use crate::problem::{Problem, ProblemKind};
use crate::settings::{ClientCertificates, Gateway, LISTENER_DEFAULT_NAME, Listener};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The address of a text: `localhost` is this machine.
#[must_use]
pub fn listen_address(text: &str) -> Option<SocketAddr> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(text).parse().ok()
}

pub(super) fn check(settings: &Gateway, problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<SocketAddr, Vec<&str>> = BTreeMap::new();
    let main = settings.listen.iter().map(|address| (vec!["listen"], address.as_str()));
    let further = settings
        .listeners
        .iter()
        .map(|(name, listener)| (vec!["listeners", name.as_str(), "address"], listener.address.as_str()));
    for (path, text) in main.chain(further) {
        let Some(address) = listen_address(text) else {
            let message = format!("{text:?} is no address with a port");
            let remedy = "write it as in \"127.0.0.1:8080\" or \"[::1]:8080\"";
            report(problems, ProblemKind::BadFormat, &path, (message, remedy, "cannot be read"));
            continue;
        };
        if !address.ip().is_loopback() && !settings.public {
            let message = format!("{address} could be reached from other machines");
            let remedy = "write `public = true` under [gateway] if they may, or an address such as \"127.0.0.1:8080\"";
            report(problems, ProblemKind::PublicListener, &path, (message, remedy, "this address"));
        }
        if let Some(first) = taken.get(&address).filter(|_| address.port() > 0) {
            let message = format!("two listeners want {address}");
            report(problems, ProblemKind::Conflict, &path, (message, "choose another port", "wanted again here"));
            let problem = problems.pop().expect("one was just reported");
            problems.push(problem.also(first, "wanted first here"));
        }
        taken.insert(address, path);
    }
    if settings.listen.is_some() && settings.listeners.contains_key(LISTENER_DEFAULT_NAME) {
        let message = format!("`{LISTENER_DEFAULT_NAME}` is the name of the listener that `gateway.listen` brings");
        let path = ["listeners", LISTENER_DEFAULT_NAME];
        report(problems, ProblemKind::BadName, &path, (message, "choose another name, or drop `listen`", "this name"));
    }
    settings.listeners.iter().for_each(|(name, listener)| check_listener(name, listener, settings, problems));
}

fn check_listener(name: &str, listener: &Listener, settings: &Gateway, problems: &mut Vec<Problem>) {
    if listener.proxy_protocol && settings.trusted_hops.is_empty() {
        let message = "the PROXY protocol is believed of nobody: `gateway.trusted_hops` is empty";
        let remedy = "add the balancer's address to `trusted_hops`, or drop `proxy_protocol`";
        let path = ["listeners", name, "proxy_protocol"];
        report(problems, ProblemKind::Conflict, &path, (message, remedy, "every connection would be refused"));
    }
    let Some(tls) = &listener.tls else { return };
    let pairs = [("certificate", &tls.certificate), ("key", &tls.key)];
    for (key, _) in pairs.iter().filter(|(_, file)| file.is_empty()) {
        let message = format!("TLS of listener `{name}` has no `{key}`");
        let remedy = format!("add {key} = \"FILE.pem\"");
        report(problems, ProblemKind::MissingKey, &["listeners", name, "tls"], (message, remedy, "missing here"));
    }
    for (index, further) in tls.more.iter().enumerate() {
        if further.certificate.is_empty() || further.key.is_empty() {
            let message = "a further certificate needs `certificate` and `key`";
            let path = ["listeners", name, "tls", "more", &index.to_string()];
            report(problems, ProblemKind::MissingKey, &path, (message, "add what is missing", "one is missing"));
        }
    }
    let asks = tls.client_certificates != ClientCertificates::Off;
    if asks && tls.client_authorities.is_none() {
        let message = "client certificates are asked for, and no authority is believed";
        let path = ["listeners", name, "tls", "client_certificates"];
        let remedy = "add client_authorities = \"FILE.pem\"";
        report(problems, ProblemKind::MissingKey, &path, (message, remedy, "asked for here"));
    }
}
