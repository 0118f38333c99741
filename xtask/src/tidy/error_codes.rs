//! Every code that a user can meet has a page, and every page is about a code that somebody raises.

use std::collections::BTreeMap;

use crate::workspace::Tree;

use super::code::line_at;
use super::finding::Finding;

const RULE: &str = "error-codes";
const FOLDER: &str = "docs/errors/";
/// `H` and four digits, the first of them 0: five letters.
const CODE_LETTERS: usize = 5;
/// Where the unit tests of a file begin; they come last.
const UNIT_TESTS: &str = "#[cfg(test)]\nmod ";

/// Judges codes in source against the pages in docs/errors/.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let raised = raised_codes(tree);
    let mut findings = Vec::new();
    for (code, (file, line)) in &raised {
        if !tree.files.contains_key(&page_of(code)) {
            let what = format!("{code} has no page");
            let remedy = format!("write {} as docs/errors/README.md says", page_of(code));
            findings.push(Finding::refused(RULE, file, *line, what, remedy));
        }
    }
    for (path, text) in
        tree.files.iter().filter(|(path, _)| path.starts_with(FOLDER) && *path != "docs/errors/README.md")
    {
        let code = path.trim_start_matches(FOLDER).trim_end_matches(".md");
        if !is_code(code) {
            let remedy = "name the page after its code, such as H0 and three digits";
            findings.push(Finding::refused(RULE, path, 1, "the file is not the page of a code", remedy));
            continue;
        }
        if !raised.contains_key(code) {
            let what = format!("no source names {code}");
            findings.push(Finding::refused(RULE, path, 1, what, "delete the page, or raise the code where it belongs"));
        }
        if !text.starts_with(&format!("# {code}: ")) {
            let what = "the page does not open with its code and a title";
            findings.push(Finding::refused(RULE, path, 1, what, format!("open it with `# {code}: what went wrong`")));
        }
    }
    findings
}

fn page_of(code: &str) -> String {
    format!("{FOLDER}{code}.md")
}

/// The codes named in what ships (tests may make codes up), each with its first place.
fn raised_codes(tree: &Tree) -> BTreeMap<String, (String, usize)> {
    let mut codes = BTreeMap::new();
    for (path, text) in tree.rust_files("").filter(|(path, _)| path.contains("/src/")) {
        let text = text.split(UNIT_TESTS).next().unwrap_or_default();
        for (at, _) in text.match_indices("H0") {
            let Some(code) = text.get(at..at + CODE_LETTERS).filter(|code| is_code(code)) else { continue };
            let longer = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
            if longer(text[..at].chars().next_back()) || longer(text[at + CODE_LETTERS..].chars().next()) {
                continue;
            }
            codes.entry(code.to_owned()).or_insert_with(|| (path.to_owned(), line_at(text, at)));
        }
    }
    codes
}

fn is_code(text: &str) -> bool {
    text.len() == CODE_LETTERS && text.starts_with("H0") && text.bytes().skip(1).all(|digit| digit.is_ascii_digit())
}
