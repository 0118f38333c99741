//! `cargo xtask fuzz TARGET`: libFuzzer over one target of `fuzz/`, for so many seconds.
//!
//! `cargo xtask test` runs the same properties over the same corpus without a fuzzer; this looks for what nobody thought of. Everything
//! it builds and finds lies in the build cache, cargo-fuzz itself too, so that the corpus in the repository grows only by hand.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cache::target_folder;
use crate::steps::{End, run, tell};
use crate::workspace::{cargo, root};

/// The cargo-fuzz that is installed when it is not here.
const VERSION: &str = "0.13.2";
/// Longer inputs slow the fuzzer down; a head of a request is seldom longer.
const INPUT_BYTES_MAX: u32 = 2_048;
/// One input that takes longer is a find of its own.
const INPUT_SECONDS_MAX: u32 = 5;

/// What the caller asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// One target, or `all`.
    pub target: String,
    /// How long each is fuzzed, without its build.
    pub seconds: u32,
}

/// Fuzzes; whether nothing was found.
pub fn run_fuzz(wish: &Wish) -> Result<bool> {
    let root = root();
    let known = targets(&root)?;
    let chosen: Vec<&String> = known.iter().filter(|name| wish.target == "all" || wish.target == **name).collect();
    if chosen.is_empty() {
        bail!("there is no target `{}`; there are {}, and all", wish.target, known.join(", "));
    }
    // Beside the clones' own builds: other flags and another workspace, so nothing is shared and nobody waits for it.
    let folder = target_folder(|name| std::env::var(name).ok())?.join("fuzz");
    let tool = folder.join(format!("cargo-fuzz-{VERSION}"));
    if !run("cargo-fuzz", || install(&tool)).passed {
        println!("cargo-fuzz {VERSION} is missing and could not be installed: see above");
        return Ok(false);
    }
    let mut is_clean = true;
    // A find in one is no reason to leave the others out.
    for name in chosen {
        is_clean &= run(name, || fuzz(&root, &folder, &tool, name, wish.seconds)).passed;
    }
    Ok(is_clean)
}

/// The targets, by their files.
fn targets(root: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(root.join("fuzz/fuzz_targets")).context("cannot list fuzz/fuzz_targets")?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn install(tool: &Path) -> Result<End> {
    if program(tool).is_file() {
        println!("    {VERSION}");
        return Ok(End { passed: true, tests: None });
    }
    let mut command = Command::new(cargo());
    command.args(["install", "cargo-fuzz", "--version", VERSION, "--locked", "--root"]).arg(tool);
    // Its build is of no use afterwards.
    let build = tempfile::tempdir().context("cannot make a folder to build cargo-fuzz in")?;
    tell(command.env("CARGO_TARGET_DIR", build.path()))
}

fn program(tool: &Path) -> PathBuf {
    tool.join("bin/cargo-fuzz")
}

fn fuzz(root: &Path, folder: &Path, tool: &Path, name: &str, seconds: u32) -> Result<End> {
    let (found, broken) = (folder.join("found").join(name), folder.join("broken").join(name));
    for place in [&found, &broken] {
        fs::create_dir_all(place).with_context(|| format!("cannot create {}", place.display()))?;
    }
    let mut command = Command::new(program(tool));
    // No code here is unsafe, so the sanitizers have little to see; without them inputs run several times as fast.
    command.args(["run", "--sanitizer", "none", "--target-dir"]).arg(folder.join("build"));
    // The first folder takes what is found, the second is only read.
    command.arg(name).arg(&found).arg(root.join("fuzz/corpus").join(name)).arg("--");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg("-print_final_stats=1");
    command.arg(artifacts(&broken)).current_dir(root).env_remove("CARGO_TARGET_DIR");
    match has_nightly() {
        true => command.env("RUSTUP_TOOLCHAIN", "nightly"),
        // The compiler that is here, with the flags unlocked that the fuzzer's marks need.
        false => command.env("RUSTC_BOOTSTRAP", "1"),
    };
    let end = tell(&mut command)?;
    if !end.passed {
        println!("what broke it lies in {}; once it is mended, keep it in fuzz/corpus/{name}/", broken.display());
    }
    Ok(end)
}

fn artifacts(broken: &Path) -> OsString {
    let mut argument = OsString::from("-artifact_prefix=");
    argument.push(broken.join(""));
    argument
}

fn has_nightly() -> bool {
    let mut command = Command::new("rustc");
    command.args(["+nightly", "--version"]).stdin(Stdio::null()).stderr(Stdio::null());
    command.output().is_ok_and(|output| output.status.success())
}
