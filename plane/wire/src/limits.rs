//! Every limit of a listener's connections, in one place, with the reason for its default. The gateway fills it from its settings.
//!
//! What always holds: no field means "none"; what a peer can make grow or wait has a bound here.

use std::time::Duration;

use crate::head::HeadLimits;

/// What one connection, and one listener, may use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request's head: 16 KiB holds large cookies and is what most origins take.
    pub head_bytes_max: usize,
    /// Header lines of a request.
    pub headers_max: usize,
    /// Time from the first byte of a head to its last, however its bytes are spread.
    pub head_timeout: Duration,
    /// Time without a byte of the body while we wait for it.
    pub body_idle_timeout: Duration,
    /// Bytes a second of a body, over all the time that we waited for it, once [`rate_grace`](Self::rate_grace) is over.
    pub body_rate_min: u64,
    /// Bytes of a body; over it the answer is 413.
    pub body_bytes_max: u64,
    /// Time without progress while the client does not read the answer.
    pub write_idle_timeout: Duration,
    /// Bytes a second at which an answer must be read while we wait for the reader.
    pub write_rate_min: u64,
    /// Waiting that is not held against a peer's rate.
    pub rate_grace: Duration,
    /// Time between two parts of an answer.
    pub answer_idle_timeout: Duration,
    /// Time a connection may be idle between requests.
    pub idle_timeout: Duration,
    /// Requests on one connection: it ends now and then, so that clients spread over new workers.
    pub requests_max: u32,
    /// Connections of one listener at once.
    pub connections_max: usize,
    /// Bytes that a client may send ahead of the answer it waits for.
    pub pipelined_bytes_max: usize,
    /// Bytes of a trailer section.
    pub trailer_bytes_max: usize,
    /// Bytes of a body that are read and dropped when its request was answered early; beyond it the connection closes.
    pub unread_bytes_max: usize,
    /// Time and bytes that a refused client is listened to, so that it sees its answer before a reset.
    pub linger_timeout: Duration,
    /// Time without a byte in either direction of a tunnel.
    pub tunnel_idle_timeout: Duration,
    /// Time for a TLS handshake or a PROXY header.
    pub handshake_timeout: Duration,
    /// Whether a client that shuts its sending side still waits for its answer. Off: it has left, and its request is cancelled.
    pub half_close: bool,
    /// Whether HTTP/2 is spoken where a client begins with it.
    pub http2: bool,
    /// HTTP/2: requests at once on a connection.
    pub streams_max: u32,
    /// HTTP/2: time without an answer to a ping, and between pings on a quiet connection.
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 * 1024,
            headers_max: 100,
            head_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(30),
            body_rate_min: 240,
            body_bytes_max: u64::MAX,
            write_idle_timeout: Duration::from_secs(30),
            write_rate_min: 240,
            rate_grace: Duration::from_secs(20),
            answer_idle_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(75),
            requests_max: 100_000,
            connections_max: 20_000,
            pipelined_bytes_max: 16 * 1024,
            trailer_bytes_max: 8 * 1024,
            unread_bytes_max: 64 * 1024,
            linger_timeout: Duration::from_secs(1),
            tunnel_idle_timeout: Duration::from_secs(300),
            handshake_timeout: Duration::from_secs(10),
            half_close: false,
            http2: true,
            streams_max: 200,
            ping_interval: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// The part of the limits that a parser needs.
    pub fn head(&self) -> HeadLimits {
        HeadLimits { bytes_max: self.head_bytes_max, fields_max: self.headers_max }
    }
}
