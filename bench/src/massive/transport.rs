//! HTTP/1.1 to a few addresses with kept connections: how the client of every run reaches its subject, and every subject in this
//! program the backends.
//!
//! An attempt ends in a right answer or in [`Trouble`] that says what a client can know. Dropped, it closes its connection, so that
//! the other side learns of it at once. It makes one attempt and never repeats it by itself, with one exception: a kept connection
//! that was closed before anything was sent is replaced.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::arrivals::Tier;
use super::child::Start;
use super::ledger::Sent;
use super::wire::{self, BODY_BYTES_MAX, PRIORITY, REQUEST_ID};

/// Kept connections to one address; a burst leaves more than are worth keeping.
const IDLE_MAX: usize = 512;
/// Times of refused attempts that are kept.
const REFUSED_MAX: usize = 1_000_000;
/// What is posted.
const POSTED: &[u8] = b"once and only once";

/// A request, as a subject knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its number.
    pub id: u64,
    /// Whether it must not be made twice.
    pub is_post: bool,
    /// How important it is.
    pub tier: Tier,
}

/// Why an attempt gave no right answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody listens there: the attempt has certainly not begun.
    #[error("the connection was refused")]
    Refused,
    /// A 503 or 429: the endpoint has no room.
    #[error("there is no room")]
    Full,
    /// Another status than 200.
    #[error("status {0}")]
    Status(u16),
    /// The connection broke.
    #[error("the connection broke")]
    Broken,
    /// A 200 with another body than the right one.
    #[error("the body is wrong")]
    WrongBody,
}

type Sender = SendRequest<Full<Bytes>>;

/// Kept connections to some addresses.
#[derive(Debug)]
pub struct Transport {
    addresses: Vec<SocketAddr>,
    idle: Vec<Mutex<Vec<Connection>>>,
    start: Start,
    sent: Mutex<Sent>,
}

/// A connection and the task that drives it; dropped, both end.
#[derive(Debug)]
struct Connection {
    sender: Sender,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Transport {
    /// To these ports of this machine.
    pub fn new(ports: &[u16], start: Start) -> Self {
        Self {
            addresses: ports.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).collect(),
            idle: ports.iter().map(|_| Mutex::default()).collect(),
            start,
            sent: Mutex::default(),
        }
    }

    /// How many addresses there are.
    pub const fn len(&self) -> usize {
        self.addresses.len()
    }

    /// What was sent and never arrived.
    pub fn take_sent(&self) -> Sent {
        std::mem::take(&mut *lock(&self.sent))
    }

    /// Makes one attempt.
    pub async fn attempt(&self, place: usize, asked: Asked) -> Result<Bytes, Trouble> {
        let (mut connection, response) = loop {
            let kept = self.kept(place);
            let is_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect(place).await?,
            };
            match connection.sender.try_send_request(request(asked, self.addresses[place])).await {
                Ok(response) => break (connection, response),
                // It comes back only when not a byte of it was sent: the connection was closed while it was kept.
                Err(mut failed) => {
                    if !is_kept || failed.take_message().is_none() {
                        return Err(Trouble::Broken);
                    }
                }
            }
        };
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        let Ok(body) = body else { return Err(Trouble::Broken) };
        if connection.sender.ready().await.is_ok() {
            self.keep(place, connection);
        }
        let body = body.to_bytes();
        match status {
            StatusCode::OK if wire::is_right(asked.id, &body) => Ok(body),
            StatusCode::OK => Err(Trouble::WrongBody),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Err(Trouble::Full),
            status => Err(Trouble::Status(status.as_u16())),
        }
    }

    fn kept(&self, place: usize) -> Option<Connection> {
        let mut idle = lock(&self.idle[place]);
        std::iter::from_fn(|| idle.pop()).find(|connection| !connection.sender.is_closed())
    }

    fn keep(&self, place: usize, connection: Connection) {
        let mut idle = lock(&self.idle[place]);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    async fn connect(&self, place: usize) -> Result<Connection, Trouble> {
        let stream = TcpStream::connect(self.addresses[place]).await.map_err(|error| self.refused(&error))?;
        // That it fails only for a connection that is gone will be seen when something is sent.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Trouble::Broken)?;
        // How it ends is seen by whoever sends; it is aborted with the connection.
        let driver = tokio::spawn(async { drop(connection.await) }).abort_handle();
        Ok(Connection { sender, driver })
    }

    fn refused(&self, error: &io::Error) -> Trouble {
        if error.kind() != io::ErrorKind::ConnectionRefused {
            return Trouble::Broken;
        }
        let mut sent = lock(&self.sent);
        sent.refused += 1;
        if sent.refused_at_us.len() < REFUSED_MAX {
            sent.refused_at_us.push(self.start.elapsed_us());
        }
        Trouble::Refused
    }
}

fn request(asked: Asked, address: SocketAddr) -> Request<Full<Bytes>> {
    let body = if asked.is_post { Bytes::from_static(POSTED) } else { Bytes::new() };
    Request::builder()
        .method(if asked.is_post { Method::POST } else { Method::GET })
        .uri("/document")
        .header(hyper::header::HOST, address.to_string())
        .header(REQUEST_ID, asked.id)
        .header(PRIORITY, asked.tier.name())
        .body(Full::new(body))
        .expect("the parts of the request are fixed")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
