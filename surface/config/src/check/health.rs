//! Health checks: exactly one question each, at an address that can be asked.

use super::Judge;
use super::placeholder::with_samples;
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::section::Health;
use crate::tree::Path;
use homeostat_vocabulary::Sentence;

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    for (name, service) in &document.services {
        let Some(health) = &service.health else { continue };
        check_count(judge, name, health);
        if let Some(reason) = health.http.as_deref().and_then(|url| refuse_url(&with_samples(url))) {
            refuse(judge, name, "http", reason, say::write_http());
        }
        if let Some(reason) = health.tcp.as_deref().and_then(|address| refuse_address(&with_samples(address))) {
            refuse(judge, name, "tcp", reason, say::write_tcp());
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
    let help = say::write_question();
    let problem = match asked.as_slice() {
        [first, more @ ..] => {
            let message = say::too_many_questions(name, asked.len());
            let place = judge.place(&key_path(first));
            let mut problem = Problem::new(Code::ProbeCount, message, help).at(place, say::at_one());
            for key in more {
                problem = problem.also(judge.place(&key_path(key)), say::at_another());
            }
            problem
        }
        [] => {
            Problem::new(Code::ProbeCount, say::no_question(name), help).at(judge.key_place(&path), say::at_not_asked())
        }
    };
    judge.report(path, problem);
}

fn refuse(judge: &mut Judge<'_>, name: &str, key: &str, reason: Sentence, help: Sentence) {
    let path = Path::of_service(name, &["health", key]);
    let message = say::unaskable(path.to_string(), reason);
    let place = judge.place(&path);
    judge.report(path, Problem::new(Code::BadAddress, message, help).at(place, say::at_unaskable()));
}

fn refuse_url(url: &str) -> Option<Sentence> {
    if url.starts_with("https://") {
        return Some(say::no_https());
    }
    let Some(rest) = url.strip_prefix("http://") else { return Some(say::no_scheme()) };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return Some(say::bad_url_path());
    }
    refuse_address(authority)
}

fn refuse_address(address: &str) -> Option<Sentence> {
    let Some((host, port)) = address.rsplit_once(':') else { return Some(say::address_without_port()) };
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Some(say::address_port());
    }
    let numeric = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if numeric.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok()) {
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (host.is_empty() || !host.bytes().all(plain)).then(say::address_host)
}
