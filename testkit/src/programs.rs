//! Where the workspace's own programs are.

use std::path::PathBuf;
use std::process::Command;

/// The program `name` of the package `package`, built if it is not there yet.
///
/// A program of the crate under test is better named by `env!("CARGO_BIN_EXE_…")`, which cargo keeps fresh.
#[must_use]
pub fn program(package: &str, name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    // target/debug/deps/it-0123 -> target/debug
    let folder = test.ancestors().nth(2).expect("tests are built two folders below the profile's").to_owned();
    let path = folder.join(name);
    if !path.exists() {
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--package", package, "--bin", name]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let built = build.arg("--target-dir").arg(folder.parent().expect("a profile is in a target folder")).status();
        assert!(built.is_ok_and(|status| status.success()), "{package} does not build");
    }
    path
}
