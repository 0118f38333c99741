//! A real engine in a folder of its own.

use crate::processes::{self, Guard};
use crate::wait_for;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use tempfile::TempDir;

/// A folder with a `homeostat.toml`, and the engine that runs there, if one does.
///
/// When it goes away, the engine and everything it has started are ended, and the folder is removed.
#[derive(Debug)]
pub struct Engine {
    program: PathBuf,
    child: Option<Child>,
    // Dropped in this order: what still runs is ended before its folder goes.
    guard: Guard,
    folder: TempDir,
    data_folder: PathBuf,
}

impl Engine {
    /// A folder in which `program`, the real `homeostat`, can be run with the configuration `text`. Nothing is started yet.
    #[must_use]
    pub fn in_new_folder(program: &Path, text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let data_folder = folder.path().join(DATA_FOLDER);
        Self::of(program, text, folder, data_folder)
    }

    /// The same with a configuration that names `data_folder` as the place of the engine's data.
    #[must_use]
    pub fn with_data_in(program: &Path, text: &str, data_folder: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self::of(program, text, folder, data_folder.to_owned())
    }

    fn of(program: &Path, text: &str, folder: TempDir, data_folder: PathBuf) -> Self {
        fs::write(folder.path().join("homeostat.toml"), text).expect("the configuration can be written");
        let guard = Guard::over(&data_folder);
        Self { program: program.to_owned(), child: None, guard, folder, data_folder }
    }

    /// Where the configuration is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the engine keeps its data.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        self.data_folder.clone()
    }

    /// The configuration is `text` from now on.
    pub fn configure(&self, text: &str) {
        fs::write(self.folder.path().join("homeostat.toml"), text).expect("the configuration can be written");
    }

    /// A call of the program in this folder, in English and with no settings of whoever runs the test.
    #[must_use]
    pub fn call(&self, arguments: &[&str]) -> Command {
        self.call_by(&[], arguments)
    }

    /// The same call by way of the command `way`, which ends by running what is behind it.
    fn call_by(&self, way: &[&str], arguments: &[&str]) -> Command {
        let mut words = way.iter().map(Path::new).chain([self.program.as_path()]);
        let mut command = Command::new(words.next().expect("at least the program is there"));
        command.args(words);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("HOMEOSTAT_")) {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LANG", "C")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Calls the program in this folder and waits for its answer.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> Output {
        self.call(arguments).output().expect("the program can be run")
    }

    /// Starts an engine in the foreground, as a child of the test; what it says goes into `engine.log` in the folder.
    pub fn up(&mut self) {
        self.up_by(&[]);
    }

    /// The same by way of the command `way`, which ends by becoming the engine.
    pub fn up_by(&mut self, way: &[&str]) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("engine.log"));
        let log = log.expect("the log can be written");
        let out = log.try_clone().expect("the log can be written twice");
        let child = self.call_by(way, &["up"]).stdout(out).stderr(log).spawn();
        self.child = Some(child.expect("the program can be run"));
    }

    /// What engines in this folder have said so far.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("engine.log")).unwrap_or_default()
    }

    /// The process id of the engine, while one runs that [`Engine::up`] has started.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// `kill -9` of the engine. Services stay.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
        }
    }

    /// Ends the engine as a person does, by a signal, and waits until it has ended.
    #[track_caller]
    pub fn end(&mut self) -> Option<ExitStatus> {
        processes::signal(self.pid()?, Signal::TERM);
        self.wait()
    }

    /// Waits until the engine has ended, which somebody has told it to.
    #[track_caller]
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        let status = wait_for("the engine ends", || child.try_wait().expect("a child can be waited for"));
        self.child = None;
        Some(status)
    }

    /// Fails the test if anything of a service still runs.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        self.guard.assert_nothing_left();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where an engine keeps its data unless told otherwise.
const DATA_FOLDER: &str = ".homeostat";
