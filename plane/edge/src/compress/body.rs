//! A body that compresses another one as it passes.
//!
//! Always holds: what has come in goes out as soon as nothing more is there to be had (events of a stream arrive when they happen), and
//! nobody else's turn is taken for longer than [`TURN_BYTES`] of input. Errors and trailers pass through; after an error nothing ends
//! the stream, so that a broken answer is seen to be broken.

use super::encoder::Encoder;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What is sent on without waiting for more: about what one write to a socket takes.
const CHUNK_BYTES: usize = 16 << 10;
/// How much is compressed before other tasks have their turn: brotli, the slowest, takes about a millisecond for it (`--example cost`).
const TURN_BYTES: usize = 32 << 10;

/// A body that compresses another one as it passes.
pub struct Compressing<B> {
    inner: B,
    /// None once the stream has ended.
    encoder: Option<Encoder>,
    /// What came in as one piece too large for one turn.
    rest: Bytes,
    /// Whether something was written that was not flushed.
    held: bool,
    trailers: Option<http::HeaderMap>,
}

impl<B> Compressing<B> {
    /// A body that sends `inner` through `encoder`.
    pub(super) fn new(encoder: Encoder, inner: B) -> Self {
        Self { inner, encoder: Some(encoder), rest: Bytes::new(), held: false, trailers: None }
    }
}

/// What an encoder that failed is to whoever reads the body. Encoders write into memory, so this is not expected.
#[derive(Debug, thiserror::Error)]
pub enum CompressError<E> {
    /// The body within failed.
    #[error(transparent)]
    Inner(E),
    /// The encoder failed.
    #[error("an encoder failed: {0}")]
    Encoder(std::io::Error),
}

impl<B> Body for Compressing<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = CompressError<B::Error>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let mut eaten = 0;
        loop {
            let Some(encoder) = &mut this.encoder else {
                return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            };
            if encoder.made().len() >= CHUNK_BYTES {
                return Poll::Ready(Some(Ok(Frame::data(encoder.take()))));
            }
            if eaten >= TURN_BYTES {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let step = if this.rest.has_remaining() { this.feed(&mut eaten) } else { ready!(this.poll_inner(cx)) };
            match step {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => {}
                Err(error) => {
                    // Without an end of the stream: the client sees that something is missing.
                    this.encoder = None;
                    this.trailers = None;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

type Step<E> = Result<Option<Frame<Bytes>>, CompressError<E>>;

impl<B> Compressing<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// Compresses a part of what came in.
    fn feed(&mut self, eaten: &mut usize) -> Step<B::Error> {
        let part = self.rest.split_to(self.rest.len().min(CHUNK_BYTES));
        *eaten += part.len();
        self.held = true;
        match &mut self.encoder {
            Some(encoder) => encoder.write(&part).map(|()| None).map_err(CompressError::Encoder),
            None => Ok(None),
        }
    }

    /// Asks for more; while there is none, sends on what there is.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Step<B::Error>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                }
                Poll::Ready(Ok(None))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(CompressError::Inner(error))),
            Poll::Ready(None) => {
                let Some(encoder) = self.encoder.take() else { return Poll::Ready(Ok(None)) };
                let last = encoder.finish().map_err(CompressError::Encoder)?;
                Poll::Ready(Ok((!last.is_empty()).then(|| Frame::data(last))))
            }
            Poll::Pending => {
                let Some(encoder) = &mut self.encoder else { return Poll::Pending };
                if std::mem::take(&mut self.held) {
                    encoder.flush().map_err(CompressError::Encoder)?;
                }
                let made = encoder.take();
                if made.is_empty() { Poll::Pending } else { Poll::Ready(Ok(Some(Frame::data(made)))) }
            }
        }
    }
}
