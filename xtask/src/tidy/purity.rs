//! The pure crates stay pure: no runtime, no disk, no network, no clock, no chance, no order from a hash map.
//!
//! This is what makes simulation, replay and "why" possible: the same inputs give the same outputs, always. The rule looks at what
//! the crates link (through every layer) and at what their source says; clippy.toml in each of them says it a second time, with
//! types resolved.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{Member, Tree};

use super::code::{line_at, without_comments_and_strings, word_positions};
use super::finding::{Finding, line_of_dependency};

const RULE: &str = "purity";

/// The crates whose every answer follows from their arguments.
pub const PURE_FOLDERS: [&str; 5] = ["loop/controller", "loop/decide", "loop/detect", "loop/learn", "loop/vocabulary"];

/// What a pure crate may not link, not even through another crate, and why.
const BANNED_CRATES: [(&str, &str); 11] = [
    ("async-std", "a runtime"),
    ("fastrand", "chance of its own"),
    ("getrandom", "chance of its own"),
    ("hyper", "network"),
    ("mio", "network"),
    ("rand", "chance of its own"),
    ("reqwest", "network"),
    ("rusqlite", "disk"),
    ("rustix", "the operating system"),
    ("socket2", "network"),
    ("tokio", "a runtime"),
];

/// What the source of a pure crate may not say, and what to do instead.
const BANNED_WORDS: [(&str, &str); 14] = [
    ("Instant::now", "take the time as an argument"),
    ("SystemTime::now", "take the time as an argument"),
    ("HashMap", "use a BTreeMap: its order is the same in every run"),
    ("HashSet", "use a BTreeSet: its order is the same in every run"),
    ("std::fs", "return an effect and let the shell touch the disk"),
    ("std::net", "return an effect and let the shell touch the network"),
    ("std::process", "return an effect and let the shell start processes"),
    ("std::env", "take the setting as an argument"),
    ("thread::spawn", "return an effect and let the shell run it"),
    ("thread::sleep", "set a timer by an effect"),
    ("rand", "take the random number as an argument"),
    ("tokio", "keep futures in the shell"),
    ("println!", "return what is to be said"),
    ("eprintln!", "return what is to be said"),
];

/// Names that `use std::{…}` could bring in without the words above.
const BANNED_STD_MODULES: [&str; 4] = ["env", "fs", "net", "process"];

/// Judges the links and the source of the pure crates.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in tree.members().iter().filter(|member| PURE_FOLDERS.contains(&member.folder)) {
        findings.extend(judge_links(tree, member));
        for (path, text) in tree.rust_files(&format!("{}/src", member.folder)) {
            findings.extend(judge_source(path, text));
        }
        findings.extend(judge_clippy(tree, member));
    }
    findings
}

fn judge_links(tree: &Tree, member: &Member<'_>) -> Vec<Finding> {
    let names: BTreeMap<&str, &str> =
        tree.metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
    let nodes: BTreeMap<&str, _> = tree.metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut findings = Vec::new();
    let mut seen = BTreeSet::from([member.package.id.as_str()]);
    // Each entry carries the direct dependency through which it came in: that is the line a person can change.
    let mut open: Vec<(&str, Option<&str>)> = vec![(member.package.id.as_str(), None)];
    while let Some((id, through)) = open.pop() {
        let Some(node) = nodes.get(id) else { continue };
        let linked = node.deps.iter().filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
        for edge in linked {
            let name = names.get(edge.pkg.as_str()).copied().unwrap_or_default();
            let direct = through.unwrap_or(name);
            if !seen.insert(edge.pkg.as_str()) {
                continue;
            }
            if let Some((_, why)) = BANNED_CRATES.iter().find(|(banned, _)| *banned == name) {
                let line = line_of_dependency(tree.text(member.manifest), direct);
                let way = if direct == name { String::new() } else { format!(" through `{direct}`") };
                let what = format!("pure crate `{}` links `{name}`{way}, which brings in {why}", member.folder);
                let remedy =
                    "take what is needed as an argument, and leave the crate to the shell around the controller";
                findings.push(Finding::refused(RULE, member.manifest, line, what, remedy));
            }
            open.push((edge.pkg.as_str(), Some(direct)));
        }
    }
    findings
}

fn judge_source(path: &str, text: &str) -> Vec<Finding> {
    let code = without_comments_and_strings(text);
    let mut findings = Vec::new();
    for (word, remedy) in BANNED_WORDS {
        // A macro's name ends in `!`, which no name continues; the plain search is enough for it.
        let places: Vec<usize> = word_positions(&code, word).collect();
        for at in places {
            let what = format!("pure source says `{word}`");
            findings.push(Finding::refused(RULE, path, line_at(&code, at), what, remedy));
        }
    }
    for (start, _) in code.match_indices("std::{") {
        let group = braced(&code[start + "std::".len()..]);
        for module in BANNED_STD_MODULES {
            if word_positions(group, module).next().is_some() {
                let what = format!("pure source takes `std::{module}` in a group");
                let remedy = "return an effect and let the shell reach outside";
                findings.push(Finding::refused(RULE, path, line_at(&code, start), what, remedy));
            }
        }
    }
    findings
}

/// The text from an opening brace to the one that closes it.
fn braced(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth <= 1 => return &text[..=at],
            '}' => depth -= 1,
            _ => {}
        }
    }
    text
}

fn judge_clippy(tree: &Tree, member: &Member<'_>) -> Option<Finding> {
    let path = format!("{}/clippy.toml", member.folder);
    if tree.text(&path).contains("std::time::Instant::now") {
        return None;
    }
    let what = format!("pure crate `{}` has no clippy.toml that bans the clock", member.folder);
    let remedy = "copy clippy.toml from another pure crate: clippy sees through renamed imports, this check does not";
    Some(Finding::refused(RULE, member.manifest, 1, what, remedy))
}
