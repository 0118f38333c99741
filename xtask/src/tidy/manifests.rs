//! Every crate of ours inherits the house: lints, edition, licence and versions come from the root manifest alone.

use toml::{Table, Value};

use crate::workspace::{Member, Tree};

use super::finding::{Finding, line_of_dependency, line_where};

const RULE: &str = "manifests";
const PACKAGE_FIELDS: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];
const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Judges the manifests of our own crates.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.members().iter().flat_map(|member| judge(member, tree.text(member.manifest))).collect()
}

fn judge(member: &Member<'_>, text: &str) -> Vec<Finding> {
    let Ok(manifest) = text.parse::<Table>() else {
        let what = "the manifest is not readable as TOML";
        return vec![Finding::refused(RULE, member.manifest, 1, what, "see what cargo says of it")];
    };
    let mut findings = Vec::new();
    if !inherits(manifest.get("lints")) {
        let line = line_where(text, |line| line.trim() == "[lints]");
        let what = "the crate does not inherit the lints of the workspace";
        findings.push(Finding::refused(RULE, member.manifest, line, what, "add [lints] with `workspace = true`"));
    }
    for field in PACKAGE_FIELDS {
        if !inherits(manifest.get("package").and_then(|package| package.get(field))) {
            let line = line_where(text, |line| line.starts_with(field));
            let what = format!("`{field}` is not taken from the workspace");
            findings.push(Finding::refused(
                RULE,
                member.manifest,
                line,
                what,
                format!("write `{field}.workspace = true`"),
            ));
        }
    }
    if manifest.get("package").and_then(|package| package.get("description")).is_none() {
        let remedy = "say in one line what the crate is for";
        findings.push(Finding::refused(RULE, member.manifest, 1, "the crate has no description", remedy));
    }
    for table in dependency_tables(&manifest) {
        for (name, _) in table.iter().filter(|(_, item)| !inherits(Some(item))) {
            let line = line_of_dependency(text, name);
            let what = format!("`{name}` is not taken from the workspace");
            let remedy =
                format!("name it in [workspace.dependencies] of the root and write `{name}.workspace = true` here");
            findings.push(Finding::refused(RULE, member.manifest, line, what, remedy));
        }
    }
    findings
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

/// Every table of dependencies, those for one target only included.
fn dependency_tables(manifest: &Table) -> Vec<&Table> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let for_one_target = targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table));
    std::iter::once(manifest)
        .chain(for_one_target)
        .flat_map(|section| DEPENDENCY_TABLES.iter().filter_map(|table| section.get(*table)?.as_table()))
        .collect()
}
