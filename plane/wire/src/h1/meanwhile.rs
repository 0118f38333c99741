//! What goes on beside the handler and beside the answer: the request's body comes in as it is asked for, `100 Continue` is sent
//! when it is first asked for, and a client that leaves is noticed.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::Instant;

use super::inbound::{Feeder, Wish};
use super::wire::Wire;
use crate::body::BodyError;
use crate::decode::{BodyDecoder, Piece};
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::scratch;
use crate::timer::Pace;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A request's body that was not whole when its head was.
#[derive(Debug)]
pub(super) struct Coming {
    feeder: Feeder,
    decoder: BodyDecoder,
    pace: Pace,
    received: u64,
    /// Somebody has asked for a first piece.
    asked: bool,
    /// The client waits for `100 Continue`.
    pub(super) owes_continue: bool,
    /// When the client will have been too slow, while it is waited for.
    pub(super) deadline: Option<Instant>,
}

/// What beside the handler moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// The handler has something new to look at.
    Piece,
    /// The body is not complete, and is not wanted yet or not any more: the client may leave meanwhile.
    Unwanted,
    /// The request cannot go on.
    Refused(Refusal),
}

impl Coming {
    pub(super) fn new(feeder: Feeder, decoder: BodyDecoder, limits: &Limits, owes_continue: bool) -> Self {
        let pace = Pace::new(limits.body_idle_timeout, limits.rate_grace, limits.body_rate_min);
        Self { feeder, decoder, pace, received: 0, asked: false, owes_continue, deadline: None }
    }

    /// Brings the next piece, if it is wanted.
    pub(super) fn poll(&mut self, wire: &mut Wire, answering: bool, cx: &mut Context<'_>) -> Poll<Moved> {
        self.deadline = None;
        match self.feeder.wish(cx) {
            Wish::Piece => self.asked = true,
            // Between two pieces the next read tells; to read here too would copy all of an upload once more.
            Wish::Nothing if self.asked => return Poll::Pending,
            Wish::Nothing | Wish::Abandoned => return Poll::Ready(Moved::Unwanted),
        }
        if self.owes_continue && !answering {
            self.owes_continue = false;
            if wire.backlog.is_empty() && wire.outbox.send(&mut wire.io, cx, CONTINUE, Bytes::new(), b"").is_err() {
                return Poll::Ready(Moved::Refused(Refusal::ClientGone));
            }
        }
        if !answering && ready_error(&wire.outbox.poll_flush(&mut wire.io, cx)) {
            return Poll::Ready(Moved::Refused(Refusal::ClientGone));
        }
        let piece = match self.poll_piece(wire, cx) {
            Poll::Ready(piece) => piece,
            Poll::Pending => {
                self.deadline = Some(self.pace.deadline());
                return Poll::Pending;
            }
        };
        Poll::Ready(match piece {
            Ok(piece) => self.hand_over(piece, wire.limits.body_bytes_max, cx),
            Err((refusal, error)) => {
                self.feeder.end(Err(error), cx);
                Moved::Refused(refusal)
            }
        })
    }

    fn poll_piece(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Result<Piece, (Refusal, BodyError)>> {
        loop {
            match self.decoder.take(&mut wire.backlog) {
                Ok(Piece::More) => {}
                Ok(piece) => return Poll::Ready(Ok(piece)),
                Err(error) => return Poll::Ready(Err((error.into(), BodyError::Framing))),
            }
            match ready!(scratch::poll_more(&mut wire.io, cx, &mut wire.backlog)) {
                Ok(0) | Err(_) => return Poll::Ready(Err((Refusal::ClientGone, BodyError::Incomplete))),
                Ok(taken) => self.pace.moved(taken),
            }
        }
    }

    fn hand_over(&mut self, piece: Piece, bytes_max: u64, cx: &mut Context<'_>) -> Moved {
        match piece {
            Piece::Data(data) => {
                self.received += data.len() as u64;
                if self.received > bytes_max {
                    self.feeder.end(Err(BodyError::TooLong), cx);
                    return Moved::Refused(Refusal::BodyTooLong);
                }
                if self.decoder.is_done() { self.feeder.last_data(data, cx) } else { self.feeder.data(data, cx) }
            }
            Piece::Trailers(trailers) => self.feeder.trailers(trailers, cx),
            Piece::End | Piece::More => self.feeder.end(Ok(()), cx),
        }
        Moved::Piece
    }

    /// Whether all of the body was read.
    pub(super) fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// Whether what is missing is known to be little enough to be read and dropped.
    pub(super) fn is_worth_reading(&self, bytes_max: usize) -> bool {
        !self.owes_continue && self.decoder.size_hint().exact().is_none_or(|left| left <= bytes_max as u64)
    }

    /// Reads what nobody wants, up to a bound, so that the next request can be found. Ready with whether the body's end was reached.
    pub(super) fn poll_discard(&mut self, wire: &mut Wire, left: &mut usize, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            match ready!(self.poll_piece(wire, cx)) {
                Ok(Piece::Data(data)) if data.len() <= *left => *left -= data.len(),
                Ok(Piece::Data(_)) | Err(_) => return Poll::Ready(false),
                Ok(Piece::Trailers(_) | Piece::End | Piece::More) => return Poll::Ready(true),
            }
            if self.decoder.is_done() {
                return Poll::Ready(true);
            }
        }
    }
}

fn ready_error(poll: &Poll<std::io::Result<()>>) -> bool {
    matches!(poll, Poll::Ready(Err(_)))
}
