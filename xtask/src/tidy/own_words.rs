//! The project speaks of itself alone: no path of somebody's machine, no host of a package mirror, no trace of how it was written.

use crate::workspace::Tree;

use super::finding::Finding;

const RULE: &str = "own-words";
/// Files that a tool writes, with addresses of its own.
const WRITTEN_BY_TOOLS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// What no file may say. Written in two halves, so that this file passes its own check.
const FOREIGN: [(&str, &str); 8] = [
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("registry.", "npmjs.org"),
    ("files.", "pythonhosted.org"),
    ("co-authored", "-by"),
];

/// Judges every text file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let foreign: Vec<String> = FOREIGN.iter().map(|(first, second)| format!("{first}{second}")).collect();
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        if WRITTEN_BY_TOOLS.iter().any(|name| path.rsplit('/').next() == Some(name)) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            for word in foreign.iter().filter(|word| stands_alone(&line, word)) {
                let remedy = "say it without the place: a relative path, a variable, or nothing";
                findings.push(Finding::refused(RULE, path, index + 1, format!("the line says `{word}`"), remedy));
            }
        }
    }
    findings
}

/// A path counts where it begins: further in, the same letters are part of an address or of a relative path.
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !word.starts_with('/') || !before.is_some_and(|letter| letter.is_alphanumeric() || "._-~}".contains(letter))
    })
}
