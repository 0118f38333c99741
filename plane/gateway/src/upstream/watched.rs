//! Both bodies of a call over HTTP/2, looked on at until their ends: whose fault it is when one breaks off, and what an answer says of its
//! endpoint after its head: that it breaks off, or ends with a status of gRPC that is the server's own trouble or its lack of room.
//!
//! Put around the bodies by the attempt; HTTP/1.1 does the same in its own reader. Always holds: each answer is told of once at most; a
//! client that leaves, or that breaks off its own body, says nothing against the endpoint.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use homeostat_resilience::Verdict;
use homeostat_wire::client::Shelf;
use homeostat_wire::{Body, BodyError, Response};
use http_body::{Body as _, Frame, SizeHint};

use super::{Endpoint, Policies};
use crate::forward::{is_grpc, of_grpc_status};
use crate::mishap::Mishap;

/// Why the body of an answer ends: the client broke off its own.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request broke off")]
pub struct OfClient;

/// The body of a request on its way to the endpoint.
struct Sending {
    body: Body,
    broke_off: Mishap,
}

/// Looks on at the body of a request, and says whether the client broke it off: the stream is reset then, and what is seen of the answer
/// is only that. A body that is here whole cannot break off.
pub fn sending(body: Body) -> (Body, Mishap) {
    if body.whole().is_some() || body.is_end_stream() {
        return (body, Mishap::default());
    }
    let broke_off = Mishap::possible();
    let sending = Sending { body, broke_off: broke_off.clone() };
    (Body::boxed(sending), broke_off)
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(Some(Err(_)))) {
            self.broke_off.note();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer.
struct Watched {
    body: Body,
    /// Whose trailers say how the call ended, and the policies that hear of it: of lack of room at once, as it is so now.
    /// The endpoint is not held: a call may last for ever, and must not be taken for a request that has no answer yet.
    grpc: Option<(Weak<Endpoint>, Policies)>,
    /// Whether the client broke off the request's own body.
    request: Mishap,
    /// Who is told; nobody once it was told.
    shelf: Option<Arc<dyn Shelf>>,
}

/// Looks on at the body of an answer; one that has ended says nothing more.
pub fn watched(
    response: Response,
    request: Mishap,
    shelf: Arc<dyn Shelf>,
    endpoint: &Arc<Endpoint>,
    policies: &Policies,
) -> Response {
    if response.body().is_end_stream() {
        return response;
    }
    let grpc = is_grpc(response.headers()).then(|| (Arc::downgrade(endpoint), policies.clone()));
    let has_length = response.body().length().is_some();
    let shelf = if has_length { shelf } else { Arc::clone(&shelf).of_streams().unwrap_or(shelf) };
    response.map(|body| Body::boxed(Watched { body, grpc, request, shelf: Some(shelf) }))
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let verdict = match &polled {
            Poll::Ready(Some(Err(_))) if self.request.has_happened() => {
                return Poll::Ready(Some(Err(BodyError::Other(OfClient.into()))));
            }
            Poll::Ready(Some(Err(_))) => Verdict::Failed,
            Poll::Ready(Some(Ok(frame))) if self.grpc.is_some() => {
                frame.trailers_ref().map_or(Verdict::Good, of_grpc_status)
            }
            Poll::Ready(Some(Ok(_)) | None) | Poll::Pending => Verdict::Good,
        };
        match (verdict, self.shelf.as_ref(), &self.grpc) {
            (Verdict::Failed, Some(shelf), _) => shelf.broke(),
            (Verdict::Full, Some(_), Some((endpoint, policies))) => {
                if let Some(endpoint) = endpoint.upgrade() {
                    policies.said_full(&endpoint.place.name);
                }
            }
            _ => return polled,
        }
        self.shelf = None;
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
