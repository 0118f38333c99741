//! The committed schema and reference are the ones that the code would write.

use std::path::PathBuf;

/// Compares a committed file with what it should say; with HOMEOSTAT_WRITE set, writes it instead.
fn holds(name: &str, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("HOMEOSTAT_WRITE").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let hint = "write it again: HOMEOSTAT_WRITE=1 cargo test -p homeostat-config committed";
    assert!(committed == expected, "docs/{name} is not what the code says; {hint}");
}

#[test]
fn the_schema_is_current() {
    // Editors would underline good keys, or miss bad ones.
    let schema = serde_json::to_string_pretty(&homeostat_config::schema()).unwrap();
    holds("homeostat.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_is_current() {
    // A manual that describes another version is worse than none.
    holds("configuration.md", &homeostat_config::reference());
}

#[test]
fn every_key_is_described() {
    // The description is the manual; a key without one cannot be used.
    fn walk(value: &serde_json::Value, path: &str, missing: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(|all| all.as_object()) {
            for (key, schema) in properties {
                if schema.get("description").is_none() {
                    missing.push(format!("{path}.{key}"));
                }
            }
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{key}"), missing);
        }
    }
    let mut missing = Vec::new();
    walk(&homeostat_config::schema(), "", &mut missing);
    assert!(missing.is_empty(), "{missing:?}");
}
