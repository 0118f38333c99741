//! The one body type of the plane: whole, streaming from a client, streaming from an upstream, or anybody's own.
//!
//! What always holds: an empty body says so before it is polled, a body of known length says it exactly, and an error is the last
//! thing that comes. Dropping a body that is not at its end tells its sender: connections close, streams are reset.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;

use crate::client::Receiving;
use crate::h1::Inbound;

/// Why a body broke off.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The sender left before the body was complete.
    #[error("the sender left before the body was complete")]
    Incomplete,
    /// The sender was too slow.
    #[error("the body came too slowly")]
    Timeout,
    /// The body is longer than the limit.
    #[error("the body is longer than the limit")]
    TooLong,
    /// The framing is malformed.
    #[error("the framing of the body is malformed")]
    Framing,
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// A body that somebody else made failed.
    #[error("the body failed: {0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What every message of the plane carries.
#[derive(Default)]
pub struct Body(Kind);

type Boxed = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    Inbound(Inbound),
    Upstream(Box<Receiving>),
    Http2(Incoming),
    Boxed(Boxed),
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A body that is all there.
    pub fn full(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        if data.is_empty() { Self::empty() } else { Self(Kind::Full(data)) }
    }

    /// Any other body.
    pub fn boxed<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        Self(Kind::Boxed(Box::pin(Foreign(Box::pin(body)))))
    }

    /// A body of this crate, whose errors are ours already.
    pub(crate) fn from_own(body: impl HttpBody<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        Self(Kind::Boxed(Box::pin(body)))
    }

    /// A body that comes over HTTP/2.
    pub fn from_h2(incoming: Incoming) -> Self {
        if incoming.is_end_stream() { Self::empty() } else { Self(Kind::Http2(incoming)) }
    }

    pub(crate) fn inbound(inbound: Inbound) -> Self {
        Self(Kind::Inbound(inbound))
    }

    pub(crate) fn upstream(receiving: Box<Receiving>) -> Self {
        Self(Kind::Upstream(receiving))
    }

    /// The whole body, where it is all there already; empty bodies give empty bytes.
    pub fn whole(&self) -> Option<&Bytes> {
        static NOTHING: Bytes = Bytes::new();
        match &self.0 {
            Kind::Empty => Some(&NOTHING),
            Kind::Full(data) => Some(data),
            Kind::Inbound(_) | Kind::Upstream(_) | Kind::Http2(_) | Kind::Boxed(_) => None,
        }
    }

    /// Goes on with what a body has to do even while nobody can take more of it: an answer that came early sends the request on.
    pub(crate) fn go_on(&mut self, cx: &mut Context<'_>) {
        if let Kind::Upstream(receiving) = &mut self.0 {
            receiving.go_on_sending(cx);
        }
    }

    /// The exact length, where it is known.
    pub fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match &mut this.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(data) => {
                let data = std::mem::take(data);
                this.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Kind::Inbound(inbound) => inbound.poll_frame(cx),
            Kind::Upstream(receiving) => receiving.poll_frame(cx),
            Kind::Http2(incoming) => {
                Pin::new(incoming).poll_frame(cx).map_err(|error| BodyError::Other(Box::new(error)))
            }
            Kind::Boxed(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Inbound(inbound) => inbound.is_end_stream(),
            Kind::Upstream(receiving) => receiving.is_end_stream(),
            Kind::Http2(incoming) => incoming.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(data) => SizeHint::with_exact(data.len() as u64),
            Kind::Inbound(inbound) => inbound.size_hint(),
            Kind::Upstream(receiving) => receiving.size_hint(),
            Kind::Http2(incoming) => incoming.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

/// A body of another crate, with its error as one of ours.
struct Foreign<B>(Pin<Box<B>>);

impl<B> HttpBody for Foreign<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.as_mut().poll_frame(cx).map_err(|error| BodyError::Other(error.into()))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) => "whole",
            Kind::Inbound(_) => "from a client",
            Kind::Upstream(_) => "from an upstream",
            Kind::Http2(_) => "over HTTP/2",
            Kind::Boxed(_) => "boxed",
        };
        formatter.debug_struct("Body").field("kind", &kind).field("length", &self.length()).finish()
    }
}

impl From<Bytes> for Body {
    fn from(data: Bytes) -> Self {
        Self::full(data)
    }
}

impl From<&'static str> for Body {
    fn from(data: &'static str) -> Self {
        Self::full(data)
    }
}
