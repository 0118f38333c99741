//! The peers that are programs of their own: put in place where that can be done, else the reason why they are not run.
//!
//! Their sources are part of this program; they are written, installed and compiled into a folder beside it, never into the
//! sources.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The files of the RxJS subject.
const RXJS: [(&str, &str); 3] = [
    ("package.json", include_str!("../../peers/reactor/rxjs/package.json")),
    ("package-lock.json", include_str!("../../peers/reactor/rxjs/package-lock.json")),
    ("subject.mjs", include_str!("../../peers/reactor/rxjs/subject.mjs")),
];
/// The file of the Erlang subject.
const ERLANG: [(&str, &str); 1] = [("subject.erl", include_str!("../../peers/reactor/erlang/subject.erl"))];

/// A peer that can be started.
#[derive(Debug)]
pub struct Peer {
    folder: PathBuf,
    /// What it calls itself.
    pub version: String,
}

/// RxJS on Node.js.
pub fn rxjs() -> Result<Peer> {
    let folder = put("rxjs", &RXJS)?;
    have("node", "nodejs")?;
    have("npm", "npm")?;
    let version = folder.join("node_modules/rxjs/package.json");
    if !version.exists() {
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder))
            .context("installing RxJS")?;
    }
    let package: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(version)?)?;
    let rxjs = package.get("version").and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned();
    let node = run(Command::new("node").arg("--version"))?;
    Ok(Peer { folder, version: format!("{rxjs} on Node.js {}", node.trim().trim_start_matches('v')) })
}

/// Erlang.
pub fn erlang() -> Result<Peer> {
    let folder = put("erlang", &ERLANG)?;
    have("erl", "erlang-base")?;
    run(Command::new("erlc").args(["+deterministic", "subject.erl"]).current_dir(&folder))
        .context("compiling the Erlang subject")?;
    let release = "io:format(\"~s ERTS ~s\", [erlang:system_info(otp_release), erlang:system_info(version)]), halt().";
    let version = run(Command::new("erl").args(["-noshell", "-eval", release]))?;
    Ok(Peer { folder, version })
}

impl Peer {
    /// The RxJS subject; tuned, with RxJS's build for modern engines.
    pub fn node(&self, case: &str, variant: &str, events: usize, warm_up: usize) -> Command {
        let mut command = Command::new("node");
        if variant != "default" {
            command.arg("--conditions=es2015");
        }
        command.arg(self.folder.join("subject.mjs")).args([case, variant, &events.to_string(), &warm_up.to_string()]);
        command
    }

    /// The Erlang subject; tuned, without schedulers that wait busily.
    pub fn erl(&self, case: &str, variant: &str, events: usize, warm_up: usize) -> Command {
        let mut command = Command::new("erl");
        if variant == "tuned" {
            command.args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]);
        }
        command.args(["-noshell", "-pa"]).arg(&self.folder);
        command.args(["-run", "subject", "main", case, variant, &events.to_string(), &warm_up.to_string()]);
        command
    }
}

/// Writes the files into a folder of the build cache.
fn put(name: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let cache = program.parent().and_then(Path::parent).context("this program lies in a folder of the build cache")?;
    let folder = cache.join("peers/reactor").join(name);
    std::fs::create_dir_all(&folder)?;
    for (file, text) in files {
        let path = folder.join(file);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        // What was installed by an older list is not what the new one says.
        if *file == "package-lock.json" {
            let _ = std::fs::remove_dir_all(folder.join("node_modules"));
        }
    }
    Ok(folder)
}

/// Finds the program, or installs Debian's package of it where we may.
pub fn have(program: &str, package: &str) -> Result<()> {
    if on_path(program) {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        bail!("`{program}` is not installed (apt-get install {package})");
    }
    eprintln!("installing {package}");
    let install = || run(Command::new("apt-get").args(["install", "-y", "--no-install-recommends", package]));
    if install().is_err() {
        run(Command::new("apt-get").arg("update"))?;
        install()?;
    }
    ensure!(on_path(program), "`{package}` was installed but there is no `{program}`");
    Ok(())
}

pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

/// Runs to the end and gives the output.
pub fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_owned();
    let name = AsRef::<OsStr>::as_ref(&name).to_string_lossy().into_owned();
    let ended = command.stdin(Stdio::null()).output().with_context(|| format!("starting `{name}`"))?;
    ensure!(ended.status.success(), "`{name}` failed: {}", String::from_utf8_lossy(&ended.stderr).trim());
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}
