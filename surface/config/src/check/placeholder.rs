//! Placeholders: ones that do not exist, and ports that are not declared.
//!
//! Braces are also written by others: `${HOME}`, `%{http_code}`, JSON. Those are passed on as they stand, and only what looks
//! like a slip of a placeholder of ours is refused. A port is filled in wherever it stands, so it is checked wherever it stands.

use super::suggest::nearest;
use super::{Judge, placeholder_texts};
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::section::Service;
use crate::tree::Path;
use std::collections::BTreeSet;

const KNOWN: [&str; 3] = ["port", "instance", "service"];

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    for (name, service) in &document.services {
        let mut told: BTreeSet<(Path, String)> = BTreeSet::new();
        for (path, text) in placeholder_texts(name, service) {
            for found in find(&text) {
                if told.insert((path.clone(), found.clone())) {
                    check_one(judge, name, service, &path, &found);
                }
            }
        }
    }
}

fn check_one(judge: &mut Judge<'_>, name: &str, service: &Service, path: &Path, found: &str) {
    let place = judge.place(path);
    if let Some(port) = found.strip_prefix("port:") {
        if service.ports.contains_key(port) || judge.is_broken(&Path::of_service(name, &["ports", port])) {
            return;
        }
        let help = match nearest(port, service.ports.keys().map(String::as_str)) {
            Some(near) => say::did_you_mean_port(near),
            None => say::declare_named_port(port),
        };
        let message = say::no_named_port(name, port);
        let problem = Problem::new(Code::UndeclaredPort, message, help).at(place, say::at_placeholder(found));
        return judge.report(path.clone(), problem);
    }
    if found == "port" {
        if service.port.is_none() && !judge.is_broken(&Path::of_service(name, &["port"])) {
            let problem = Problem::new(Code::UndeclaredPort, say::no_own_port(name), say::declare_own_port());
            judge.report(path.clone(), problem.at(place, say::at_placeholder(found)));
        }
        return;
    }
    // The id of a life belongs to its start; a health check is filled in without it.
    let is_run = found == "run" && path.0.get(2).is_some_and(|key| key != "health");
    if is_run || KNOWN.contains(&found) {
        return;
    }
    let problem = match nearest(found, KNOWN.into_iter()) {
        Some(near) => {
            Problem::new(Code::UnknownPlaceholder, say::no_placeholder(found), say::did_you_mean_placeholder(near))
        }
        None => {
            Problem::new(Code::UnknownPlaceholder, say::foreign_placeholder(found), say::placeholders_are()).warning()
        }
    };
    judge.report(path.clone(), problem.at(place, say::at_placeholder(found)));
}

/// What stands in braces and could be a placeholder.
fn find(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (open, _) in text.match_indices('{') {
        let Some(length) = text[open..].find('}') else { continue };
        let inner = &text[open + 1..open + length];
        if inner == "port" || inner.starts_with("port:") {
            found.push(inner.to_owned());
            continue;
        }
        if text[..open].ends_with(['$', '%', '{', '#']) {
            continue;
        }
        let (word, name) = inner.split_once(':').unwrap_or((inner, "x"));
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if plain(word) && plain(name) && !word.starts_with(|c: char| c.is_ascii_digit()) {
            found.push(inner.to_owned());
        }
    }
    found
}

/// The text with sample values in place of placeholders, to judge its form.
pub fn with_samples(text: &str) -> String {
    let mut text = text.replace("{port}", "1").replace("{instance}", "0").replace("{service}", "x");
    while let Some(start) = text.find("{port:") {
        let Some(length) = text[start..].find('}') else { break };
        text.replace_range(start..=start + length, "1");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_placeholders_of_ours_are_found() {
        // A false alarm would keep somebody from passing JSON or a format string to a program.
        assert_eq!(find("--port={port} {port:admin} {prot}"), ["port", "port:admin", "prot"]);
        for foreign in ["${HOME}", "%{http_code}", "{\"a\":1}", "{}", "{{name}}", "{ port }", "{0}"] {
            assert!(find(foreign).iter().all(|word| word == "name"), "{foreign}");
        }
        // The driver fills ports in whatever stands around them.
        assert_eq!(find("${port} {\"at\": {port:x y}}"), ["port", "port:x y"]);
        assert_eq!(with_samples("h:{port}/{port:a}"), "h:1/1");
    }
}
