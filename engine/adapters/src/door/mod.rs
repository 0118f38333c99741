//! The way in for requests of others: an address, who may come in, and how much they may bring.
//!
//! Used by every server here. Always holds: nobody without the token gets further than the gate, a page of another site gets no
//! further either, and a connection that brings nothing, too much, or takes nothing ends by itself. All connections end when the
//! server is dropped.

mod gate;
mod problem;
mod serve;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use homeostat_reactor::Clock;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::error::AdapterError;
use crate::token::Token;
pub(crate) use gate::header;
pub(crate) use problem::{Answer, problem};
#[cfg(feature = "websocket")]
pub(crate) use serve::Guest;
pub(crate) use serve::{Host, Turn};

/// Connections at once, unless told otherwise: each costs some tens of kilobytes.
const CONNECTIONS_MAX: usize = 256;

/// How long the head of a request may take to come, and the next one after it.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Where a server listens, and whom it lets in.
#[derive(Debug, Clone)]
#[must_use = "a door is opened by the server it is given to"]
pub struct Door {
    address: SocketAddr,
    token: Option<Token>,
    origins: Vec<String>,
    connections_max: usize,
    head_time_max: Duration,
    pub(crate) path: String,
}

impl Door {
    /// On this machine alone, 127.0.0.1, for every path. Port 0 lets the system choose one.
    pub fn local(port: u16) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, port).into())
    }

    /// On any address. One that other machines can reach needs a token.
    pub const fn at(address: SocketAddr) -> Self {
        Self {
            address,
            token: None,
            origins: Vec::new(),
            connections_max: CONNECTIONS_MAX,
            head_time_max: HEAD_TIME_MAX,
            path: String::new(),
        }
    }

    /// Only for this path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Only for who bears this token.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Also for pages of this site (`https://console.example`). Without this no page in a browser comes in, whatever it knows.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// So many connections at once; more wait until one ends.
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = connections.max(1);
        self
    }

    /// The head of a request must come in this time, and the next one after it.
    pub fn head_time_max(mut self, time: Duration) -> Self {
        self.head_time_max = time;
        self
    }

    /// Listens, and has `host` answer whoever the gate lets in.
    pub(crate) async fn open<H: Host>(self, host: Arc<H>, clock: Clock) -> Result<Opened, AdapterError> {
        let address = self.address;
        if !address.ip().is_loopback() && self.token.is_none() {
            return Err(AdapterError::Unguarded { address });
        }
        let failed = |error: std::io::Error| AdapterError::Listen { address, reason: error.to_string() };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let counts = Arc::new(DoorCounts::default());
        let mut task = JoinSet::new();
        task.spawn(serve::accept(listener, Arc::new(self), host, Arc::clone(&counts), clock));
        Ok(Opened { address, counts, _task: task })
    }
}

/// A server at work; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) address: SocketAddr,
    counts: Arc<DoorCounts>,
    _task: JoinSet<()>,
}

impl Opened {
    pub(crate) fn snapshot(&self) -> DoorSnapshot {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DoorSnapshot {
            connections: get(&self.counts.connections),
            connections_open: get(&self.counts.connections_open),
            requests: get(&self.counts.requests),
            turned_away: get(&self.counts.turned_away),
        }
    }
}

#[derive(Debug, Default)]
struct DoorCounts {
    connections: AtomicU64,
    connections_open: AtomicU64,
    requests: AtomicU64,
    turned_away: AtomicU64,
}

/// Who came to a door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorSnapshot {
    /// Connections so far.
    pub connections: u64,
    /// Connections now.
    pub connections_open: u64,
    /// Requests so far.
    pub requests: u64,
    /// Requests that the gate did not let in: no token or a wrong one, another site, another path.
    pub turned_away: u64,
}
