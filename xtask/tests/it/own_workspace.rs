//! The real workspace keeps its own law.

use xtask::tidy::{judge, refusals};
use xtask::workspace::{Tree, root};

/// If this fails, the tree breaks the law of the architecture or of the house: `cargo xtask tidy` tells it all.
#[test]
fn the_workspace_keeps_its_law() {
    let findings = judge(&Tree::load(&root()).unwrap());
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(refusals(&findings), 0, "\n{}", told.join("\n"));
}

/// If this fails, the checks see less than there is, and pass for that reason.
#[test]
fn the_checks_see_the_whole_workspace() {
    let tree = Tree::load(&root()).unwrap();
    let folders: Vec<&str> = tree.members().iter().map(|member| member.folder).collect();
    for folder in ["bin/homeostat", "engine/store", "loop/controller", "loop/vocabulary", "xtask"] {
        assert!(folders.contains(&folder), "{folder} is missing in {folders:?}");
    }
    assert!(tree.files.contains_key("xtask/tests/it/own_workspace.rs"));
    assert!(tree.metadata.packages.len() > folders.len(), "the foreign crates are there too");
    assert!(!tree.metadata.resolve.nodes.is_empty());
}
