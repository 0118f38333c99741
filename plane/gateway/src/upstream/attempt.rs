//! One attempt at a request: at one endpoint, on a kept connection or a new one.
//!
//! Called by the stack's hedge and retry layers through [`forward`](crate::forward). Always holds: an attempt that says it never
//! began has left no byte at the endpoint, and the body it took was put back. A kept connection that turns out to be closed is no
//! failure of the endpoint: the attempt goes on with another one, as long as nothing can have arrived.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homeostat_routing::UpstreamPlan;
use homeostat_routing::settings::Protocol;
use homeostat_wire::client::{ClientLimits, Connection, SendError, SendErrorKind, Shelf};
use homeostat_wire::{BodyError, Request, Response};
use http::request::Parts;
use tokio::time::timeout;

use super::Endpoint;
use crate::forward::Replay;

/// Kept connections that one attempt may find closed before it opens a new one.
const STALE_MAX: usize = 3;

/// How requests go to the endpoints of an upstream.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Whether many requests share one HTTP/2 connection.
    pub is_http2: bool,
    /// So long a connection may take to be opened.
    pub connect_within: Duration,
    /// What an upstream may send.
    pub limits: ClientLimits,
}

impl Terms {
    /// As the settings of an upstream say.
    ///
    /// # Errors
    /// When what they name cannot be read.
    pub fn of(plan: &UpstreamPlan) -> Result<Self, String> {
        let settings = &plan.settings;
        Ok(Self {
            is_http2: matches!(settings.protocol, Protocol::Http2 | Protocol::Grpc),
            connect_within: Duration::from(settings.connect_timeout.0),
            limits: ClientLimits::default(),
        })
    }

    /// Asks once, on a connection of its own that is closed afterwards.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, address: SocketAddr, request: Request) -> Result<Response, AttemptError> {
        let connection = self.open(address).await?;
        connection.send(request, Arc::new(Nowhere)).await.map_err(AttemptError::send)
    }

    async fn open(&self, address: SocketAddr) -> Result<Connection, AttemptError> {
        let opened = timeout(self.connect_within, Connection::open(address, None, self.limits)).await;
        let late = || io::Error::new(io::ErrorKind::TimedOut, "it took too long");
        opened.unwrap_or_else(|_| Err(late())).map_err(AttemptError::connect)
    }
}

/// Where connections are put that nobody needs again.
struct Nowhere;

impl Shelf for Nowhere {
    fn put(&self, _: Connection) {}
}

/// Why an attempt brought no answer.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct AttemptError {
    /// The endpoint has certainly not seen the request.
    pub never_began: bool,
    what: What,
}

#[derive(Debug, thiserror::Error)]
enum What {
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    #[error("{0}")]
    Send(#[source] SendErrorKind),
    #[error("the body of the request was sent by another attempt")]
    BodyGone,
    #[error("the answer cannot be judged: {0}")]
    Unfit(String),
}

impl AttemptError {
    /// The answer was there and is not what it should be.
    pub fn unfit(why: impl Into<String>) -> Self {
        Self { never_began: false, what: What::Unfit(why.into()) }
    }

    /// The body of the answer broke off.
    pub fn broken_off(error: &BodyError) -> Self {
        Self::unfit(error.to_string())
    }

    /// Whether the client is to blame, and not the endpoint: it broke off its body, or there is none left to send.
    pub const fn is_of_client(&self) -> bool {
        matches!(self.what, What::BodyGone | What::Send(SendErrorKind::RequestBody))
    }

    const fn connect(error: io::Error) -> Self {
        Self { never_began: true, what: What::Connect(error) }
    }

    fn send(error: SendError) -> Self {
        Self { never_began: !error.may_have_begun, what: What::Send(error.kind) }
    }
}

/// Sends a request to an endpoint.
///
/// # Errors
/// When there is no answer, with whether the endpoint may have seen the request.
pub async fn attempt(
    endpoint: &Endpoint,
    worker: usize,
    terms: &Terms,
    head: &Parts,
    replay: &Replay,
) -> Result<Response, AttemptError> {
    // The connection comes first: an attempt without one must not have taken the body.
    for _ in 0..STALE_MAX {
        let Some(kept) = endpoint.kept(worker) else { break };
        match send(kept, endpoint, worker, head, replay).await {
            // Closed at the very moment: nothing was written, and nothing is said against the endpoint.
            Err(error) if error.never_began && !error.is_of_client() => endpoint.meter.stale.one(),
            result => {
                endpoint.meter.reused.one();
                return result;
            }
        }
    }
    let opened = terms.open(endpoint.place.address).await.inspect_err(|_| endpoint.meter.refused.one())?;
    endpoint.meter.opened.one();
    send(opened, endpoint, worker, head, replay).await
}

async fn send(
    connection: Connection,
    endpoint: &Endpoint,
    worker: usize,
    head: &Parts,
    replay: &Replay,
) -> Result<Response, AttemptError> {
    let Some(body) = replay.take() else {
        return Err(AttemptError { never_began: true, what: What::BodyGone });
    };
    let request = Request::from_parts(head.clone(), body);
    connection.send(request, endpoint.shelf(worker)).await.map_err(|mut error| {
        if let Some(request) = error.request.take() {
            replay.put_back(request.into_body());
        }
        AttemptError::send(error)
    })
}
