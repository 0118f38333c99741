//! The finished binary as the demo uses it: the way a user would, by its command line and its exit codes.
//!
//! Called by the demo alone. It knows no type of the product; what is said here is what README promises.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often something is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Until every service is ready. A loaded machine may take its time; a broken one is told after this.
const READY_S_MAX: u64 = 60;
/// Until the engine has stopped its services and ended.
const DOWN_S_MAX: u64 = 60;

/// The program with the settings that every call of the demo shares.
#[derive(Debug, Clone)]
pub struct Homeostat {
    /// The program.
    pub program: PathBuf,
    /// The demo's folder: programs in `bin/`, configuration, data.
    pub folder: PathBuf,
    /// The language of the story; without it, the environment decides.
    pub language: Option<String>,
    /// Where its gateway listens on this machine.
    pub gateway_port: u16,
}

impl Homeostat {
    /// A call, not yet made.
    pub fn call(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(self.folder.join("homeostat.toml"))
            .args(self.language.iter().flat_map(|language| ["--lang", language]))
            .args(arguments)
            .current_dir(&self.folder)
            .env("PATH", path_with(&self.program))
            // The unix socket in the demo's folder is enough for the command line; the usual port may be taken.
            .env("HOMEOSTAT__API__LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null());
        command
    }

    /// Starts the engine in a process group of its own: Ctrl-C is for the demo, which then ends the engine in order.
    pub fn start(&self) -> Result<Child> {
        let log = File::create(self.log()).context("cannot create the log of the engine")?;
        let errors = log.try_clone().context("cannot share the log of the engine")?;
        let mut command = self.call(&["up"]);
        command.stdout(log).stderr(errors).process_group(0);
        command.spawn().context("cannot start the engine")
    }

    /// Where the engine's own words go.
    pub fn log(&self) -> PathBuf {
        self.folder.join("engine.log")
    }

    /// Follows the story on our standard output until the process is ended.
    pub fn follow(&self) -> Result<Child> {
        self.call(&["journal", "tail", "--brief", "--follow", "--lines", "1000"])
            .spawn()
            .context("cannot follow the story")
    }

    /// Whether every service is ready now.
    pub fn all_ready(&self) -> bool {
        let mut command = self.call(&["status"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Waits until every service is ready; whether that came about before the engine ended, `ended` said to stop, or the time
    /// was over.
    pub fn wait_until_ready(&self, engine: &mut Child, ended: impl Fn() -> bool) -> Result<bool> {
        let deadline = Instant::now() + Duration::from_secs(READY_S_MAX);
        while Instant::now() < deadline && !ended() {
            if engine.try_wait().context("cannot look after the engine")?.is_some() {
                return Ok(false);
            }
            if self.all_ready() {
                return Ok(true);
            }
            sleep(LOOK_EVERY);
        }
        Ok(false)
    }

    /// Ends the engine and its services the way a user would.
    pub fn down(&self) -> Result<ExitStatus> {
        let mut command = self.call(&["down"]);
        command.stdout(Stdio::null()).status().context("cannot end the engine")
    }
}

/// Waits for a child's end; its status, or nothing when it did not end in time.
pub fn wait_for_end(child: &mut Child) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + Duration::from_secs(DOWN_S_MAX);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().context("cannot wait for the engine")? {
            return Ok(Some(status));
        }
        sleep(LOOK_EVERY);
    }
    Ok(None)
}

/// The folder of the program first: services name the kiosk without a path.
fn path_with(program: &Path) -> std::ffi::OsString {
    let own = program.parent().map(Path::to_path_buf);
    let rest = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&rest))).unwrap_or(rest)
}
