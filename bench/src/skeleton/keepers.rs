//! Those who keep a patient alive: Homeostat, a systemd-like restart loop, Monit.
//!
//! Each ends what it started when it is dropped.

use super::witness::Witness;
use anyhow::{Context, Result, bail};
use homeostat_store::Reader;
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Keeps one patient alive.
pub trait Keeper {
    /// What it is called; its patient bears the same name.
    fn name(&self) -> &'static str;

    /// When it knew of the last crash, by the wall clock, if it says so.
    fn saw_last_crash(&mut self) -> Result<Option<SystemTime>>;
}

/// Kills with SIGKILL.
pub fn kill(pid: u32) -> Result<()> {
    signal(pid, Signal::KILL)
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("not a process id")?;
    kill_process(pid, signal).with_context(|| format!("signalling {}", pid.as_raw_nonzero()))
}

/// The first line a program says of its version.
pub fn version(program: &Path, flag: &str) -> String {
    let said = Command::new(program).arg(flag).output().ok();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned());
    said.filter(|line| !line.is_empty()).unwrap_or_else(|| "not here".to_owned())
}

/// A running engine with its own folder; ended by SIGTERM.
pub struct EngineProcess {
    child: Child,
    /// Where its data is.
    pub data_folder: PathBuf,
}

impl EngineProcess {
    /// Starts an engine with this configuration in `folder`.
    pub fn up(program: &Path, folder: &Path, configuration: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("homeostat.toml"), configuration)?;
        let log = std::fs::File::create(folder.join("engine.log"))?;
        let child = Command::new(program)
            .args(["up", "--quiet"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting the engine")?;
        Ok(Self { child, data_folder: folder.join(".homeostat") })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        // It ends its services first; what goes wrong here is seen as a process left over.
        let _ = signal(self.child.id(), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Homeostat itself.
pub struct Homeostat {
    engine: EngineProcess,
    read_from: u64,
}

impl Homeostat {
    const NAME: &'static str = crate::report::OURS;

    /// Starts an engine that may repair as often as it must, with nothing else tuned.
    pub fn begin(program: &Path, folder: &Path, witness: &Witness) -> Result<Self> {
        let command = serde_json::to_string(&witness.patient(Self::NAME)?)?;
        let configuration = format!(
            "[api]\nlisten = \"127.0.0.1:0\"\n[repair]\nbudget = 1000\nbackoff_reset = \"100ms\"\nverify_window = \"100ms\"\n\
             [services.patient]\ncommand = {command}\nautonomy = \"auto\"\n"
        );
        let engine = EngineProcess::up(program, &folder.join("homeostat"), &configuration)?;
        Ok(Self { engine, read_from: 1 })
    }
}

impl Keeper for Homeostat {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn saw_last_crash(&mut self) -> Result<Option<SystemTime>> {
        let reader = Reader::open(&self.engine.data_folder)?;
        let entries = reader.entries_of_kind("finding.made", self.read_from, 1_000)?;
        let Some(last) = entries.last() else { return Ok(None) };
        self.read_from = last.seq + 1;
        Ok(Some(UNIX_EPOCH + Duration::from_millis(last.record.at_ms)))
    }
}

/// What systemd does for `Restart=always`, and nothing else: wait for the child, sleep, start it again.
pub struct RestartLoop {
    name: &'static str,
    ending: Arc<AtomicBool>,
    child: Arc<Mutex<Option<u32>>>,
    seen_ms: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl RestartLoop {
    /// Starts the loop with this pause between an exit and the next start.
    pub fn begin(name: &'static str, pause: Duration, witness: &Witness) -> Result<Self> {
        let words = witness.patient(name)?;
        let ending = Arc::new(AtomicBool::new(false));
        let (child, seen_ms) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU64::new(0)));
        let (end, current, seen) = (Arc::clone(&ending), Arc::clone(&child), Arc::clone(&seen_ms));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let Ok(mut running) = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).spawn() else {
                    return;
                };
                *current.lock().unwrap_or_else(PoisonError::into_inner) = Some(running.id());
                let _ = running.wait();
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                seen.store(u64::try_from(now.as_millis()).unwrap_or(0), Ordering::SeqCst);
                *current.lock().unwrap_or_else(PoisonError::into_inner) = None;
                std::thread::sleep(pause);
            }
        });
        Ok(Self { name, ending, child, seen_ms, thread: Some(thread) })
    }
}

impl Keeper for RestartLoop {
    fn name(&self) -> &'static str {
        self.name
    }

    fn saw_last_crash(&mut self) -> Result<Option<SystemTime>> {
        Ok(Some(UNIX_EPOCH + Duration::from_millis(self.seen_ms.load(Ordering::SeqCst))))
    }
}

impl Drop for RestartLoop {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if let Some(pid) = *self.child.lock().unwrap_or_else(PoisonError::into_inner) {
                let _ = kill(pid);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Monit at its shortest cycle.
pub struct Monit {
    child: Child,
    pidfile: PathBuf,
}

impl Monit {
    const NAME: &'static str = "monit, tuned";

    /// Starts Monit; an error when it is not installed.
    pub fn begin(folder: &Path, witness: &Witness) -> Result<Self> {
        let folder = folder.join("monit");
        std::fs::create_dir_all(&folder)?;
        let at = |name: &str| folder.join(name).display().to_string();
        let mut words = witness.patient(Self::NAME)?;
        words.extend(["--pidfile".to_owned(), at("patient.pid")]);
        // Monit waits for its start program to end, so the patient goes into the background, in a session of its own.
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let script = format!("#!/bin/sh\nexec setsid -f {} </dev/null >/dev/null 2>&1\n", quoted.join(" "));
        std::fs::write(folder.join("start"), script)?;
        std::fs::set_permissions(folder.join("start"), PermissionsExt::from_mode(0o700))?;
        let control = format!(
            "set daemon 1\nset log {}\nset pidfile {}\nset idfile {}\nset statefile {}\n\
             check process patient with pidfile {}\n  start program = \"{}\"\n",
            at("monit.log"),
            at("monit.pid"),
            at("monit.id"),
            at("monit.state"),
            at("patient.pid"),
            at("start"),
        );
        std::fs::write(folder.join("monitrc"), control)?;
        std::fs::set_permissions(folder.join("monitrc"), PermissionsExt::from_mode(0o600))?;
        let mut child = Command::new("monit")
            .args(["-I", "-c"])
            .arg(folder.join("monitrc"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("Monit is not installed (apt-get install monit)")?;
        std::thread::sleep(Duration::from_millis(300));
        if let Some(status) = child.try_wait()? {
            bail!("Monit ended at once: {status}");
        }
        Ok(Self { child, pidfile: folder.join("patient.pid") })
    }
}

impl Keeper for Monit {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Its log knows whole seconds only.
    fn saw_last_crash(&mut self) -> Result<Option<SystemTime>> {
        Ok(None)
    }
}

impl Drop for Monit {
    fn drop(&mut self) {
        let _ = signal(self.child.id(), Signal::TERM);
        let _ = self.child.wait();
        let patient = std::fs::read_to_string(&self.pidfile).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = patient {
            let _ = kill(pid);
        }
    }
}
