//! A folder with a configuration, and the command line run in it with everything that it writes caught.

use homeostat_cli::{Exit, Outlet, Surroundings, run};
use homeostat_vocabulary::Timestamp;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A folder with a `homeostat.toml` that keeps its data in `data`.
pub struct Home {
    pub folder: TempDir,
    /// Columns of the terminal on both streams; `None` when they are pipes.
    pub width: Option<usize>,
    pub colour: bool,
    pub environment: Vec<(String, String)>,
}

/// What came of a command.
pub struct Ran {
    pub exit: Exit,
    pub out: String,
    pub err: String,
}

const CONFIGURATION: &str = "[engine]\ndata_folder = \"data\"\n\n[services.web]\ncommand = [\"sleep\", \"1000\"]\n";

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("homeostat.toml"), CONFIGURATION).unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let path = std::env::var("PATH").unwrap();
        Self { folder, width: None, colour: false, environment: vec![("PATH".to_owned(), path)] }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("homeostat.toml")
    }

    /// Runs a command line, given as words.
    pub fn run(&self, words: &str) -> Ran {
        let config = self.configuration();
        let named = [OsString::from("homeostat"), "--config".into(), config.into_os_string()];
        let words = words.split_whitespace().map(OsString::from);
        self.run_words(named.into_iter().chain(words))
    }

    /// Runs a command line as it stands.
    pub fn run_words(&self, words: impl IntoIterator<Item = OsString>) -> Ran {
        let (out, err) = (Caught::default(), Caught::default());
        let outlet = |caught: &Caught| Outlet {
            writer: Box::new(caught.clone()) as Box<dyn Write>,
            width: self.width,
            colour: self.colour,
        };
        let surroundings =
            Surroundings { clock, environment: self.environment.clone(), out: outlet(&out), err: outlet(&err) };
        let exit = run(words, surroundings, |_| panic!("no test here starts an engine in the foreground"));
        Ran { exit, out: self.named(&out.text()), err: self.named(&err.text()) }
    }

    /// The folder has another name in each run.
    fn named(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "HOME")
    }
}

impl Ran {
    /// All of it, for a snapshot.
    pub fn all(&self) -> String {
        format!("exit {}\n--- out\n{}--- err\n{}", self.exit as u8, self.out, self.err)
    }
}

#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Vec<u8>>>);

impl Caught {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A second after everything that the sample tells.
fn clock() -> Timestamp {
    Timestamp(crate::sample::START + 1_000)
}

/// A writer whose reader has gone away.
pub struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command whose output nobody reads any more.
pub fn run_unread(home: &Home, words: &str) -> Exit {
    let outlet = |writer: Box<dyn Write>| Outlet { writer, width: None, colour: false };
    let surroundings = Surroundings {
        clock,
        environment: home.environment.clone(),
        out: outlet(Box::new(Gone)),
        err: outlet(Box::new(std::io::sink())),
    };
    let config = home.configuration();
    let words = format!("homeostat --config {} {words}", Path::new(&config).display());
    run(words.split_whitespace().map(OsString::from), surroundings, |_| unreachable!("no engine here"))
}
