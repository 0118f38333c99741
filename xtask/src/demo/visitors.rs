//! The demo's visitors: they ask the shop window through the gateway all the time, and count what becomes of it.
//!
//! A thread of its own, ended with the demo. It speaks the little HTTP that this takes, so that what it counts rests on nothing of
//! the product.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// The pause between two requests: some forty a second, which no machine minds.
const PAUSE: Duration = Duration::from_millis(25);
/// How long a visitor waits before the request counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of an answer its first line is read.
const LINE_BYTES_MAX: u64 = 64;

/// Visitors at work.
#[derive(Debug)]
pub struct Visitors {
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    over: AtomicBool,
}

impl Visitors {
    /// Lets them ask whoever listens at `port` of this machine.
    pub fn start(port: u16) -> Self {
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let thread = spawn(move || {
            while !shared.over.load(Ordering::Relaxed) {
                let counter = if visit(port) { &shared.answered } else { &shared.failed };
                counter.fetch_add(1, Ordering::Relaxed);
                sleep(PAUSE);
            }
        });
        Self { counts, thread: Some(thread) }
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.counts.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Display for Visitors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, failed) =
            (self.counts.answered.load(Ordering::Relaxed), self.counts.failed.load(Ordering::Relaxed));
        write!(formatter, "{} asked, {answered} answered, {failed} failed", answered + failed)
    }
}

/// Asks once; whether the shop window was shown.
fn visit(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else { return false };
    let patient = stream.set_read_timeout(Some(PATIENCE)).is_ok();
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nhost: shop.localhost\r\nconnection: close\r\n\r\n").is_ok();
    let mut line = Vec::new();
    let read = stream.take(LINE_BYTES_MAX).read_to_end(&mut line).is_ok();
    patient && asked && read && line.starts_with(b"HTTP/1.1 200 ")
}
