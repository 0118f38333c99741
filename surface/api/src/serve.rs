//! Opens the two addresses and serves what comes until it is told to stop.
//!
//! [`serve`] is called once, by the wiring. Each address has its own accept loop and its own bound on connections, so that
//! whoever fills the TCP address cannot keep the owner out of the unix socket.

use crate::admit::Peer;
use crate::connection::{Patience, serve_connection};
use crate::engine::Engine;
use crate::error::ApiError;
use crate::routes::{self, Shared};
use crate::socket::Socket;
use crate::stopping::{Stopping, stopping};
use crate::token::Token;
use axum::Router;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

/// How long open requests may go on once the interface is told to stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// The pause after a failed accept: out of file descriptors, most likely, and a busy loop would not bring any back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where and how the interface is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of the socket and the token; its lock is held by the caller.
    pub data_folder: PathBuf,
    /// The loopback address for TCP; `None` for the socket alone. Port 0 takes any free one.
    pub tcp: Option<SocketAddr>,
    /// Most connections of each address at a time.
    pub connections_max: usize,
    /// Most event streams at a time.
    pub streams_max: usize,
    /// How long the head of a request may take to come, and how long a connection may stand idle.
    pub head_time_max: Duration,
    /// The longest time from a request's head to the head of its answer. A body that drips in is cut off by it.
    pub request_time_max: Duration,
    /// How long a client may take nothing of what is written to it before it is disconnected.
    pub write_wait_max: Duration,
}

impl Options {
    /// The defaults: 127.0.0.1:5000 and the socket.
    #[must_use]
    pub fn new(data_folder: PathBuf) -> Self {
        Self {
            data_folder,
            tcp: Some((Ipv4Addr::LOCALHOST, 5000).into()),
            connections_max: 256,
            streams_max: 64,
            head_time_max: Duration::from_secs(20),
            request_time_max: Duration::from_secs(30),
            write_wait_max: Duration::from_secs(30),
        }
    }
}

/// The open interface.
#[derive(Debug)]
pub struct Bound {
    /// Where it listens on TCP.
    pub tcp: Option<SocketAddr>,
    /// Where it listens for the same user.
    pub socket: PathBuf,
    ended: JoinHandle<()>,
}

impl Bound {
    /// Waits until everything is closed, after `shutdown` has come.
    pub async fn ended(self) {
        if let Err(error) = self.ended.await {
            tracing::error!(%error, "the API ended by a fault");
        }
    }
}

/// Opens both addresses and returns; requests are served in the background until `shutdown` is ready.
pub async fn serve(
    engine: Engine,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Bound, ApiError> {
    let tcp = match options.tcp {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let token = Token::of_folder(&options.data_folder)?;
    let socket = Socket::listen(&options.data_folder)?;
    let (stop, stopping) = stopping();
    let bound_tcp = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
    let shared = Shared::new(engine, token, &options, stopping.clone());
    let router = routes::router(shared);

    let (path, inode) = (socket.path.clone(), socket.inode());
    let mut doors = JoinSet::new();
    let door = |router: Router| Door {
        router,
        room: Arc::new(Semaphore::new(options.connections_max)),
        patience: Patience { head_time_max: options.head_time_max, write_wait_max: options.write_wait_max },
        stopping: stopping.clone(),
        connections: JoinSet::new(),
    };
    doors.spawn(door(router.clone()).keep(socket.listener));
    if let Some(listener) = tcp {
        doors.spawn(door(router).keep(listener));
    }
    let bound_socket = path.clone();
    let ended = tokio::spawn(async move {
        shutdown.await;
        // New engines may come from here on; the file goes first, or it would be theirs.
        Socket::remove(&path, inode);
        stop.say();
        while doors.join_next().await.is_some() {}
    });
    Ok(Bound { tcp: bound_tcp, socket: bound_socket, ended })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ApiError> {
    if !address.ip().is_loopback() {
        return Err(ApiError::NotLoopback { address });
    }
    TcpListener::bind(address).await.map_err(|source| ApiError::Listen { address, source })
}

/// One address and the connections that came through it.
struct Door {
    router: Router,
    room: Arc<Semaphore>,
    patience: Patience,
    stopping: Stopping,
    connections: JoinSet<()>,
}

impl Door {
    /// Serves what comes through the listener until the end.
    async fn keep<L: Listen>(mut self, listener: L) {
        let mut stopping = self.stopping.clone();
        loop {
            tokio::select! {
                biased;
                () = stopping.heard() => break,
                Some(_) = self.connections.join_next() => {}
                came = listener.accept() => match came {
                    Ok((stream, peer)) => self.let_in(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "the API could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        let farewell = async { while self.connections.join_next().await.is_some() {} };
        // Whoever is still there then is cut off with the set.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    fn let_in<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&mut self, stream: S, peer: Peer) {
        // Closed without a word when there is no room: an answer would need the very connection that there is no room for.
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return };
        let served = serve_connection(stream, peer, self.router.clone(), self.patience, self.stopping.clone());
        self.connections.spawn(async move {
            served.await;
            drop(room);
        });
    }
}

/// What connections come from, with who is at the other end.
trait Listen: Send + Sync {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    fn accept(&self) -> impl Future<Output = std::io::Result<(Self::Stream, Peer)>> + Send;
}

impl Listen for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> std::io::Result<(Self::Stream, Peer)> {
        let (stream, _) = Self::accept(self).await?;
        // Answers and events are small; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Tcp))
    }
}

impl Listen for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> std::io::Result<(Self::Stream, Peer)> {
        let (stream, _) = Self::accept(self).await?;
        let uid = stream.peer_cred()?.uid();
        Ok((stream, Peer::Local { uid }))
    }
}
