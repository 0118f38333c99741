//! The body of an answer over HTTP/2, looked on at until its end: one that breaks off, or ends with a status of gRPC that is the server's
//! own trouble, says of its endpoint what its head had not said.
//!
//! Put around the body by the attempt that brought it; HTTP/1.1 does the same in its own reader. Always holds: each body is told of once at
//! most; a client that leaves says nothing against the endpoint.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use homeostat_resilience::Verdict;
use homeostat_wire::client::Shelf;
use homeostat_wire::{Body, BodyError};
use http_body::{Body as _, Frame, SizeHint};

use crate::forward::of_grpc_status;

/// A body that is looked on at.
struct Watched {
    body: Body,
    /// Who is told; nobody once it was told.
    shelf: Option<Arc<dyn Shelf>>,
}

/// Looks on at a body; one that has ended says nothing more.
pub fn watched(body: Body, shelf: Arc<dyn Shelf>) -> Body {
    if body.is_end_stream() { body } else { Body::boxed(Watched { body, shelf: Some(shelf) }) }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let is_bad = match &polled {
            Poll::Ready(Some(Err(_))) => true,
            Poll::Ready(Some(Ok(frame))) => {
                frame.trailers_ref().is_some_and(|trailers| of_grpc_status(trailers) == Verdict::Failed)
            }
            Poll::Ready(None) | Poll::Pending => false,
        };
        if is_bad && let Some(shelf) = self.shelf.take() {
            shelf.broke();
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
