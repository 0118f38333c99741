//! `cargo xtask bench`: builds the benchmarks in release and runs them; `all` also writes docs/benchmarks.md from their figures, and
//! `NAME --page` its section of one.
//!
//! The measuring itself is in the package homeostat-bench. The turn on the cache is kept until the end: two runs on one machine
//! would measure each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::{Cache, target_folder};
use crate::steps::{run, tell};
use crate::workspace::{cargo, member_names, root};

/// Every benchmark, in the order of the page.
const BENCHMARKS: [&str; 6] = ["skeleton", "journal", "reactor", "policies", "massive-failure", "gateway"];
/// What is built: the benchmarks, and the programs that they start.
const PACKAGES: [&str; 3] = ["homeostat-bench", "homeostat", "homeostat-kiosk"];
/// The gateway alone, which is an example of its crate.
const GATEWAY: [&str; 4] = ["--package", "homeostat-gateway", "--example", "run"];
/// The page that is written from the figures, never by hand.
const PAGE: &str = "docs/benchmarks.md";

/// What the caller asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Which benchmark, or `all`.
    pub name: String,
    /// A result in under two minutes, marked as such.
    pub quick: bool,
    /// Where to write the figures.
    pub json: Option<PathBuf>,
    /// Whether to write the section of this one benchmark into the page.
    pub page: bool,
    /// Where to keep the data.
    pub data: Option<PathBuf>,
}

/// Runs one benchmark or all of them; whether all of them gave figures.
pub fn run_bench(wish: &Wish) -> Result<bool> {
    let all = wish.name == "all";
    if !all && !BENCHMARKS.contains(&wish.name.as_str()) {
        bail!("there is no benchmark `{}`; there are {} and all", wish.name, BENCHMARKS.join(", "));
    }
    if all && wish.json.is_some() {
        bail!("`all` writes a file of its own for each benchmark; --json goes with one");
    }
    if wish.page && (all || wish.quick || wish.json.is_some()) {
        bail!("--page goes with one benchmark, measured in full and without --json; `all` writes the page anyway");
    }
    let root = root();
    let cache = Cache::take(&root, target_folder(|name| std::env::var(name).ok())?, &member_names(&root))?;
    let built = run("build for release", || {
        let mut command = Command::new(cargo());
        command.args(["build", "--release", "--locked"]).args(PACKAGES.iter().flat_map(|name| ["--package", name]));
        let built = tell(command.current_dir(&root).env("CARGO_TARGET_DIR", cache.target()))?;
        let mut alone = Command::new(cargo());
        alone.args(["build", "--release", "--locked"]).args(GATEWAY);
        let also = tell(alone.current_dir(&root).env("CARGO_TARGET_DIR", cache.target()))?;
        Ok(if built.passed { also } else { built })
    });
    if !built.passed {
        return Ok(false);
    }
    let program = cache.target().join("release/homeostat-bench");
    if !all && !wish.page {
        return Ok(measure(&program, &wish.name, wish, wish.json.as_deref()));
    }
    let figures = cache.target().join("benchmarks");
    // Figures of a benchmark that is gone must not stay on the page.
    let _ = fs::remove_dir_all(&figures);
    fs::create_dir_all(&figures).with_context(|| format!("cannot make {}", figures.display()))?;
    let chosen = BENCHMARKS.into_iter().filter(|name| all || *name == wish.name);
    for name in chosen {
        if !measure(&program, name, wish, Some(&figures.join(format!("{name}.json")))) {
            return Ok(false);
        }
    }
    let page = root.join(PAGE);
    let written = run("report", || {
        let mut command = Command::new(&program);
        command.arg("report").arg("--json-dir").arg(&figures).arg("--out").arg(&page);
        tell(if wish.page { command.arg("--keep") } else { &mut command })
    });
    Ok(written.passed)
}

fn measure(program: &Path, name: &str, wish: &Wish, json: Option<&Path>) -> bool {
    let mut command = Command::new(program);
    command.arg(name);
    if wish.quick {
        command.arg("--quick");
    }
    if let Some(json) = json {
        command.arg("--json").arg(json);
    }
    if let Some(data) = &wish.data {
        command.arg("--data").arg(data);
    }
    run(name, || tell(&mut command)).passed
}
