//! The targets stand in four places, which must name the same: the list, the tests, the fuzzer's manifest and its files.

use std::fs;

use homeostat_fuzzing::TARGETS;

use crate::corpus::{TESTED, folder};

#[test]
fn every_target_is_tested_and_can_be_fuzzed() {
    // Would break: a parser is thought to be fuzzed, and its properties run nowhere.
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in the manifest");
        let source = fs::read_to_string(folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("check(\"{name}\", ")), "{name}.rs checks something else");
    }
    assert_eq!(fs::read_dir(folder().join("fuzz_targets")).unwrap().count(), names.len());
    assert_eq!(fs::read_dir(folder().join("corpus")).unwrap().count(), names.len());
}
