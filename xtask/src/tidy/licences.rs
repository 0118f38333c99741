//! Every crate that we build is free to ship: its licence satisfies the list, and it comes from the registry.

use spdx::{Expression, LicenseReq};

use crate::workspace::{Package, Tree};

use super::finding::{Finding, line_where};

const RULE: &str = "licences";
const LOCK: &str = "Cargo.lock";

/// Permissive licences that ask for no more than their notice. A new one is a decision, not a chore.
const ALLOWED: [&str; 10] =
    ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Judges the licence and the origin of every crate in the graph.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &tree.metadata.packages {
        let line = line_where(tree.text(LOCK), |line| line == format!("name = \"{}\"", package.name));
        if let Some(what) = judge_licence(package) {
            let remedy = "choose another crate; or, when the licence is as free as the others, add it to xtask/src/tidy/licences.rs";
            findings.push(Finding::refused(RULE, LOCK, line, what, remedy));
        }
        if package.source.as_deref().is_some_and(|source| !source.starts_with("registry+")) {
            let what = format!("{} {} is not taken from the registry", package.name, package.version);
            findings.push(Finding::refused(
                RULE,
                LOCK,
                line,
                what,
                "use a published version: it cannot change or vanish",
            ));
        }
    }
    findings
}

fn judge_licence(package: &Package) -> Option<String> {
    let named = format!("{} {}", package.name, package.version);
    let Some(text) = package.license.as_deref() else { return Some(format!("{named} declares no licence")) };
    // The old way to say OR was a slash; cargo still accepts it.
    let Ok(expression) = Expression::parse(&text.replace('/', " OR ")) else {
        return Some(format!("{named} declares `{text}`, which is no licence expression"));
    };
    (!expression.evaluate(allows)).then(|| format!("{named} is under `{text}`, which is not on the list"))
}

/// An exception only ever gives more freedom, so the licence decides.
fn allows(requirement: &LicenseReq) -> bool {
    requirement.license.id().is_some_and(|id| ALLOWED.contains(&id.name))
}
