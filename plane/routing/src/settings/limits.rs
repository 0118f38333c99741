//! `[gateway.limits]`: bounds of what a client may send, and how long it may take.

use homeostat_vocabulary::quantity::{Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds of what a client may send, and how long it may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayLimits {
    /// Connections of clients at once, for each listener; more are closed at once. A WebSocket over HTTP/2 counts
    /// as one too, and is answered 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: u32,
    /// The request line and all headers together: 431 beyond it, and 414 where the request line alone is longer.
    pub head_max: Size,
    /// How many headers a request may have.
    #[schemars(range(min = 1, max = 10_000))]
    pub headers_max: u32,
    /// How long a request's head may take, from its first byte (of the first request, from the connection's beginning).
    pub head_timeout: Period,
    /// How long a client may be silent within a body, or take nothing of an answer.
    pub body_timeout: Period,
    /// How long a connection may stay open between requests.
    pub idle_timeout: Period,
    /// How long a tunnel (WebSocket and the like) may be silent on both sides.
    pub tunnel_timeout: Period,
    /// The largest body of a request. It is passed on as it comes, so it costs no memory.
    pub request_body_max: Size,
    /// Requests on one HTTP/2 connection at once.
    #[schemars(range(min = 1, max = 10_000))]
    pub http2_streams_max: u32,
    /// How long requests may go on after the gateway was told to end.
    pub drain: Period,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            connections_max: 50_000,
            head_max: Size(32 << 10),
            headers_max: 100,
            head_timeout: Period::seconds(10),
            body_timeout: Period::seconds(30),
            idle_timeout: Period::seconds(75),
            tunnel_timeout: Period::seconds(300),
            request_body_max: Size(1 << 30),
            http2_streams_max: 128,
            drain: Period::seconds(30),
        }
    }
}
