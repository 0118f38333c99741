//! The kiosk does what it is told: every fault that the demo and the benchmarks rely on.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

const KIOSK: &str = env!("CARGO_BIN_EXE_homeostat-kiosk");

/// A service of the kiosk, killed when the test is over.
struct Kiosk {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Kiosk {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(KIOSK).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening at ").unwrap_or_default().to_owned();
        Self { child, out, address }
    }

    /// The head and body of an answer; empty when there is none.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: kiosk\r\n\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        let _cut_off_by_a_crash = stream.read_to_string(&mut text);
        text
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Kiosk {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

#[test]
fn the_web_depends_on_the_catalog() {
    // Without a real dependency the demo could not show a fault that spreads.
    let catalog = Kiosk::start(&["catalog"]);
    let web = Kiosk::start(&["web", "--catalog", &catalog.address]);
    assert!(web.get("/").contains("newspapers, coffee, umbrellas"));
    assert!(web.get("/health").starts_with("HTTP/1.1 200 OK\r\n"));
    drop(catalog);
    assert!(web.get("/health").starts_with("HTTP/1.1 503 "));
    assert!(web.get("/nothing").starts_with("HTTP/1.1 404 "));
}

#[test]
fn it_crashes_and_exits_when_told() {
    // A benchmark that waits for a crash would wait for ever.
    let mut web = Kiosk::start(&["web"]);
    web.get("/crash");
    assert_eq!(web.wait().signal(), Some(6));
    let mut web = Kiosk::start(&["web"]);
    web.get("/exit?code=3");
    assert_eq!(web.wait().code(), Some(3));
    let mut web = Kiosk::start(&["web", "--die-after-ms", "50"]);
    assert_eq!(web.wait().signal(), Some(6));
}

#[test]
fn it_closes_its_port_and_lives() {
    // The fault that only a health check can see.
    let mut web = Kiosk::start(&["web"]);
    assert!(web.get("/leak-port").contains("the port is closed now"));
    while TcpStream::connect(&web.address).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(web.child.try_wait().unwrap().is_none());
}

#[test]
fn it_hangs_with_its_port_open() {
    // The fault that a check of the port alone cannot see.
    let web = Kiosk::start(&["web"]);
    web.get("/hang");
    let mut stream = TcpStream::connect(&web.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0]).is_err(), "it answered");
}

fn daemon_of(kiosk: u32) -> Option<String> {
    std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let text = std::fs::read_to_string(entry.path().join("environ")).ok()?;
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let ours = text.contains(&format!("KIOSK_LEFT_BY={kiosk}\0")) && line.ends_with("daemon\0");
        ours.then(|| entry.file_name().into_string().unwrap())
    })
}

#[test]
fn it_can_be_deaf_to_a_stop_and_leave_a_daemon() {
    // The two ways in which a stop that is not thorough leaves something running.
    let mut web = Kiosk::start(&["web", "--ignore-term"]);
    Command::new("kill").arg(web.child.id().to_string()).status().unwrap();
    assert!(web.get("/").contains("welcome"));
    assert!(web.get("/fork").contains("a daemon is left behind"));
    let daemon = loop {
        // For a moment, while it becomes the kiosk, it has no environment to be known by.
        if let Some(daemon) = daemon_of(web.child.id()) {
            break daemon;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Command::new("kill").arg("-9").arg(daemon).status().unwrap();
    web.child.kill().unwrap();
}

#[test]
fn it_floods_its_log() {
    // The bound on logs would be tested with a trickle.
    let mut web = Kiosk::start(&["web"]);
    let address = web.address.clone();
    let asked = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /flood-log?lines=20000 HTTP/1.1\r\n\r\n").unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
    });
    let lines =
        web.out.by_ref().lines().take(20_000).map(Result::unwrap).filter(|line| line.starts_with("flood ")).count();
    assert_eq!(lines, 20_000);
    asked.join().unwrap();
}
