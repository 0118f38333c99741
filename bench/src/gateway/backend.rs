//! The backend of every subject: as cheap as can be, on raw sockets, in a process of its own.
//!
//! It has two addresses, so that it can stand for two endpoints where policies need a second one to turn to. `/128` is answered with so many bytes, `/cached/128` likewise and may be kept for an hour. It reads what a proxy sends and nothing
//! worse: it must never be reached by anything but the subjects of a run.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::massive::child::{say_done, say_ready, wait_for_end};

/// Connections that wait to be accepted: some proxies open one for each guest.
const BACKLOG: u32 = 8192;
/// The second address of this machine; the port is the same.
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// A request's head may be this long.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// What a body is made of.
const FILLER: u8 = b'.';

/// What the backend is told.
#[derive(Debug, Clone, clap::Args)]
pub struct BackendArguments {
    /// The sizes of its answers
    #[arg(long, value_delimiter = ',')]
    bodies: Vec<usize>,
}

/// What the backend says when it can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Its port.
    pub port: u16,
}

/// Whole answers by path; never changed, and so shared for the life of the process.
type Answers = &'static HashMap<Vec<u8>, Vec<u8>>;

/// Is the backend of a run.
pub fn be_backend(arguments: &BackendArguments) -> Result<()> {
    let mut answers = HashMap::new();
    for bytes in &arguments.bodies {
        answers.insert(format!("/{bytes}").into_bytes(), answer(*bytes, "no-store"));
        answers.insert(format!("/cached/{bytes}").into_bytes(), answer(*bytes, "max-age=3600"));
    }
    let answers = Box::leak(Box::new(answers));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(answers))
}

fn answer(bytes: usize, cache_control: &str) -> Vec<u8> {
    // Of now: a cache that reads dates takes an answer of long ago for stale, however long it may be kept.
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\nCache-Control: {cache_control}\r\n\
         Server: backend\r\nDate: {date}\r\n\r\n"
    );
    let mut whole = head.into_bytes();
    whole.resize(whole.len() + bytes, FILLER);
    whole
}

async fn serve(answers: Answers) -> Result<()> {
    let listener = listen(Ipv4Addr::LOCALHOST, 0)?;
    let port = listener.local_addr()?.port();
    let also = listen(SECOND, port)?;
    say_ready(&Ready { port })?;
    let mut end = tokio::task::spawn_blocking(wait_for_end);
    loop {
        tokio::select! {
            accepted = async { tokio::select! { one = listener.accept() => one, other = also.accept() => other } } => {
                let (stream, _) = accepted.context("accepting")?;
                // Ends with its connection; the proxies open no more than their pools hold.
                tokio::spawn(host(stream, answers));
            }
            ended = &mut end => {
                ended?;
                return say_done(&());
            }
        }
    }
}

fn listen(address: Ipv4Addr, port: u16) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((address, port).into()).with_context(|| format!("binding {address}:{port}"))?;
    socket.listen(BACKLOG).context("listening")
}

/// Answers until the other side goes, or sends what is not a request.
async fn host(mut stream: TcpStream, answers: Answers) {
    let _ = stream.set_nodelay(true);
    let mut buffer = vec![0; HEAD_BYTES_MAX];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(read) if read > 0 => filled += read,
            _ => return,
        }
        while let Some(head) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
            let path = buffer[..head].split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            let Some(answer) = answers.get(path) else { return };
            if stream.write_all(answer).await.is_err() {
                return;
            }
            buffer.copy_within(head + 4..filled, 0);
            filled -= head + 4;
        }
    }
}
