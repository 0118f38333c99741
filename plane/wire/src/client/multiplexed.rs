//! HTTP/2 to an upstream, for gRPC and for whoever wants few connections: one connection, many requests at once. hyper drives it in
//! a task of its own; its framing, flow control and hostile input are the `h2` crate's business, with the limits below.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Uri, Version};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::connection::connect;
use super::{SendError, SendErrorKind};
use crate::body::Body;
use crate::tls::ClientTls;
use crate::{Request, Response};

/// What one HTTP/2 connection to an upstream may use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MultiplexedSettings {
    /// Bytes of an answer's head.
    pub header_list_bytes_max: u32,
    /// Bytes that the upstream may send ahead on one stream.
    pub stream_window_bytes: u32,
    /// Bytes that it may send ahead on all streams.
    pub connection_window_bytes: u32,
    /// A ping so often while requests are under way; without an answer for as long again the connection ends.
    pub ping_interval: Duration,
}

impl Default for MultiplexedSettings {
    fn default() -> Self {
        Self {
            header_list_bytes_max: 64 * 1024,
            stream_window_bytes: 256 * 1024,
            connection_window_bytes: 1024 * 1024,
            ping_interval: Duration::from_secs(20),
        }
    }
}

/// One HTTP/2 connection to an upstream. Clones are the same connection; when the last one is dropped and no request is under way,
/// it ends.
#[derive(Clone)]
pub struct Multiplexed {
    sender: http2::SendRequest<Body>,
    under_way: Arc<AtomicUsize>,
    address: SocketAddr,
    scheme: Scheme,
}

impl Multiplexed {
    /// Connects by prior knowledge, or with TLS and ALPN. The caller bounds the time.
    pub async fn open(
        address: SocketAddr,
        tls: Option<&ClientTls>,
        settings: &MultiplexedSettings,
    ) -> io::Result<Self> {
        let io = TokioIo::new(connect(address, tls).await?);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(settings.stream_window_bytes)
            .initial_connection_window_size(settings.connection_window_bytes)
            .max_header_list_size(settings.header_list_bytes_max)
            .keep_alive_interval(settings.ping_interval)
            .keep_alive_timeout(settings.ping_interval)
            .handshake(io)
            .await
            .map_err(io::Error::other)?;
        // Its errors reach every request under way; there is nobody else to tell.
        tokio::spawn(connection);
        let scheme = if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self { sender, under_way: Arc::new(AtomicUsize::new(0)), address, scheme })
    }

    /// Whether new requests may go here: false once the connection failed, or a request found that the upstream had said GOAWAY
    /// (that request comes back untouched, and belongs on a new connection).
    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Requests whose answer's head is not here yet.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Where it leads.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one request. Dropping the future, or the answer's body, resets the stream and leaves the others.
    pub async fn send(&self, mut request: Request) -> Result<Response, SendError> {
        let mut sender = self.sender.clone();
        if self.name_target(&mut request).is_none() || sender.is_closed() {
            return Err(SendError {
                may_have_begun: false,
                kind: SendErrorKind::Closed,
                body: Some(request.into_body()),
            });
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let _count = UnderWay(&self.under_way);
        match sender.try_send_request(request).await {
            Ok(answer) => Ok(answer.map(Body::from_h2)),
            Err(mut error) => {
                let body = error.take_message().map(Request::into_body);
                let error = error.into_error();
                let may_have_begun = body.is_none() && !was_refused(&error);
                Err(SendError { may_have_begun, kind: SendErrorKind::Http2(error), body })
            }
        }
    }

    /// HTTP/2 carries host and scheme in the target, and no header of a hop.
    fn name_target(&self, request: &mut Request) -> Option<()> {
        let authority = match (request.headers().get(HOST), request.uri().authority()) {
            (Some(host), _) => Authority::try_from(host.as_bytes()).ok()?,
            (None, Some(authority)) => authority.clone(),
            (None, None) => Authority::try_from(self.address.to_string()).ok()?,
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(authority);
        parts.path_and_query =
            Some(request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
        *request.version_mut() = Version::HTTP_2;
        for name in [HOST, CONNECTION, TRANSFER_ENCODING, UPGRADE] {
            request.headers_mut().remove(name);
        }
        Some(())
    }
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the upstream said that it did not look at the request (RFC 9113, section 8.7).
fn was_refused(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            return h2.is_remote() && h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
        }
        source = cause.source();
    }
    false
}

impl std::fmt::Debug for Multiplexed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Multiplexed").field("address", &self.address).finish_non_exhaustive()
    }
}
