//! A child process of this very test binary, to be killed.
//!
//! It runs one ignored test; its folder and its peer come through the environment. It ends by itself when its standard input
//! closes, so a parent that was killed leaves nothing behind.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const FOLDER: &str = "HOMEOSTAT_ADAPTERS_TEST_FOLDER";
const PEER: &str = "HOMEOSTAT_ADAPTERS_TEST_PEER";

/// What a line that is meant for the parent begins with; the test runner prints lines of its own.
const TOLD: &str = "told: ";

/// Starts a child; killed at the latest when this is dropped.
pub struct Killed {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Killed {
    pub fn start(test: &str, folder: &Path, peer: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .env(PEER, peer)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// What the child tells next; blocks.
    pub fn told(&mut self) -> String {
        for line in (&mut self.lines).lines() {
            if let Some((_, told)) = line.unwrap().split_once(TOLD) {
                return told.to_owned();
            }
        }
        panic!("the child ended without a word");
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL: nothing in it runs any more, nothing is flushed, nobody is told.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// In the child: the folder and the peer; `None` when somebody runs the ignored tests by hand.
pub fn orders() -> Option<(PathBuf, String)> {
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    let peer = std::env::var(PEER).unwrap();
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    Some((folder, peer))
}

/// In the child: tells the parent something.
pub fn tell(what: &str) {
    println!("\n{TOLD}{what}");
}
