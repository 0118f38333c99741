//! The tier law refuses each edge that it forbids, and lets pass what the map allows.

use std::collections::BTreeSet;

use xtask::tidy::LISTED_EDGES;

use crate::made_up::MadeUp;

/// The crate `from` asks for the crate `to`; what the law says of it.
fn edge(from: &str, to: &str) -> Vec<String> {
    MadeUp::new().member(to, &[]).member(from, &[&to.replace('/', "-")]).says("tiers")
}

/// If this fails, a crate can use what lies above or beside it and nobody is told.
#[test]
fn edges_against_the_law_are_refused() {
    let forbidden = [
        ("engine/store", "loop/vocabulary", "arrows point down only"),
        ("loop/act", "drivers/process", "arrows point down only"),
        ("drivers/process", "surface/api", "arrows point down only"),
        ("surface/api", "bin/homeostat", "arrows point down only"),
        ("surface/config", "surface/api", "an edge inside a tier needs a decision record"),
        ("engine/store", "engine/saga", "an edge inside a tier needs a decision record"),
        ("proving/simulator", "surface/api", "an edge inside a tier needs a decision record"),
        ("drivers/process", "plane/gateway", "an edge inside a tier needs a decision record"),
        ("loop/vocabulary", "loop/detect", "vocabulary depends on nothing of ours"),
        ("loop/decide", "loop/detect", "stages of the loop never know each other"),
        ("loop/act", "loop/controller", "stages of the loop never know each other"),
        ("loop/controller", "loop/act", "the controller composes detect, decide and learn"),
        ("loop/controller", "loop/sense", "the controller composes detect, decide and learn"),
        ("loop/act", "loop/shell", "stages of the loop never know each other"),
        ("loop/controller", "loop/shell", "the controller composes detect, decide and learn"),
        ("loop/shell", "loop/decide", "stages of the loop never know each other"),
        ("workloads/kiosk", "loop/vocabulary", "a workload uses only what a user could"),
        ("bin/homeostat", "workloads/kiosk", "a workload is run, never linked"),
        ("bin/homeostat", "xtask", "nothing may build on a tool"),
        ("engine/store", "testkit", "testkit is for tests"),
    ];
    for (from, to, law) in forbidden {
        let says = edge(from, to);
        assert_eq!(says.len(), 1, "{from} -> {to}: {says:?}");
        assert!(says[0].contains(law), "{from} -> {to}: {says:?}");
        assert!(says[0].starts_with(&format!("{from}/Cargo.toml:12 ")), "points at the line: {says:?}");
    }
}

/// If this fails, the law forbids what the map is made of.
#[test]
fn edges_of_the_map_pass() {
    let allowed = [
        ("bin/homeostat", "surface/api"),
        ("bin/homeostat", "engine/store"),
        ("surface/api", "loop/controller"),
        ("surface/api", "surface/story"),
        ("drivers/process", "loop/act"),
        ("loop/act", "engine/saga"),
        ("loop/controller", "loop/detect"),
        ("loop/shell", "loop/controller"),
        ("loop/shell", "loop/act"),
        ("loop/detect", "loop/vocabulary"),
        ("proving/simulator", "loop/controller"),
        ("bench", "engine/store"),
        ("bench", "testkit"),
    ];
    for (from, to) in allowed {
        assert_eq!(edge(from, to), Vec::<String>::new(), "{from} -> {to}");
    }
}

/// If this fails, tests cannot use what tests share.
#[test]
fn testkit_passes_as_a_dev_dependency() {
    let tree = MadeUp::new().member("testkit", &[]).member("engine/store", &["testkit"]).kind("engine-store", "dev");
    assert_eq!(tree.says("tiers"), Vec::<String>::new());
}

/// If this fails, a test can tie a crate to what it must not know.
#[test]
fn dev_dependencies_obey_too() {
    let tree = MadeUp::new()
        .member("loop/vocabulary", &[])
        .member("engine/store", &["loop-vocabulary"])
        .kind("engine-store", "dev");
    assert_eq!(tree.says("tiers").len(), 1);
}

/// If this fails, an SDK can spread from the drivers into the product.
#[test]
fn only_drivers_name_an_outside_system() {
    for system in ["bollard", "kube", "kube-runtime", "tokio-postgres", "redis", "aws-sdk-ec2"] {
        let tree = |folder: &str| MadeUp::new().foreign(system, &[]).member(folder, &[system]).says("tiers");
        assert_eq!(tree("loop/act").len(), 1, "{system}");
        assert_eq!(tree("drivers/docker"), Vec::<String>::new(), "{system}");
    }
}

/// If this fails, a crate outside the map is judged by nobody.
#[test]
fn a_folder_outside_the_map_is_refused() {
    let says = MadeUp::new().member("misc/thing", &[]).says("tiers");
    assert_eq!(says, ["misc/thing/Cargo.toml:1 `misc/thing` lies in no tier of the map"]);
}

/// If this fails, the list of exceptions can only grow, and an exception needs no reason.
#[test]
fn a_listed_edge_is_in_use_and_has_its_record() {
    let says = MadeUp::new().says("listed-edges");
    assert_eq!(says.len(), 2 * LISTED_EDGES.len(), "unused and without a record, each: {says:?}");
    let mut tree = MadeUp::new();
    let ends = LISTED_EDGES.iter().flat_map(|edge| [edge.from, edge.to]).collect::<BTreeSet<_>>();
    for folder in ends {
        let used = LISTED_EDGES.iter().filter(|edge| edge.from == folder).map(|edge| edge.to.replace('/', "-"));
        let used: Vec<_> = used.collect();
        tree = tree.member(folder, &used.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for edge in &LISTED_EDGES {
        tree = tree.file(edge.record, "# A record\n");
    }
    assert_eq!(tree.says("listed-edges"), Vec::<String>::new());
}
