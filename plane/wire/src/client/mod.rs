//! To an upstream: HTTP/1.1 with one request at a time, no task and no channel, and HTTP/2 with many. The gateway keeps the pools.
//!
//! What always holds: an answer is as strictly framed as a request; a connection goes back to its shelf only after a clean end of
//! both directions with nothing unasked behind it; dropping an answer's body before its end closes the connection.

mod connection;
mod multiplexed;
mod receiving;
mod send;

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::Body;
use crate::head::AnswerError;

pub use connection::{ClientLimits, Connection};
pub use multiplexed::{Multiplexed, MultiplexedSettings};
pub(crate) use receiving::Receiving;

/// Where a connection goes after a clean end: a pool.
pub trait Shelf: Send + Sync {
    /// Takes a connection that may be used again. Must not block.
    fn put(&self, connection: Connection);

    /// A body broke off before its end; its connection is gone. Must not block.
    fn broke(&self) {}

    /// The shelf for the connection of an answer of unknown length, which may never end; `None` where that makes no difference.
    fn of_streams(self: Arc<Self>) -> Option<Arc<dyn Shelf>> {
        None
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[error("{kind}")]
pub struct SendError {
    /// Whether the upstream may have seen the request: false only if no byte of it was written.
    pub may_have_begun: bool,
    /// What happened.
    #[source]
    pub kind: SendErrorKind,
    /// The body of the request as it was, where the connection turned out closed before a byte was written.
    pub body: Option<Body>,
}

/// What happened to a request without an answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The upstream had closed the connection before.
    #[error("the upstream had closed the connection")]
    Closed,
    /// The upstream closed the connection instead of answering.
    #[error("the upstream closed the connection without an answer")]
    NoAnswer,
    /// The connection failed.
    #[error("the connection to the upstream failed: {0}")]
    Io(#[source] io::Error),
    /// The answer is malformed.
    #[error("the upstream's answer is not accepted: {0}")]
    Answer(#[from] AnswerError),
    /// The upstream granted another protocol without being asked, or sent too many interim answers.
    #[error("the upstream sent an interim answer that was not asked for")]
    Interim,
    /// The upstream took a request for a WebSocket, and did not prove that it has understood it.
    #[error("the upstream's answer to the WebSocket handshake is wrong")]
    WebSocket,
    /// The HTTP/2 connection or stream failed.
    #[error("HTTP/2 to the upstream failed: {0}")]
    Http2(#[source] hyper::Error),
    /// The body of the request failed.
    #[error("the body of the request broke off")]
    RequestBody,
}
