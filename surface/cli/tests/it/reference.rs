//! docs/cli.md says what the program knows.

#[test]
fn the_committed_reference_is_the_programs_own() {
    // People would read of options that are gone, and never of new ones.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let made = homeostat_cli::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == made, "docs/cli.md is out of date: UPDATE_DOCS=1 cargo test -p homeostat-cli writes it again");
}
