//! The body of an upstream's answer. It owns the connection, reads when it is polled, and goes on sending the request's body where
//! the upstream answered early.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use super::Shelf;
use super::connection::{Connection, Inner};
use crate::body::BodyError;
use crate::decode::{BodyDecoder, Piece};
use crate::head::Framing;
use crate::outgoing::Outgoing;
use crate::scratch;

/// An answer's body under way.
#[derive(Debug)]
pub(crate) struct Receiving {
    /// None once the connection is given back or found broken.
    inner: Option<Box<Inner>>,
    decoder: BodyDecoder,
    buffer: BytesMut,
    ahead: Option<Result<Piece, BodyError>>,
    sending: Option<Outgoing>,
    clean: bool,
    ended: bool,
    shelf: Slot,
}

struct Slot(Arc<dyn Shelf>);

impl std::fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shelf")
    }
}

impl Receiving {
    pub(super) fn new(
        inner: Box<Inner>,
        framing: Framing,
        buffer: BytesMut,
        sending: Option<Outgoing>,
        clean: bool,
        shelf: Arc<dyn Shelf>,
    ) -> Self {
        let decoder = BodyDecoder::new(framing, inner.limits.trailer_bytes_max);
        let shelf = match decoder {
            BodyDecoder::Length(_) => shelf,
            BodyDecoder::Chunked(_) | BodyDecoder::Close => Arc::clone(&shelf).of_streams().unwrap_or(shelf),
        };
        Self { inner: Some(inner), decoder, buffer, ahead: None, sending, clean, ended: false, shelf: Slot(shelf) }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = match ready!(self.poll_piece(cx)) {
            Ok(piece) => piece,
            Err(error) => {
                self.ended = true;
                self.inner = None;
                self.shelf.0.broke();
                return Poll::Ready(Some(Err(error)));
            }
        };
        Poll::Ready(match piece {
            Piece::Data(data) => {
                self.look_ahead();
                Some(Ok(Frame::data(data)))
            }
            Piece::Trailers(trailers) => {
                self.finish();
                Some(Ok(Frame::trailers(trailers)))
            }
            Piece::End | Piece::More => {
                self.finish();
                None
            }
        })
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, BodyError>> {
        if let Some(piece) = self.ahead.take() {
            return Poll::Ready(piece);
        }
        self.go_on_sending(cx);
        loop {
            match self.decoder.take(&mut self.buffer) {
                Ok(Piece::More) => {}
                Ok(piece) => return Poll::Ready(Ok(piece)),
                Err(_) => return Poll::Ready(Err(BodyError::Framing)),
            }
            let Some(inner) = &mut self.inner else { return Poll::Ready(Err(BodyError::Incomplete)) };
            if ready!(scratch::poll_more(&mut inner.io, cx, &mut self.buffer))? == 0 {
                let end = if matches!(self.decoder, BodyDecoder::Close) {
                    Ok(Piece::End)
                } else {
                    Err(BodyError::Incomplete)
                };
                return Poll::Ready(end);
            }
        }
    }

    /// An early answer: the request goes on while its answer is read. If that fails, the answer still counts.
    pub(crate) fn go_on_sending(&mut self, cx: &mut Context<'_>) {
        let (Some(sending), Some(inner)) = (&mut self.sending, &mut self.inner) else { return };
        match sending.poll(&mut inner.io, &mut inner.outbox, cx) {
            Poll::Pending => {}
            Poll::Ready(sent) => {
                self.clean &= sent.is_ok();
                self.sending = None;
            }
        }
    }

    /// The end of a body often stands right behind its last data: who knows it now writes it in the same call, and the connection
    /// is free before the last piece is written.
    fn look_ahead(&mut self) {
        if self.decoder.is_done() {
            return self.finish();
        }
        if matches!(self.decoder, BodyDecoder::Chunked(_)) && !self.buffer.is_empty() {
            match self.decoder.take(&mut self.buffer) {
                Ok(Piece::End) => self.finish(),
                Ok(Piece::More) => {}
                Ok(piece) => self.ahead = Some(Ok(piece)),
                // The data before it is good: the error comes with the next poll.
                Err(_) => self.ahead = Some(Err(BodyError::Framing)),
            }
        }
    }

    /// The answer is complete. The connection goes back only if the request is complete too and nothing unasked came.
    fn finish(&mut self) {
        self.ended = true;
        let Some(inner) = self.inner.take() else { return };
        if self.clean && self.sending.is_none() && self.buffer.is_empty() && inner.outbox.is_empty() {
            self.shelf.0.put(Connection(inner));
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        if self.ended { SizeHint::with_exact(0) } else { self.decoder.size_hint() }
    }
}
