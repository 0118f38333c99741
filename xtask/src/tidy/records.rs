//! Decision records keep their form: a number of their own, a title that says the decision, a status.

use std::collections::BTreeMap;

use crate::workspace::Tree;

use super::finding::Finding;

const RULE: &str = "records";
const FOLDER: &str = "docs/adr/";
/// Zero-padded, so that the folder lists them in order.
const NUMBER_DIGITS: usize = 4;

/// Judges every file in docs/adr/.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.starts_with(FOLDER) && !path.ends_with("/README.md"))
    {
        let name = path.trim_start_matches(FOLDER);
        let Some((number, _)) = name.split_once('-').filter(|(number, _)| is_number(number)) else {
            let remedy = "name it NNNN-what-was-decided.md";
            findings.push(Finding::refused(RULE, path, 1, "the file is not named as a record", remedy));
            continue;
        };
        if let Some(other) = numbers.insert(number, name) {
            let what = format!("{number} is the number of {other} too");
            findings.push(Finding::refused(RULE, path, 1, what, "give the younger record the next free number"));
        }
        if !text.starts_with(&format!("# {number}: ")) {
            let remedy = format!("open it with `# {number}: what was decided`");
            findings.push(Finding::refused(
                RULE,
                path,
                1,
                "the record does not open with its number and title",
                remedy,
            ));
        }
        if !text.lines().any(|line| line.starts_with("Status: accepted") || line.starts_with("Status: superseded by "))
        {
            let remedy = "write `Status: accepted`, or `Status: superseded by NNNN`";
            findings.push(Finding::refused(RULE, path, 1, "the record has no status", remedy));
        }
    }
    findings
}

fn is_number(text: &str) -> bool {
    text.len() == NUMBER_DIGITS && text.bytes().all(|digit| digit.is_ascii_digit())
}
