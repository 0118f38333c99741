//! `cargo xtask conformance`: the gateway and its peers through the suites of others, and through our own where there is none; writes
//! docs/conformance.md.
//!
//! The suites are Python programs in `xtask/conformance`, since what they stand on (grpcio, h2, websockets, http-cache-tests) is. Their
//! packages have fixed versions and lie in the build cache, never in the clone. Everything stays on loopback and ends by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cache::{Cache, target_folder};
use crate::steps::{End, run, tell};
use crate::workspace::{cargo, member_names, root};

/// The suites, by the names of their files.
const SUITES: [&str; 6] = ["smuggling", "cache", "frames", "grpc_calls", "websocket", "slow"];
/// Programs of the system that take part, and the Debian package of each.
const PROGRAMS: [(&str, &str); 7] = [
    ("nginx", "nginx-light"),
    ("haproxy", "haproxy"),
    ("varnishd", "varnish"),
    ("slowhttptest", "slowhttptest"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3-venv"),
];
/// Peers that are programs of the system, as the suites call them.
const PEERS: [(&str, &str); 3] = [("nginx", "nginx"), ("haproxy", "haproxy"), ("varnish", "varnishd")];
const PAGE: &str = "docs/conformance.md";

/// What the caller asked for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// One suite; without it all of them, and the page.
    pub suite: Option<String>,
}

/// Runs the suites; whether every failed test of ours is explained.
pub fn run_conformance(wish: &Wish) -> Result<bool> {
    if let Some(name) = &wish.suite
        && !SUITES.contains(&name.as_str())
    {
        bail!("there is no suite `{name}`; there are {}", SUITES.join(", "));
    }
    let root = root();
    let cache = Cache::take(&root, target_folder(|name| std::env::var(name).ok())?, &member_names(&root))?;
    let sources = root.join("xtask/conformance");
    let folder = cache.target().join("conformance");
    let prepared = run("programs of the system", || {
        check_programs()?;
        Ok(End { passed: true, tests: None })
    });
    let built = run("build for release", || {
        let mut command = Command::new(cargo());
        command.args(["build", "--release", "--locked", "--package", "homeostat-gateway", "--example", "run"]);
        tell(command.current_dir(&root).env("CARGO_TARGET_DIR", cache.target()))
    });
    let placed = run("tools of the suites", || place_tools(&sources, &folder));
    if !(prepared.passed && built.passed && placed.passed) {
        return Ok(false);
    }
    let results = folder.join("results");
    // What is gone from a suite must not stay on the page.
    let _ = fs::remove_dir_all(&results);
    let gateway = cache.target().join("release/examples/run");
    let ran = run("suites", || {
        let mut command = Command::new(python(&folder));
        command.arg(sources.join("run.py")).arg("--out").arg(&results);
        command.arg("--program").arg(format!("homeostat={}", gateway.display())).args(["--program", "naive=python3"]);
        for (name, program) in PEERS {
            command.arg("--program").arg(format!("{name}={}", find(program).context("it was found before")?.display()));
        }
        command.arg("--program").arg(format!("envoy={}", envoy(&folder)?.display()));
        if let Some(name) = &wish.suite {
            command.args(["--suite", name]);
        }
        tell(command.env("CONFORMANCE_NPM", &folder).env("PYTHONDONTWRITEBYTECODE", "1"))
    });
    let page = if wish.suite.is_some() { folder.join("page.md") } else { root.join(PAGE) };
    let judged = run("judge", || {
        let mut command = Command::new(python(&folder));
        command.arg(sources.join("page.py")).arg(&results).arg(sources.join("explained.toml"));
        tell(command.arg(sources.join("requirements.txt")).arg(&page).env("PYTHONDONTWRITEBYTECODE", "1"))
    });
    Ok(ran.passed && judged.passed)
}

fn python(folder: &Path) -> PathBuf {
    folder.join("python/bin/python")
}

/// Envoy comes as a Python package with the real program in it.
fn envoy(folder: &Path) -> Result<PathBuf> {
    let pythons = fs::read_dir(folder.join("python/lib")).context("the tools are in place")?;
    let mut programs = pythons.flatten().map(|python| python.path().join("site-packages/envoy/_bin/envoy"));
    programs.find(|program| program.exists()).context("the package was installed but there is no envoy in it")
}

/// The suites' packages, installed anew when their list changes.
fn place_tools(sources: &Path, folder: &Path) -> Result<End> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let requirements = sources.join("requirements.txt");
    install(folder, &requirements, "python.txt", || {
        let venv = tell(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("python")))?;
        let mut pip = Command::new(python(folder));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        Ok(venv.passed && tell(&mut pip)?.passed)
    })?;
    let package = sources.join("package.json");
    install(folder, &package, "npm.txt", || {
        fs::copy(&package, folder.join("package.json")).context("cannot copy package.json")?;
        let fixed = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
        Ok(tell(Command::new("npm").args(fixed).current_dir(folder))?.passed)
    })?;
    Ok(End { passed: true, tests: None })
}

/// Installs what a list says, unless what the same list said is installed already: a copy of the list tells.
fn install(folder: &Path, list: &Path, stamp: &str, act: impl FnOnce() -> Result<bool>) -> Result<()> {
    let (text, stamp) = (fs::read_to_string(list)?, folder.join(stamp));
    if fs::read_to_string(&stamp).is_ok_and(|old| old == text) {
        return Ok(());
    }
    ensure!(act()?, "what {} lists cannot be installed", list.display());
    fs::write(&stamp, text).with_context(|| format!("cannot write {}", stamp.display()))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers are not on every user's path.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect::<Vec<_>>();
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Installs what is missing where that is ours to do.
fn check_programs() -> Result<()> {
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(name, _)| find(name).is_none()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(rustix::process::geteuid().is_root(), "missing: apt-get install {}", missing.join(" "));
    let installed = tell(Command::new("apt-get").args(["install", "-y", "--no-install-recommends"]).args(&missing))?;
    ensure!(installed.passed, "cannot install {}; after `apt-get update` it may go", missing.join(" "));
    Ok(())
}
