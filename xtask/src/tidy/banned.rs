//! Crates that we decided against, wherever they come in, and crates of which one version is enough.

use std::collections::BTreeMap;

use crate::workspace::{Node, Package, Tree};

use super::finding::{Finding, line_where};

const RULE: &str = "banned";
const LOCK: &str = "Cargo.lock";

/// What may not be in the graph, and why.
const BANNED: [(&str, &str); 9] = [
    ("async-std", "discontinued, and one async runtime is enough: tokio"),
    ("native-tls", "TLS is rustls: the same everywhere, without a C library of the machine"),
    ("openssl", "TLS is rustls: the same everywhere, without a C library of the machine"),
    ("openssl-sys", "TLS is rustls: the same everywhere, without a C library of the machine"),
    ("reqwest", "hyper is here already; a second HTTP client doubles what has to be patched"),
    ("serde_yaml", "no longer maintained; configuration is TOML"),
    ("sled", "no release since 2021; the journal is SQLite"),
    ("smol", "one async runtime is enough: tokio"),
    ("structopt", "folded into clap, which is here"),
];

/// Crates so heavy, or so much a part of our interfaces, that two versions would cost build time or stop types from meeting.
const ONE_VERSION: [&str; 16] = [
    "axum",
    "clap",
    "http",
    "hyper",
    "libsqlite3-sys",
    "miette",
    "rusqlite",
    "rustix",
    "rustls",
    "schemars",
    "serde",
    "serde_json",
    "tokio",
    "toml",
    "tower",
    "tracing",
];

/// Crates of [`ONE_VERSION`] that we have twice all the same, with the reason. Empty is the aim.
const EXPLAINED_TWICE: [(&str, &str); 0] = [];

/// Judges the graph.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &tree.metadata.packages {
        versions.entry(&package.name).or_default().push(&package.version);
        if let Some((name, why)) = BANNED.iter().find(|(name, _)| *name == package.name) {
            let users = users_of(tree, package).join(", ");
            let what = format!("`{name}` is in the graph, by way of {users}: {why}");
            findings.push(Finding::refused(
                RULE,
                LOCK,
                lock_line(tree, name),
                what,
                "find a feature or a crate without it",
            ));
        }
    }
    for name in ONE_VERSION {
        let found = versions.get(name).map_or(&[][..], Vec::as_slice);
        if found.len() > 1 && !EXPLAINED_TWICE.iter().any(|(explained, _)| *explained == name) {
            let what = format!("`{name}` is in the graph {} times: {}", found.len(), found.join(", "));
            let remedy = "bring the users to one version, or explain it in xtask/src/tidy/banned.rs";
            findings.push(Finding::refused(RULE, LOCK, lock_line(tree, name), what, remedy));
        }
    }
    findings.extend(judge_sqlite(tree));
    findings
}

fn lock_line(tree: &Tree, name: &str) -> usize {
    line_where(tree.text(LOCK), |line| line == format!("name = \"{name}\""))
}

fn users_of<'a>(tree: &'a Tree, package: &Package) -> Vec<&'a str> {
    let uses = |node: &&Node| node.deps.iter().any(|edge| edge.pkg == package.id);
    let names =
        |node: &Node| tree.metadata.packages.iter().find(|user| user.id == node.id).map(|user| user.name.as_str());
    tree.metadata.resolve.nodes.iter().filter(uses).filter_map(names).collect()
}

/// The SQLite of the machine may be old or built without what the journal relies on.
fn judge_sqlite(tree: &Tree) -> Option<Finding> {
    const NAME: &str = "libsqlite3-sys";
    let package = tree.metadata.packages.iter().find(|package| package.name == NAME)?;
    let node = tree.metadata.resolve.nodes.iter().find(|node| node.id == package.id)?;
    (!node.features.iter().any(|feature| feature == "bundled")).then(|| {
        let what = "SQLite is not built in: the journal would run on whatever the machine has";
        Finding::refused(RULE, "Cargo.toml", 1, what, "keep the feature `bundled` on rusqlite")
    })
}
