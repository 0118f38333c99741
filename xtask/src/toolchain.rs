//! What must be on the machine before anything is built: the Rust toolchain and a few programs of the system.
//!
//! The first two steps of the suite, and the first of the demo. As root on Debian or its kin missing programs are installed;
//! elsewhere the exact command is printed. It never installs a toolchain: that is the user's choice.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::error::{Code, Trouble};

/// A program that a build or a test starts.
#[derive(Debug, Clone, Copy)]
struct Program {
    name: &'static str,
    package: &'static str,
    why: &'static str,
}

/// Programs of the system, the Debian package of each, and what fails without it.
const PROGRAMS: [Program; 5] = [
    Program { name: "cc", package: "gcc libc6-dev", why: "links every binary and builds SQLite" },
    Program { name: "make", package: "make", why: "builds the allocator" },
    Program { name: "unshare", package: "util-linux", why: "gives the tests of a full disk a mount of their own" },
    Program { name: "mount", package: "mount", why: "gives the tests of a full disk a disk to fill" },
    Program { name: "sh", package: "dash", why: "runs the small services of the process tests" },
];

/// Parts of the toolchain beside rustc and cargo.
const PARTS: [(&str, &str); 2] = [("rustfmt", "rustfmt"), ("cargo-clippy", "clippy")];

/// Says which toolchain is used; refuses one that is too old or incomplete.
pub fn check_toolchain() -> Result<String> {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let update = format!("install Rust {wanted} or newer, such as with `rustup update stable`");
    let Some(said) = answer("rustc", &["--version"]) else {
        return Err(Trouble::new(Code::Toolchain, "rustc does not run", update).into());
    };
    if version_in(&said) < version_in(wanted) {
        let what = format!("{} is older than {wanted}", said.trim());
        return Err(Trouble::new(Code::Toolchain, what, update).into());
    }
    for (program, component) in PARTS {
        if answer(program, &["--version"]).is_none() {
            let what = format!("{program} does not run");
            let remedy = format!("rustup component add {component}");
            return Err(Trouble::new(Code::Toolchain, what, remedy).into());
        }
    }
    Ok(said.trim().to_owned())
}

/// Says that every program is there; installs what is missing where that is ours to do.
pub fn check_programs() -> Result<String> {
    let missing: Vec<Program> = PROGRAMS.into_iter().filter(|program| !on_path(program.name)).collect();
    if missing.is_empty() {
        let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
        return Ok(names.join(", "));
    }
    let packages: Vec<&str> = missing.iter().flat_map(|program| program.package.split(' ')).collect();
    let command = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if rustix::process::geteuid().is_root() && on_path("apt-get") {
        println!("installing: {command}");
        // An old list of packages is the usual reason for a failed install, so it is renewed first.
        let installed = apt_get(&["update", "-q"])
            && apt_get(&[&["install", "-y", "-q", "--no-install-recommends"][..], packages.as_slice()].concat());
        if installed && missing.iter().all(|program| on_path(program.name)) {
            return Ok(format!("installed {}", packages.join(", ")));
        }
    }
    let lacks: Vec<String> =
        missing.iter().map(|program| format!("{} is missing (it {})", program.name, program.why)).collect();
    Err(Trouble::new(Code::Program, lacks.join(", "), format!("as root: {command}")).into())
}

/// Whether cargo-nextest can be used.
pub fn has_nextest() -> bool {
    answer("cargo-nextest", &["--version"]).is_some() || answer("cargo", &["nextest", "--version"]).is_some()
}

/// Major and minor of the first thing in the text that looks like a version.
pub fn version_in(text: &str) -> (u32, u32) {
    text.split_whitespace()
        .find_map(|word| {
            let mut numbers = word.split(['.', '-']);
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        })
        .unwrap_or_default()
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Administrators' tools are often outside an ordinary user's PATH.
    let usual = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(usual).any(|folder: std::path::PathBuf| is_file(&folder.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
