//! How our Rust files look from outside: a header that says what they are for, a size a person can hold, a name that says something.

use crate::workspace::Tree;

use super::code::without_comments_and_strings;
use super::finding::{Finding, Weight};

/// Over this a file is refused.
const FILE_LINES_MAX: usize = 600;
/// Over this a file is noted: the house aims lower than the limit.
const FILE_LINES_AIM: usize = 500;
/// `bin/homeostat/src` wires parts together; once it is longer, it has begun to think.
const WIRING_LINES_MAX: usize = 500;
const WIRING_FOLDER: &str = "bin/homeostat/src";
/// A header shorter than this says nothing.
const HEADER_LETTERS_MIN: usize = 30;
/// Names that tell what a file is not: a place for one idea.
const EMPTY_NAMES: [&str; 8] = ["common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"];

/// Judges headers, sizes, names and places of every Rust file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust_files("") {
        findings.extend(judge_header(path, text));
        findings.extend(judge_size(path, text));
        findings.extend(judge_names(path, text));
    }
    for member in tree.members() {
        let tests = format!("{}/tests/", member.folder);
        let loose = tree
            .rust_files(member.folder)
            .filter(|(path, _)| path.strip_prefix(&tests).is_some_and(|name| !name.contains('/')));
        findings.extend(loose.map(|(path, _)| {
            let what = "a second test binary: each one links the whole crate again";
            Finding::refused("tests", path, 1, what, "make it a module of tests/it/main.rs")
        }));
    }
    findings.extend(judge_wiring(tree));
    findings
}

fn judge_header(path: &str, text: &str) -> Option<Finding> {
    let remedy =
        "open the file with `//!` lines: what it is for, who calls it, what always holds, what it must never do";
    if !text.starts_with("//!") {
        return Some(Finding::refused("header", path, 1, "the file does not open with `//!`", remedy));
    }
    let header = text.lines().map_while(|line| line.strip_prefix("//!"));
    let letters: usize = header.map(|line| line.trim().len()).sum();
    (letters < HEADER_LETTERS_MIN)
        .then(|| Finding::refused("header", path, 1, "the header is too short to say what the file is for", remedy))
}

fn judge_size(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    if lines <= FILE_LINES_AIM {
        return None;
    }
    let weight = if lines > FILE_LINES_MAX { Weight::Refused } else { Weight::Note };
    let what = format!("{lines} lines; the limit is {FILE_LINES_MAX}, the aim {FILE_LINES_AIM}");
    let remedy = "find the second idea in the file and give it a file of its own";
    Some(Finding { weight, ..Finding::refused("size", path, lines, what, remedy) })
}

fn judge_names(path: &str, text: &str) -> Vec<Finding> {
    let remedy = "name the idea: what the code does for its callers";
    let mut findings = Vec::new();
    // The file's own name, or its folder's for a mod.rs: every part of the path but the tier's.
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    if let Some(empty) = parts.iter().find(|part| EMPTY_NAMES.contains(part)) {
        findings.push(Finding::refused(
            "name",
            path,
            1,
            format!("`{empty}` says nothing about what is inside"),
            remedy,
        ));
    }
    for (index, line) in without_comments_and_strings(text).lines().enumerate() {
        let mut words =
            line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').skip_while(|word| *word != "mod");
        if let Some(name) = words.nth(1).filter(|name| EMPTY_NAMES.contains(name)) {
            let what = format!("`mod {name}` says nothing about what is inside");
            findings.push(Finding::refused("name", path, index + 1, what, remedy));
        }
    }
    findings
}

fn judge_wiring(tree: &Tree) -> Option<Finding> {
    let lines: usize = tree.rust_files(WIRING_FOLDER).map(|(_, text)| text.lines().count()).sum();
    let (longest, _) = tree.rust_files(WIRING_FOLDER).max_by_key(|(_, text)| text.len())?;
    (lines >= WIRING_LINES_MAX).then(|| {
        let what = format!("{WIRING_FOLDER} has {lines} lines; it must stay under {WIRING_LINES_MAX}, for wiring only");
        Finding::refused("size", longest, 1, what, "move what decides something into the crate whose idea it is")
    })
}
