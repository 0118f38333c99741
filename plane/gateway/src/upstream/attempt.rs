//! One attempt at a request: at one endpoint, on a kept connection or a new one.
//!
//! Called by the stack's hedge and retry layers through [`forward`](crate::forward). Always holds: an attempt that says it never
//! began has left no byte at the endpoint, and the body it took was put back. A kept connection that turns out to be closed is no
//! failure of the endpoint: the attempt goes on with another one, as long as nothing can have arrived.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homeostat_edge::trace::Child;
use homeostat_routing::settings::{HostHeader, Protocol, UpstreamTls};
use homeostat_routing::{Source, UpstreamPlan};
use homeostat_wire::client::{
    ClientLimits, Connection, Multiplexed, MultiplexedSettings, SendError, SendErrorKind, Shelf,
};
use homeostat_wire::head::Sent;
use homeostat_wire::tls::{CertificateFiles, ClientTls, Roots};
use homeostat_wire::{Body, BodyError, Request, Response};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use tokio::time::timeout;

use super::watched::{OfClient, sending, watched};
use super::{Endpoint, Policies};
use crate::forward::Replay;

/// Kept connections that one attempt may find closed before it opens a new one.
const STALE_MAX: usize = 3;

/// How requests go to the endpoints of an upstream.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Whether many requests share one HTTP/2 connection.
    pub is_http2: bool,
    /// How connections are secured; `None`: they are not.
    pub tls: Option<ClientTls>,
    /// So long a connection may take to be opened.
    pub connect_within: Duration,
    /// What an upstream may send.
    pub limits: ClientLimits,
    /// So many unused connections each worker keeps; what is more was a burst, and is closed.
    pub kept_max: usize,
    /// So long an unused connection is kept.
    pub kept_for: Duration,
    /// Whose name requests carry.
    pub host: HostTerms,
}

/// Which `Host` an endpoint is sent.
#[derive(Debug, Clone)]
pub enum HostTerms {
    /// The one that the client sent.
    Keep,
    /// The name by which the upstream is looked up.
    Named(HeaderValue),
    /// The endpoint's address.
    Address,
}

impl Terms {
    /// As the settings of an upstream say.
    ///
    /// # Errors
    /// When what they name cannot be read.
    pub fn of(plan: &UpstreamPlan) -> Result<Self, String> {
        let settings = &plan.settings;
        let is_http2 = matches!(settings.protocol, Protocol::Http2 | Protocol::Grpc);
        let tls = settings.tls.as_ref().map(|tls| client_tls(plan, tls, is_http2)).transpose()?;
        Ok(Self {
            is_http2,
            tls,
            connect_within: Duration::from(settings.connect_timeout.0),
            limits: ClientLimits::default(),
            kept_max: settings.connections_max as usize,
            kept_for: Duration::from(settings.connection_idle.0),
            host: host_terms(plan),
        })
    }

    /// For a single question to somebody who is no upstream.
    pub fn once(tls: Option<ClientTls>, connect_within: Duration) -> Self {
        let (kept_max, kept_for) = (0, Duration::ZERO);
        let limits = ClientLimits::default();
        Self { is_http2: false, tls, connect_within, limits, kept_max, kept_for, host: HostTerms::Keep }
    }

    /// Asks once, on a connection of its own that is closed afterwards.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, address: SocketAddr, request: Request) -> Result<Response, AttemptError> {
        if self.is_http2 {
            return self.open_multiplexed(address).await?.send(request).await.map_err(AttemptError::send);
        }
        let connection = self.open(address).await?;
        connection.send(request, Arc::new(Nowhere)).await.map_err(AttemptError::send)
    }

    async fn open_multiplexed(&self, address: SocketAddr) -> Result<Multiplexed, AttemptError> {
        let settings = MultiplexedSettings::default();
        let opened = timeout(self.connect_within, Multiplexed::open(address, self.tls.as_ref(), &settings)).await;
        opened.unwrap_or_else(|_| Err(too_late())).map_err(AttemptError::connect)
    }

    async fn open(&self, address: SocketAddr) -> Result<Connection, AttemptError> {
        let opened = timeout(self.connect_within, Connection::open(address, self.tls.as_ref(), self.limits)).await;
        opened.unwrap_or_else(|_| Err(too_late())).map_err(AttemptError::connect)
    }
}

fn host_terms(plan: &UpstreamPlan) -> HostTerms {
    match (plan.settings.host_header, &plan.source) {
        (HostHeader::Keep, _) => HostTerms::Keep,
        (HostHeader::Upstream, Source::Dns { name, port }) => {
            HeaderValue::try_from(format!("{name}:{port}")).map_or(HostTerms::Address, HostTerms::Named)
        }
        (HostHeader::Upstream, Source::Static(_) | Source::Service { .. }) => HostTerms::Address,
    }
}

fn too_late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it took too long")
}

fn client_tls(plan: &UpstreamPlan, tls: &UpstreamTls, is_http2: bool) -> Result<ClientTls, String> {
    let roots = tls.authorities.as_ref().map_or(Roots::System, |path| Roots::File(path.into()));
    let named = match &plan.source {
        Source::Dns { name, .. } => name.to_string(),
        Source::Static(addresses) => addresses.first().map(|address| address.ip().to_string()).unwrap_or_default(),
        Source::Service { .. } => "localhost".to_owned(),
    };
    let name = tls.server_name.clone().unwrap_or(named);
    let own = match (&tls.certificate, &tls.key) {
        (Some(chain), Some(key)) => Some(CertificateFiles { chain: chain.into(), key: key.into() }),
        _ => None,
    };
    ClientTls::new(&roots, &name, own.as_ref(), is_http2).map_err(|error| error.to_string())
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
        match error {
            BodyError::Other(cause) if cause.is::<OfClient>() => {
                Self { never_began: false, what: What::Send(SendErrorKind::RequestBody) }
            }
            error => Self::unfit(error.to_string()),
        }
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
    endpoint: &Arc<Endpoint>,
    worker: usize,
    head: &Parts,
    replay: &Replay,
    span: &Child,
    policies: &Policies,
) -> Result<Response, AttemptError> {
    if endpoint.terms.is_http2 {
        return Box::pin(multiplexed(endpoint, worker, head, replay, span, policies)).await;
    }
    // The connection comes first: an attempt without one must not have taken the body.
    for _ in 0..STALE_MAX {
        let Some(kept) = endpoint.kept(worker) else { break };
        match send(kept, endpoint, worker, head, replay, span).await {
            // Closed at the very moment: nothing was written, and nothing is said against the endpoint.
            Err(error) if error.never_began && !error.is_of_client() => endpoint.meter.stale.one(),
            result => {
                endpoint.meter.reused.one();
                return result;
            }
        }
    }
    let opened =
        Box::pin(endpoint.terms.open(endpoint.place.address)).await.inspect_err(|_| endpoint.meter.refused.one())?;
    endpoint.meter.opened.one();
    send(opened, endpoint, worker, head, replay, span).await
}

/// On the connection that all requests of this worker share, or on a new one when it takes no more.
async fn multiplexed(
    endpoint: &Arc<Endpoint>,
    worker: usize,
    head: &Parts,
    replay: &Replay,
    span: &Child,
    policies: &Policies,
) -> Result<Response, AttemptError> {
    let mut is_new = false;
    let mut stale = 0;
    loop {
        // Others may put a connection here that is closing too: after a few of them one of our own is opened.
        let kept = endpoint.multiplexed(worker).filter(|_| stale < STALE_MAX);
        let connection = if let Some(connection) = kept {
            connection
        } else {
            let opened = endpoint.terms.open_multiplexed(endpoint.place.address).await;
            let opened = opened.inspect_err(|_| endpoint.meter.refused.one())?;
            endpoint.meter.opened.one();
            endpoint.keep_multiplexed(worker, opened.clone());
            is_new = true;
            opened
        };
        let Some(body) = replay.take() else {
            return Err(AttemptError { never_began: true, what: What::BodyGone });
        };
        let (body, broke_off) = sending(body);
        let request = request(endpoint, head, body, span);
        let mut error = match connection.send(request).await {
            Ok(response) => {
                if !is_new {
                    endpoint.meter.reused.one();
                }
                return Ok(watched(response, broke_off, endpoint.shelf(worker), endpoint, policies));
            }
            Err(error) => error,
        };
        if broke_off.has_happened() {
            // What went wrong with the stream is what was made of that: the endpoint has no part in it.
            error.kind = SendErrorKind::RequestBody;
        }
        if let Some(body) = error.body.take() {
            replay.put_back(body);
        } else if !replay.is_repeatable() {
            // The body went down with the stream: no other attempt could send it.
            error.may_have_begun = true;
        }
        // The other side says goodbye to the connection, and not to the request; on a new one it means the request.
        if error.may_have_begun || is_new {
            return Err(AttemptError::send(error));
        }
        stale += 1;
        endpoint.meter.stale.one();
        endpoint.drop_multiplexed(worker);
    }
}

async fn send(
    connection: Connection,
    endpoint: &Endpoint,
    worker: usize,
    head: &Parts,
    replay: &Replay,
    span: &Child,
) -> Result<Response, AttemptError> {
    let Some(body) = replay.take() else {
        return Err(AttemptError { never_began: true, what: What::BodyGone });
    };
    let own = Own::words(endpoint, span);
    connection.send_as(Sent::with(head, own.as_slice()), body, endpoint.shelf(worker)).await.map_err(|mut error| {
        if let Some(body) = error.body.take() {
            replay.put_back(body);
        } else if !replay.is_repeatable() {
            // The body went down with the connection: no other attempt could send it.
            error.may_have_begun = true;
        }
        AttemptError::send(error)
    })
}

/// The request of one attempt on a connection that takes it whole: its span is a child of the gateway's own.
fn request(endpoint: &Endpoint, head: &Parts, body: Body, span: &Child) -> Request {
    let mut request = Request::from_parts(head.clone(), body);
    for (name, value) in Own::words(endpoint, span).as_slice() {
        request.headers_mut().insert(name, value.clone());
    }
    request
}

/// What an attempt says in its own words: whom it asks, and that its span is a child of the gateway's own.
struct Own {
    words: [(HeaderName, HeaderValue); 2],
    from: usize,
    to: usize,
}

impl Own {
    fn words(endpoint: &Endpoint, span: &Child) -> Self {
        let host = match &endpoint.terms.host {
            HostTerms::Keep => None,
            HostTerms::Named(name) => Some(name.clone()),
            HostTerms::Address => {
                Some(HeaderValue::try_from(endpoint.place.address.to_string()).expect("an address is visible text"))
            }
        };
        let trace = span.header();
        let (from, to) = (usize::from(host.is_none()), 1 + usize::from(trace.is_some()));
        let nothing = || HeaderValue::from_static("");
        let host = (HOST, host.unwrap_or_else(nothing));
        // In place, as there are two at most; what is not said is not in the slice.
        Self { words: [host, trace.unwrap_or_else(|| (HOST, nothing()))], from, to }
    }

    fn as_slice(&self) -> &[(HeaderName, HeaderValue)] {
        &self.words[self.from..self.to]
    }
}
