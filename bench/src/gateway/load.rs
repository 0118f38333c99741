//! The load client: raw sockets, a fixed number of kept connections, a fixed number of requests. It must be cheap, as it shares the
//! machine with what is measured.
//!
//! Every answer is checked for its status and its length; one that is wrong ends the round, since a proxy that answers with errors
//! costs little.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// An answer's head may be this long.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// What is read at once of a body.
const READ_BYTES: usize = 64 * 1024;

/// Guests that come at once, where many come.
const WAVE: usize = 100;

/// What is asked for, again and again.
#[derive(Debug, Clone)]
pub struct Question {
    request: Arc<[u8]>,
    body_bytes: usize,
}

impl Question {
    /// A GET of this path with these lines in its head, whose answer has a body of this length.
    pub fn new(path: &str, body_bytes: usize, lines: &[String]) -> Self {
        let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: load\r\nAccept: */*\r\n{more}\r\n");
        Self { request: request.into_bytes().into(), body_bytes }
    }
}

/// One kept connection.
#[derive(Debug)]
pub struct Guest<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl Guest<TcpStream> {
    /// A connection in the clear.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting to the subject")?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guest<S> {
    /// A connection that is open already.
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Asks once and reads the whole answer.
    pub async fn ask(&mut self, question: &Question) -> Result<()> {
        // Only while it asks: ten thousand that wait must not hold ten thousand buffers.
        self.buffer.reserve(READ_BYTES.min(question.body_bytes + HEAD_BYTES_MAX));
        self.buffer.clear();
        self.stream.write_all(&question.request).await.context("sending a request")?;
        let head = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.context("reading an answer")?;
            ensure!(read > 0, "the subject closed the connection");
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(self.buffer.len() < HEAD_BYTES_MAX, "the head of an answer does not end");
        };
        check(&self.buffer[..head], question.body_bytes)?;
        let mut missing = (head + question.body_bytes).saturating_sub(self.buffer.len());
        while missing > 0 {
            self.buffer.clear();
            let read = self.stream.read_buf(&mut self.buffer).await.context("reading a body")?;
            ensure!(read > 0, "the subject closed the connection within a body");
            missing = missing.saturating_sub(read);
        }
        Ok(())
    }

    /// Whether a byte of the last answer came.
    pub fn has_begun(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Gives back the room that asking took.
    pub fn rest(&mut self) {
        self.buffer = Vec::new();
    }
}

/// Whether this head is of the answer that is wanted.
fn check(head: &[u8], body_bytes: usize) -> Result<()> {
    let text = String::from_utf8_lossy(head);
    ensure!(text.starts_with("HTTP/1.1 200 "), "not a 200: {}", text.lines().next().unwrap_or_default());
    for line in text.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value.trim().parse().context("the length of an answer")?;
            ensure!(length == body_bytes, "an answer of {length} bytes instead of {body_bytes}");
            return Ok(());
        }
    }
    bail!("an answer without a length");
}

/// Connections that ask side by side.
#[derive(Debug)]
pub struct Crowd<S>(Vec<Guest<S>>);

impl Crowd<TcpStream> {
    /// So many connections in the clear.
    pub async fn open(address: SocketAddr, connections: usize) -> Result<Self> {
        let mut guests = Vec::with_capacity(connections);
        for _ in 0..connections {
            guests.push(Guest::open(address).await?);
        }
        Ok(Self(guests))
    }

    /// So many connections in the clear, each of which has had an answer; they come in waves, which any backlog holds.
    pub async fn welcome(address: SocketAddr, connections: usize, question: &Question) -> Result<Self> {
        let mut guests = Vec::with_capacity(connections);
        while guests.len() < connections {
            let wave = (0..WAVE.min(connections - guests.len())).map(async |_| {
                let mut guest = Guest::open(address).await?;
                guest.ask(question).await?;
                guest.rest();
                anyhow::Ok(guest)
            });
            guests.extend(try_join_all(wave).await?);
        }
        Ok(Self(guests))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Crowd<S> {
    /// Each for itself.
    pub fn into_guests(self) -> Vec<Guest<S>> {
        self.0
    }

    /// Asks so many times in all, each connection as soon as it has its answer.
    pub async fn ask(&mut self, question: &Question, requests: usize) -> Result<()> {
        let left = Arc::new(AtomicUsize::new(requests));
        let mut busy = JoinSet::new();
        for mut guest in self.0.drain(..) {
            let (left, question) = (Arc::clone(&left), question.clone());
            busy.spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    guest.ask(&question).await?;
                }
                anyhow::Ok(guest)
            });
        }
        while let Some(ended) = busy.join_next().await {
            self.0.push(ended.context("a guest panicked")??);
        }
        Ok(())
    }
}
