//! Health checks: exactly one question each, at an address that can be asked.

use super::Judge;
use super::placeholder::with_samples;
use crate::code::Code;
use crate::problem::Problem;
use crate::section::Health;
use crate::tree::Path;

const HTTP_HELP: &str = "write \"http://127.0.0.1:{port}/health\", or only the path: \"/health\"";
const TCP_HELP: &str = "write \"127.0.0.1:{port}\", or only the port: \"{port}\"";

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    for (name, service) in &document.services {
        let Some(health) = &service.health else { continue };
        check_count(judge, name, health);
        if let Some(reason) = health.http.as_deref().and_then(|url| refuse_url(&with_samples(url))) {
            refuse(judge, name, "http", reason, HTTP_HELP);
        }
        if let Some(reason) = health.tcp.as_deref().and_then(|address| refuse_address(&with_samples(address))) {
            refuse(judge, name, "tcp", reason, TCP_HELP);
        }
    }
}

fn check_count(judge: &mut Judge<'_>, name: &str, health: &Health) {
    let path = Path::of_service(name, &["health"]);
    let asked = [("http", health.http.is_some()), ("tcp", health.tcp.is_some()), ("exec", health.exec.is_some())];
    let asked: Vec<&str> = asked.iter().filter(|(_, is_there)| *is_there).map(|(key, _)| *key).collect();
    let key_path = |key: &str| Path::of_service(name, &["health", key]);
    if asked.len() == 1 || ["http", "tcp", "exec"].iter().any(|key| judge.is_broken(&key_path(key))) {
        return;
    }
    let help = "write exactly one of http = \"/health\", tcp = \"{port}\" and exec = [\"program\"]";
    let problem = match asked.as_slice() {
        [first, more @ ..] => {
            let message = format!("the health check of `{name}` asks {} questions", asked.len());
            let mut problem = Problem::new(Code::ProbeCount, message, help).at(judge.place(&key_path(first)), "one");
            for key in more {
                problem = problem.also(judge.place(&key_path(key)), "another");
            }
            problem
        }
        [] => {
            let message = format!("the health check of `{name}` does not say what to ask");
            Problem::new(Code::ProbeCount, message, help).at(judge.key_place(&path), "nothing is asked here")
        }
    };
    judge.report(path, problem);
}

fn refuse(judge: &mut Judge<'_>, name: &str, key: &str, reason: &str, help: &str) {
    let path = Path::of_service(name, &["health", key]);
    let message = format!("`{path}` cannot be asked: {reason}");
    let place = judge.place(&path);
    judge.report(path, Problem::new(Code::BadAddress, message, help).at(place, "cannot be asked"));
}

fn refuse_url(url: &str) -> Option<&'static str> {
    if url.starts_with("https://") {
        return Some("https is not spoken; ask over http on this machine, or with exec and curl");
    }
    let Some(rest) = url.strip_prefix("http://") else { return Some("it does not begin with http://") };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return Some("its path holds a space, a control letter or a hash sign");
    }
    refuse_address(authority)
}

fn refuse_address(address: &str) -> Option<&'static str> {
    let Some((host, port)) = address.rsplit_once(':') else { return Some("it has no port") };
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Some("its port is no number from 1 to 65535");
    }
    let numeric = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if numeric.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok()) {
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (host.is_empty() || !host.bytes().all(plain)).then_some("its host is no name and no address")
}
