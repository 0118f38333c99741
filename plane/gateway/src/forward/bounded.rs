//! The body of a request that does not say how long it is, held to the limit of its route.
//!
//! Called by the front. What says its length was refused by the guard before. Always holds: no more than the limit goes to an upstream,
//! and whoever answers the client can tell a body that was too long from one that broke off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use homeostat_wire::{Body, BodyError};
use http_body::{Frame, SizeHint};

use crate::mishap::Mishap;

struct Bounded {
    body: Body,
    left: u64,
    overrun: Mishap,
}

/// The body with its limit, and whether it turned out to be too long. A listener's own limit ends it in the same way, where the listener cannot answer by itself (HTTP/2).
pub fn bounded(body: Body, bytes_max: u64) -> (Body, Mishap) {
    if body.length().is_some() {
        return (body, Mishap::default());
    }
    let overrun = Mishap::possible();
    let bounded = Bounded { body, left: bytes_max, overrun: overrun.clone() };
    (Body::boxed(bounded), overrun)
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let length = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
        let left = self.left.checked_sub(length.unwrap_or(0) as u64);
        if left.is_none() || matches!(frame, Some(Err(BodyError::TooLong))) {
            self.overrun.note();
            return Poll::Ready(Some(Err(BodyError::TooLong)));
        }
        self.left = left.unwrap_or(0);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
