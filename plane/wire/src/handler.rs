//! What a listener's user gives: the function from a request to its answer.

use std::future::Future;
use std::sync::Arc;

use crate::{Body, Peer, Refusal};

/// A request as it came, with its target in origin form and its Host header in place.
pub type Request = http::Request<Body>;
/// An answer. Framing and hop-by-hop headers are the connection's business.
pub type Response = http::Response<Body>;

/// Answers requests. Cloned once a connection.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request. Dropped when the client leaves.
    fn handle(&self, request: Request, peer: &Arc<Peer>) -> impl Future<Output = Response> + Send;

    /// Told of each request or connection that was not served, for counters. Must not block.
    fn refused(&self, refusal: Refusal, peer: &Arc<Peer>) {
        let _ = (refusal, peer);
    }

    /// Told when a tunnel after an upgrade has ended, with the bytes that it carried to the upstream and to the client.
    fn tunnel_ended(&self, up_bytes: u64, down_bytes: u64, peer: &Arc<Peer>) {
        let _ = (up_bytes, down_bytes, peer);
    }
}
