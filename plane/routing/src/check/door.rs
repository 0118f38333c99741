//! Listeners: addresses that can be read, that nobody wants twice, and that are open to others only on purpose.

use super::report;
use crate::problem::{Problem, ProblemKind};
use crate::say;
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
            let words = (say::no_address(format!("{text:?}")), say::write_listen(), say::at_unreadable());
            report(problems, ProblemKind::BadFormat, &path, words);
            continue;
        };
        if !address.ip().is_loopback() && !settings.public {
            let words = (say::reachable(address.to_string()), say::write_public(), say::at_address());
            report(problems, ProblemKind::PublicListener, &path, words);
        }
        if let Some(first) = taken.get(&address).filter(|_| address.port() > 0) {
            let (message, remedy) = (say::two_listeners(address.to_string()), say::choose_port());
            let problem = Problem::new(ProblemKind::Conflict, &path, message, remedy, say::at_wanted_again());
            problems.push(problem.also(first, say::at_wanted_first()));
        }
        taken.insert(address, path);
    }
    if settings.listen.is_some() && settings.listeners.contains_key(LISTENER_DEFAULT_NAME) {
        let message = say::listener_default(LISTENER_DEFAULT_NAME);
        let path = ["listeners", LISTENER_DEFAULT_NAME];
        report(problems, ProblemKind::BadName, &path, (message, say::choose_name_or_drop_listen(), say::at_name()));
    }
    settings.listeners.iter().for_each(|(name, listener)| check_listener(name, listener, settings, problems));
}

fn check_listener(name: &str, listener: &Listener, settings: &Gateway, problems: &mut Vec<Problem>) {
    if listener.proxy_protocol && settings.trusted_hops.is_empty() {
        let words = (say::proxy_believed_of_nobody(), say::add_balancer(), say::at_refused());
        report(problems, ProblemKind::Conflict, &["listeners", name, "proxy_protocol"], words);
    }
    let Some(tls) = &listener.tls else { return };
    let pairs = [("certificate", &tls.certificate), ("key", &tls.key)];
    for (key, _) in pairs.iter().filter(|(_, file)| file.is_empty()) {
        let words = (say::listener_tls_without(name, *key), say::add_file(*key, "FILE.pem"), say::at_missing());
        report(problems, ProblemKind::MissingKey, &["listeners", name, "tls"], words);
    }
    for (index, further) in tls.more.iter().enumerate() {
        if further.certificate.is_empty() || further.key.is_empty() {
            let words = (say::further_certificate(), say::add_missing(), say::at_one_missing());
            let path = ["listeners", name, "tls", "more", &index.to_string()];
            report(problems, ProblemKind::MissingKey, &path, words);
        }
    }
    let asks = tls.client_certificates != ClientCertificates::Off;
    if asks && tls.client_authorities.is_none() {
        let path = ["listeners", name, "tls", "client_certificates"];
        let words = (say::no_authority(), say::add_file("client_authorities", "FILE.pem"), say::at_asked());
        report(problems, ProblemKind::MissingKey, &path, words);
    }
}
