//! A first `homeostat.toml` from what was found: short, commented, starting at "observe", and good as it stands.
//!
//! Every service that is written has passed the checks; one that has not is written as a comment with the reason.

use super::folder::{Candidate, candidates};
use super::host::Scan;
use crate::code::Code;
use crate::loaded::check_draft;
use crate::problem::Weight;
use crate::section::Api;
use crate::source::{FILE_NAME, Source};
use crate::tree::written_key;
use homeostat_vocabulary::Language;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// As many listening programs are named in the comments.
const LISTENERS_SHOWN_MAX: usize = 8;
/// As many units are named in the comments.
const UNITS_SHOWN_MAX: usize = 8;

/// Where a gateway listens when it is not told.
const GATEWAY_PORT: u16 = 8_080;

/// A first configuration.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The text of the file.
    pub text: String,
    /// How many services it declares, not counting those in comments.
    pub services: usize,
}

/// Writes a first configuration for the programs of `folder`; `environment` is the engine's, in which programs are searched.
#[must_use]
pub fn compose(scan: &Scan, folder: &Path, environment: &[(String, String)]) -> Draft {
    let candidates = candidates(folder);
    let path = Some(folder.join(FILE_NAME));
    // Variables that would override the file are no part of it.
    let search_path = environment.iter().filter(|(name, _)| name == "PATH").cloned().collect();
    let source = Source { path, environment: search_path, overrides: Vec::new() };
    let all = write(scan, &candidates, &BTreeMap::new());
    let reasons = reasons(&source, &all);
    let text = if reasons.is_empty() { all } else { write(scan, &candidates, &reasons) };
    let services = candidates.iter().filter(|candidate| !reasons.contains_key(&candidate.name)).count();
    Draft { text, services }
}

/// What stands in the way of each service: nothing secret, for the reason may hold none and the command is left out then.
fn reasons(source: &Source, text: &str) -> BTreeMap<String, (Code, String)> {
    let problems = check_draft(source, text);
    let errors = problems.iter().filter(|problem| problem.weight() == Weight::Error);
    let mut reasons = BTreeMap::new();
    for problem in errors {
        if let Some(name) = problem.path.0.get(1) {
            let known = reasons.entry(name.clone()).or_insert((problem.code(), problem.message(Language::English)));
            if problem.code() == Code::OpenSecret {
                *known = (problem.code(), problem.message(Language::English));
            }
        }
    }
    reasons
}

fn write(scan: &Scan, candidates: &[Candidate], reasons: &BTreeMap<String, (Code, String)>) -> String {
    let mut lines = vec![
        "#:schema homeostat.schema.json".to_owned(),
        "# What Homeostat looks after. Editors know all keys once you run: homeostat config schema > homeostat.schema.json"
            .to_owned(),
        "# Then: homeostat check, homeostat up, homeostat status.".to_owned(),
        String::new(),
        "[defaults]".to_owned(),
        "# How much it may do by itself: \"observe\" (only writes down what it would have done), \"propose\", \"approve\" (acts"
            .to_owned(),
        "# when you agree) or \"auto\". Start here, read what it says, and let it do more, service by service.".to_owned(),
        "autonomy = \"observe\"".to_owned(),
    ];
    lines.extend(api_lines(scan));
    for candidate in candidates {
        lines.push(String::new());
        lines.extend(service_lines(candidate, reasons.get(&candidate.name)));
    }
    if candidates.len() == reasons.len() {
        lines.extend(example_lines());
    }
    // The first that could be in front of users; in an empty file that of the example.
    let served = candidates.iter().find(|one| one.takes_port && !reasons.contains_key(&one.name));
    lines.extend(gateway_lines(scan, served.map_or("web", |one| &one.name)));
    lines.extend(host_lines(scan));
    lines.push(String::new());
    lines.join("\n")
}

/// The API's usual port may be taken; then a free one near it is written.
fn api_lines(scan: &Scan) -> Vec<String> {
    let usual = Api::default().listen;
    let Some((host, port)) = usual.rsplit_once(':') else { return Vec::new() };
    let first: u16 = port.parse().unwrap_or_default();
    let Some(owner) = scan.listeners.iter().find(|listener| listener.port == first) else { return Vec::new() };
    let free = free_port(scan, first);
    let name = owner.process.as_ref().map_or("another user's program", |process| process.name.as_str());
    vec![
        String::new(),
        "[api]".to_owned(),
        format!("# The usual port, {first}, is taken by {}.", comment(name)),
        format!("listen = \"{host}:{free}\""),
    ]
}

/// The first port from here on that nobody listens on.
fn free_port(scan: &Scan, first: u16) -> u16 {
    let is_taken = |port: &u16| scan.listeners.iter().any(|listener| listener.port == *port);
    (first..u16::MAX).find(|port| !is_taken(port)).unwrap_or_default()
}

/// A comment that, uncommented, puts a gateway before a service.
fn gateway_lines(scan: &Scan, service: &str) -> Vec<String> {
    let port = free_port(scan, GATEWAY_PORT);
    vec![
        String::new(),
        "# A gateway that passes requests on to the instances of a service, whichever are ready. Try: homeostat gateway routes."
            .to_owned(),
        "# [gateway]".to_owned(),
        format!("# listen = \"127.0.0.1:{port}\""),
        format!("# [gateway.routes.{}]", written_key(service)),
        format!("{:<39}# a service that has a port", format!("# to = {}", Value::from(service))),
    ]
}

fn service_lines(candidate: &Candidate, reason: Option<&(Code, String)>) -> Vec<String> {
    let mut lines = vec![
        format!("[services.{}]", written_key(&candidate.name)),
        format!("command = {}", Value::from(candidate.command.clone()).to_string().replace("\",\"", "\", \"")),
    ];
    if candidate.takes_port {
        lines.push("port = \"auto\"".to_owned());
        lines.push("environment = { PORT = \"{port}\" }".to_owned());
        lines.push(
            "# health = { http = \"/\" }             # or { tcp = \"{port}\" }, { exec = [\"./check\"] }".to_owned(),
        );
    }
    lines.push("# instances = 2".to_owned());
    lines.push("# objectives = { availability = \"99.9%\", recovery = \"30s\" }".to_owned());
    match reason {
        None => {
            lines.insert(0, format!("# From {}.", candidate.found_in));
            lines
        }
        Some((code, reason)) => {
            if *code == Code::OpenSecret {
                // The secret must not be copied into a second file.
                lines.truncate(1);
                lines.push("command = [\"...\"]".to_owned());
            }
            let first = format!("# From {}, not ready yet: {}.", candidate.found_in, comment(reason));
            std::iter::once(first).chain(lines.iter().map(|line| commented(line))).collect()
        }
    }
}

fn example_lines() -> Vec<String> {
    const EXAMPLE: [&str; 10] = [
        "",
        "# A service, with what most of them need. Take the first # of each line away and fill it in.",
        "# [services.web]",
        "# command = [\"./server\", \"--port\", \"{port}\"]",
        "# port = \"auto\"                        # a free port for each instance, filled in as {port}",
        "# instances = 2",
        "# environment = { MODE = \"production\", DB_PASSWORD = \"env:DB_PASSWORD\" }   # secrets only by reference",
        "# health = { http = \"/health\" }         # or { tcp = \"{port}\" }, { exec = [\"./check\"] }",
        "# objectives = { availability = \"99.9%\", recovery = \"30s\" }",
        "# depends_on = [\"database\"]",
    ];
    EXAMPLE.iter().map(|line| (*line).to_owned()).collect()
}

/// What else was found, for a person to decide about.
fn host_lines(scan: &Scan) -> Vec<String> {
    let mut lines = Vec::new();
    for (database, listener) in scan.databases() {
        lines.push(format!("# {database} listens on port {}.", listener.port));
    }
    let known: Vec<u16> = scan.databases().map(|(_, listener)| listener.port).collect();
    let named = scan.listeners.iter().filter(|listener| !known.contains(&listener.port));
    let named: Vec<String> = named
        .filter_map(|listener| Some(format!("{} on port {}", comment(&listener.process.as_ref()?.name), listener.port)))
        .collect();
    if !named.is_empty() {
        lines.push(format!("# Listening: {}.", shortened(&named, LISTENERS_SHOWN_MAX)));
    }
    let unnamed: Vec<String> =
        scan.listeners.iter().filter(|l| l.process.is_none()).map(|l| l.port.to_string()).collect();
    if !unnamed.is_empty() {
        lines.push(format!("# Ports of other users' programs: {}.", shortened(&unnamed, LISTENERS_SHOWN_MAX)));
    }
    if !scan.units.is_empty() {
        let units: Vec<String> = scan.units.iter().map(|unit| comment(unit)).collect();
        lines.push(format!("# Units of this machine's owner: {}.", shortened(&units, UNITS_SHOWN_MAX)));
    }
    if let Some(socket) = &scan.container_socket {
        lines.push(format!("# The socket of a container engine: {}.", comment(&socket.display().to_string())));
    }
    if !lines.is_empty() {
        let title = "# Found on this host, and left alone: to look after one, stop it there and declare it here.";
        lines.splice(0..0, [String::new(), title.to_owned()]);
    }
    lines
}

fn shortened(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(most).filter(|more| *more > 0) {
        Some(more) => format!("{shown} and {more} more"),
        None => shown,
    }
}

fn commented(line: &str) -> String {
    if line.starts_with('#') { line.to_owned() } else { format!("# {line}") }
}

/// Foreign text on one line of a comment.
fn comment(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
