//! The body of a request, for attempts of which there may be several.
//!
//! Small bodies of requests that may be made twice are read whole before the first attempt, so that every attempt sends the same
//! bytes. Everything else is streamed, once: the attempt that has begun to send it is the only one. Always holds: what is held is
//! bounded, and no attempt sends a body that another one has begun to take.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use homeostat_wire::{Body, BodyError};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

/// A body to be sent by one attempt or by several.
#[derive(Debug)]
pub enum Replay {
    /// There is none.
    Nothing,
    /// All of it is here.
    Whole(Bytes),
    /// It comes as a stream, and whoever takes it first has it.
    Once(Mutex<Option<Body>>),
}

impl Replay {
    /// For a request that is made once, whatever happens.
    pub fn once(body: Body) -> Self {
        if body.is_end_stream() { Self::Nothing } else { Self::Once(Mutex::new(Some(body))) }
    }

    /// For a request that may be made again: read whole, if it is not larger than `cap`.
    ///
    /// # Errors
    /// When the client breaks off or sends what is no body.
    pub async fn several(mut body: Body, cap: usize) -> Result<Self, BodyError> {
        if body.is_end_stream() {
            return Ok(Self::Nothing);
        }
        if body.size_hint().lower() > cap as u64 {
            return Ok(Self::once(body));
        }
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) if read.len() + data.len() <= cap => read.extend_from_slice(&data),
                Ok(data) => {
                    let ready = [Frame::data(read.freeze()), Frame::data(data)].into();
                    return Ok(Self::once(Body::boxed(Resumed { ready, rest: body })));
                }
                // Trailers are for a body that is sent once: what was read goes before them again.
                Err(trailers) => {
                    let ready = [Frame::data(read.freeze()), trailers].into();
                    return Ok(Self::once(Body::boxed(Resumed { ready, rest: body })));
                }
            }
        }
        Ok(Self::Whole(read.freeze()))
    }

    /// Whether several attempts can send it.
    pub const fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Once(_))
    }

    /// The body for an attempt; `None` when another attempt has it.
    pub fn take(&self) -> Option<Body> {
        match self {
            Self::Nothing => Some(Body::empty()),
            Self::Whole(bytes) => Some(Body::full(bytes.clone())),
            Self::Once(body) => body.lock().unwrap_or_else(PoisonError::into_inner).take(),
        }
    }

    /// Puts back what an attempt took and did not begin to send.
    pub fn put_back(&self, body: Body) {
        if let Self::Once(place) = self {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

/// A body of which the beginning was read already.
struct Resumed {
    ready: VecDeque<Frame<Bytes>>,
    rest: Body,
}

impl http_body::Body for Resumed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.ready.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ready: u64 = self.ready.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        match rest.exact() {
            Some(exact) => SizeHint::with_exact(ready + exact),
            None => {
                let mut hint = SizeHint::new();
                hint.set_lower(ready + rest.lower());
                hint
            }
        }
    }
}
