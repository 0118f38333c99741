//! A message on its way out: its head, then its body as it comes, in the framing that its head declared. Answers to clients and
//! requests to upstreams both leave this way.
//!
//! What always holds: the next piece of a body is asked for only when the last one is written; a body that does not keep to its
//! declared length breaks the connection instead of shifting the next message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body as _;
use thiserror::Error;

use crate::body::{Body, BodyError};
use crate::chunk::{LAST_CHUNK, encode_size};
use crate::head::{Framed, encode_trailers};
use crate::io::Io;
use crate::outbox::Outbox;
use crate::scratch::with_writer;

/// Pieces up to this size are copied together into one write: cheaper than one more call or one more part of a call.
const JOINED_BYTES_MAX: usize = 8 * 1024;
const CHUNK_END_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";

/// Why a message could not be sent.
#[derive(Debug, Error)]
pub(crate) enum OutgoingError {
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("the body failed: {0}")]
    Body(#[from] BodyError),
    #[error("the body does not have the length that was declared for it")]
    Length,
}

/// A message whose head was chosen; its body follows.
#[derive(Debug)]
pub(crate) struct Outgoing {
    body: Body,
    framed: Framed,
    left: u64,
    done: bool,
}

/// A piece too large to be copied, and what stands after it.
type Large = (Bytes, &'static [u8]);

impl Outgoing {
    pub(crate) fn new(body: Body, framed: Framed) -> Self {
        let (left, done) = match framed {
            Framed::None | Framed::Described => (0, true),
            Framed::Length(length) => (length, length == 0),
            Framed::Chunked | Framed::Close => (0, false),
        };
        let body = if done { Body::empty() } else { body };
        Self { body, framed, left, done }
    }

    /// How the body is framed, for the head.
    pub(crate) fn framed(&self) -> Framed {
        self.framed
    }

    /// Whether all was handed to the outbox.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Writes the head, with as much of the body as is there already.
    pub(crate) fn start(
        &mut self,
        io: &mut Io,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
        head: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), OutgoingError> {
        with_writer(|writer| {
            head(writer);
            let (data, end) = match self.fill(writer, cx) {
                Ok(large) => large,
                // The head is whole and may be what explains the error: it goes out first.
                Err(error) => {
                    let _ = outbox.send(io, cx, writer, Bytes::new(), b"");
                    return Err(error);
                }
            };
            Ok(outbox.send(io, cx, writer, data, end)?)
        })
    }

    /// Goes on until all is written. Pending with a full outbox waits for the peer, with an empty one for the body.
    pub(crate) fn poll(
        &mut self,
        io: &mut Io,
        outbox: &mut Outbox,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), OutgoingError>> {
        loop {
            match outbox.poll_flush(io, cx) {
                Poll::Ready(flushed) => flushed?,
                // A client may read only once all it sends is taken: whoever waits for its reading must go on taking.
                Poll::Pending => {
                    self.body.go_on(cx);
                    return Poll::Pending;
                }
            }
            if self.done {
                return Poll::Ready(Ok(()));
            }
            let moved = with_writer(|writer| {
                let (data, end) = self.fill(writer, cx)?;
                let moved = !writer.is_empty() || !data.is_empty();
                outbox.send(io, cx, writer, data, end)?;
                Ok::<bool, OutgoingError>(moved)
            })?;
            if !moved && !self.done {
                return Poll::Pending;
            }
        }
    }

    /// Takes pieces of the body until none is there, it is complete, or one is too large to copy.
    fn fill(&mut self, writer: &mut Vec<u8>, cx: &mut Context<'_>) -> Result<Large, OutgoingError> {
        while !self.done && writer.len() < JOINED_BYTES_MAX {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => {
                    self.end(writer)?;
                    break;
                }
                Poll::Ready(Some(frame)) => frame?,
            };
            let data = match frame.into_data() {
                Ok(data) if data.is_empty() => continue,
                Ok(data) => data,
                Err(frame) => {
                    if let (Framed::Chunked, Ok(trailers)) = (self.framed, frame.into_trailers()) {
                        writer.extend_from_slice(LAST_CHUNK);
                        encode_trailers(&trailers, writer);
                        self.finish();
                    }
                    continue;
                }
            };
            if let Some(large) = self.piece(data, writer)? {
                return Ok(large);
            }
        }
        Ok((Bytes::new(), b""))
    }

    /// Frames one piece of data.
    fn piece(&mut self, data: Bytes, writer: &mut Vec<u8>) -> Result<Option<Large>, OutgoingError> {
        let end: &'static [u8] = match self.framed {
            Framed::Length(_) => {
                self.left = self.left.checked_sub(data.len() as u64).ok_or(OutgoingError::Length)?;
                if self.left == 0 {
                    self.finish();
                }
                b""
            }
            Framed::Chunked => {
                encode_size(data.len(), writer);
                if self.body.is_end_stream() {
                    self.finish();
                    CHUNK_END_AND_LAST
                } else {
                    b"\r\n"
                }
            }
            Framed::Close | Framed::None | Framed::Described => b"",
        };
        if writer.len() + data.len() > JOINED_BYTES_MAX {
            return Ok(Some((data, end)));
        }
        writer.extend_from_slice(&data);
        writer.extend_from_slice(end);
        Ok(None)
    }

    fn end(&mut self, writer: &mut Vec<u8>) -> Result<(), OutgoingError> {
        match self.framed {
            Framed::Length(_) if self.left > 0 => return Err(OutgoingError::Length),
            Framed::Chunked => {
                writer.extend_from_slice(LAST_CHUNK);
                writer.extend_from_slice(b"\r\n");
            }
            Framed::Length(_) | Framed::Close | Framed::None | Framed::Described => {}
        }
        self.finish();
        Ok(())
    }

    /// All is framed: what the body holds is released before its last byte is written.
    fn finish(&mut self) {
        self.done = true;
        self.body = Body::empty();
    }
}
