//! The bare proxy: hyper at both ends and a pool between them, and nothing else. It is the floor that a gateway on hyper can reach.
//!
//! One thread, one runtime, one pool for that thread. It exists in two forms, to know which is cheaper: a connection to the backend is
//! driven inline, by the request that uses it, or by a task of its own. It has no timeouts, no limits, no metrics and no checks, so it
//! must never be used for anything but being measured.

mod inline;
mod spawned;

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

/// Connections that wait to be accepted: ten thousand come at once.
const BACKLOG: u32 = 8192;

/// How a connection to the backend is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Drive {
    /// By the request that uses it
    Inline,
    /// By a task of its own
    Spawned,
}

/// What the bare proxy is told.
#[derive(Debug, Clone, clap::Args)]
pub struct BareArguments {
    /// The port it listens at
    #[arg(long)]
    port: u16,
    /// The port of the backend
    #[arg(long)]
    backend: u16,
    /// How a connection to the backend is driven
    #[arg(long)]
    drive: Drive,
}

type Answer = Response<Either<inline::Driven, Either<spawned::Returned, Empty<Bytes>>>>;

/// Is the bare proxy, until it is ended.
pub fn be_bare(arguments: &BareArguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &BareArguments) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, arguments.port).into())?;
    let listener = socket.listen(BACKLOG)?;
    let (backend, drive) = (arguments.backend, arguments.drive);
    loop {
        let (stream, _) = listener.accept().await.context("accepting")?;
        // Ends with its connection; there are as many as the load client opens.
        tokio::spawn(host(stream, backend, drive));
    }
}

async fn host(stream: TcpStream, backend: u16, drive: Drive) {
    // Without it small answers wait for acknowledgements; that it fails only for a connection that is gone.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| forward(request, backend, drive));
    // How it ends is seen by whoever asked.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn forward(mut request: Request<Incoming>, backend: u16, drive: Drive) -> Result<Answer, hyper::Error> {
    request.headers_mut().remove(CONNECTION);
    let answered = match drive {
        Drive::Inline => inline::ask(request, backend).await.map(|answer| answer.map(Either::Left)),
        Drive::Spawned => {
            spawned::ask(request, backend).await.map(|answer| answer.map(|body| Either::Right(body.left())))
        }
    };
    Ok(answered.unwrap_or_else(|_| {
        let mut answer = Response::new(Either::Right(Either::Right(Empty::new())));
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    }))
}

trait Left: Sized {
    fn left<Other>(self) -> Either<Self, Other> {
        Either::Left(self)
    }
}

impl<B: BodyExt> Left for B {}
