//! A body on its way to the client that fills the cache as it passes.
//!
//! Always holds: what is kept is the whole body or nothing; a client that leaves half way leaves nothing behind, and one of those who
//! wait takes over; what grows beyond what may be kept goes on to the client all the same.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use homeostat_wire::{Body, BodyError};
use http_body::{Frame, SizeHint};

/// Ends the errand with the whole body, or with `None` when it cannot be kept.
pub type Finish = Box<dyn FnOnce(Option<Bytes>) + Send>;

/// A body that is looked on at.
pub struct Filling {
    body: Body,
    read: BytesMut,
    bytes_max: usize,
    finish: Option<Finish>,
}

impl Filling {
    /// `finish` is called once, when the body has come to its end or has outgrown `bytes_max`; if it breaks off, it is dropped.
    pub fn new(body: Body, bytes_max: usize, finish: Finish) -> Self {
        Self { body, read: BytesMut::new(), bytes_max, finish: Some(finish) }
    }

    fn note(&mut self, frame: &Frame<Bytes>) {
        if self.finish.is_none() {
            return;
        }
        let fits = frame.data_ref().is_some_and(|data| self.read.len() + data.len() <= self.bytes_max);
        if fits {
            self.read.extend_from_slice(frame.data_ref().expect("it was just looked at"));
        } else {
            // Too large, or with trailers, which are not kept.
            self.read = BytesMut::new();
            self.end(false);
        }
    }

    fn end(&mut self, is_whole: bool) {
        if let Some(finish) = self.finish.take() {
            let read = std::mem::take(&mut self.read);
            finish(is_whole.then(|| read.freeze()));
        }
    }
}

impl http_body::Body for Filling {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.note(frame);
                // Who reads exactly as much as was announced never asks for the end.
                if self.body.is_end_stream() {
                    self.end(true);
                }
            }
            Poll::Ready(Some(Err(_))) => self.finish = None,
            Poll::Ready(None) => self.end(true),
            Poll::Pending => {}
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
