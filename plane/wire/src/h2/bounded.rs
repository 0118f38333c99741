//! The body of a request over HTTP/2 with the limits that HTTP/1.1 has in its own reader: how much, and how long without a piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::body::BodyError;
use crate::timer::Timer;

/// A body that breaks off when it is too long or silent for too long while somebody waits for it.
#[derive(Debug)]
pub(super) struct Bounded {
    incoming: Incoming,
    left: u64,
    idle: Duration,
    timer: Timer,
}

impl Bounded {
    pub(super) fn new(incoming: Incoming, bytes_max: u64, idle: Duration) -> Self {
        Self { incoming, left: bytes_max, idle, timer: Timer::default() }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) else {
            if this.timer.deadline().is_none() {
                this.timer.set(Instant::now() + this.idle);
            }
            ready!(this.timer.poll(cx));
            return Poll::Ready(Some(Err(BodyError::Timeout)));
        };
        this.timer.clear();
        let length = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
        match this.left.checked_sub(length.unwrap_or(0) as u64) {
            Some(left) => this.left = left,
            None => return Poll::Ready(Some(Err(BodyError::TooLong))),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError::Other(Box::new(error)))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
