//! A dependency is a choice: each outside crate has its line in docs/dependencies.md, is used by somebody, and is named in the
//! source of each crate that asks for it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::workspace::{Member, Tree};

use super::code::{without_comments_and_strings, word_positions};
use super::finding::{Finding, line_of_dependency};

const RULE: &str = "dependencies";
const ROOT: &str = "Cargo.toml";
const PAGE: &str = "docs/dependencies.md";

/// Judges the list of outside crates in the root manifest, the page about them, and who uses them.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let outside = outside_crates(tree.text(ROOT));
    let explained = explained_crates(tree.text(PAGE));
    let members = tree.members();
    let mut findings = Vec::new();
    for name in &outside {
        let line = line_of_dependency(tree.text(ROOT), name);
        if !explained.contains_key(name.as_str()) {
            let remedy = format!("add a row for `{name}`: why, what instead, who keeps it");
            findings.push(Finding::refused(RULE, ROOT, line, format!("`{name}` has no row in {PAGE}"), remedy));
        }
        let used = |member: &Member<'_>| member.package.dependencies.iter().any(|declared| declared.name == *name);
        if !members.iter().any(used) {
            let remedy = format!("take it out of the root manifest and of {PAGE}");
            findings.push(Finding::refused(RULE, ROOT, line, format!("no crate of ours uses `{name}`"), remedy));
        }
    }
    for (name, line) in explained.iter().filter(|(name, _)| !outside.iter().any(|outside| outside == *name)) {
        let what = format!("the row for `{name}` explains a crate that the root manifest does not name");
        findings.push(Finding::refused(RULE, PAGE, *line, what, "take the row out"));
    }
    findings.extend(members.iter().flat_map(|member| judge_unnamed(tree, member)));
    findings
}

fn outside_crates(root_manifest: &str) -> Vec<String> {
    let Ok(manifest) = root_manifest.parse::<Table>() else { return Vec::new() };
    let named = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies")).and_then(Value::as_table);
    let outside = named.into_iter().flatten().filter(|(_, value)| value.get("path").is_none());
    outside.map(|(name, _)| name.clone()).collect()
}

/// The crates that the page's table explains, with the line of each: rows whose first cell is a name in backticks.
fn explained_crates(page: &str) -> BTreeMap<&str, usize> {
    page.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let cell = line.strip_prefix("| `")?;
            Some((cell.split_once('`')?.0, index + 1))
        })
        .collect()
}

/// A crate that is asked for but never named in source costs build time for nothing.
fn judge_unnamed(tree: &Tree, member: &Member<'_>) -> Vec<Finding> {
    let code: String = tree
        .rust_files(member.folder)
        .map(|(_, text)| without_comments_and_strings(text))
        .collect::<Vec<_>>()
        .join("\n");
    let unnamed = |name: &str| word_positions(&code, &name.replace('-', "_")).next().is_none();
    let mut asked: Vec<&str> = member.package.dependencies.iter().map(|declared| declared.name.as_str()).collect();
    asked.sort_unstable();
    asked.dedup();
    asked
        .into_iter()
        .filter(|name| unnamed(name))
        .map(|name| {
            let line = line_of_dependency(tree.text(member.manifest), name);
            let what = format!("`{}` asks for `{name}` and never names it", member.folder);
            Finding::refused(RULE, member.manifest, line, what, "take the line out")
        })
        .collect()
}
