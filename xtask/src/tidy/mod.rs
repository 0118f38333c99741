//! The law of the architecture and of the house, as checks: `cargo xtask tidy`, the same as a test, and a step of
//! `cargo xtask test`.
//!
//! Each rule is a function from the [`Tree`] to its findings, in a file of its own; all run, so that a person sees everything at
//! once. Rules are pure: they never touch the disk, and each has a test on a made-up tree that it must refuse.

mod banned;
mod code;
mod dependencies;
mod error_codes;
mod finding;
mod licences;
mod manifests;
mod own_words;
mod purity;
mod records;
mod sources;
mod tiers;

use crate::workspace::Tree;

pub use code::without_comments_and_strings;
pub use finding::{Finding, Weight};
pub use tiers::{LISTED_EDGES, ListedEdge};

/// A rule of the house.
pub type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule, by name.
pub const RULES: [(&str, Rule); 11] = [
    ("tiers", tiers::check),
    ("listed-edges", tiers::check_listed_edges),
    ("purity", purity::check),
    ("sources", sources::check),
    ("manifests", manifests::check),
    ("dependencies", dependencies::check),
    ("records", records::check),
    ("error-codes", error_codes::check),
    ("licences", licences::check),
    ("banned", banned::check),
    ("own-words", own_words::check),
];

/// Judges the tree by every rule; refusals first, then by place.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|(_, rule)| rule(tree)).collect();
    findings.sort_by(|left, right| (left.weight, &left.file, left.line).cmp(&(right.weight, &right.file, right.line)));
    findings
}

/// How many findings fail the check.
pub fn refusals(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.weight == Weight::Refused).count()
}
