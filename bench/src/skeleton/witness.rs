//! The witness: a socket at which every patient says its name the moment it runs.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Patients that have spoken and were not asked for yet; far more than any benchmark has.
const UNHEARD_MAX: usize = 1_024;

/// What a patient takes.
#[derive(Debug, clap::Args)]
pub struct PatientArguments {
    /// The witness's socket
    witness: PathBuf,
    /// The name it says
    name: String,
    /// Where its process id is written, for keepers that need that
    #[arg(long)]
    pidfile: Option<PathBuf>,
    /// A port at which it answers every request with 200
    #[arg(long)]
    port: Option<u16>,
}

/// Is a patient: says so, and then does nothing until it is killed.
pub fn be_patient(arguments: &PatientArguments) -> Result<()> {
    if let Some(path) = &arguments.pidfile {
        std::fs::write(path, std::process::id().to_string())?;
    }
    let mut witness = UnixStream::connect(&arguments.witness).context("the witness is gone")?;
    writeln!(witness, "{} {}", arguments.name, std::process::id())?;
    let Some(port) = arguments.port else {
        loop {
            std::thread::park();
        }
    };
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        // A probe that has gone away wants no answer.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    Ok(())
}

/// Hears patients.
pub struct Witness {
    path: PathBuf,
    heard: Receiver<(String, u32, Instant)>,
    /// Heard while another name was waited for.
    early: Mutex<Vec<(String, u32, Instant)>>,
}

impl Witness {
    /// Listens in `folder` until the process ends.
    pub fn listen(folder: &Path) -> Result<Self> {
        let path = folder.join("witness.sock");
        // A second witness in the same folder takes the place of the first.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).context("listening for patients")?;
        let (tell, heard) = sync_channel(UNHEARD_MAX);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let at = Instant::now();
                let mut line = String::new();
                let read = BufReader::new(stream).read_line(&mut line);
                let words = line.trim().rsplit_once(' ').map(|(name, pid)| (name.to_owned(), pid.parse()));
                if let (Ok(_), Some((name, Ok(pid)))) = (read, words)
                    && tell.send((name, pid, at)).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { path, heard, early: Mutex::default() })
    }

    /// The command line of a patient called `name`.
    pub fn patient(&self, name: &str) -> Result<Vec<String>> {
        let program = std::env::current_exe()?;
        Ok(vec![program.display().to_string(), "patient".to_owned(), self.path.display().to_string(), name.to_owned()])
    }

    /// The process id of the next patient called `name`.
    pub fn next(&self, name: &str, patience: Duration) -> Result<u32> {
        Ok(self.next_at(name, patience)?.0)
    }

    /// The process id of the next patient called `name`, and when it was heard.
    pub fn next_at(&self, name: &str, patience: Duration) -> Result<(u32, Instant)> {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = early.iter().position(|(heard, ..)| heard == name) {
            let (_, pid, at) = early.remove(index);
            return Ok((pid, at));
        }
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok((heard, pid, at)) if heard == name => return Ok((pid, at)),
                Ok(other) => early.push(other),
                Err(_) => bail!("{name} was not back within {patience:?}"),
            }
        }
    }
}
