//! A body out of the bytes of a connection, in any framing. Both sides use it: requests from clients and answers from upstreams.
//!
//! What always holds: it never takes a byte beyond the body, so that what remains in the buffer is the next message.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::SizeHint;

use crate::chunk::{ChunkError, Decoder, Step};
use crate::head::{Framing, is_forbidden_in_trailers, parse_fields};

/// Fields of a trailer section; gRPC sends three.
const TRAILER_FIELDS_MAX: usize = 32;

/// What stood in the buffer.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Data of the body.
    Data(Bytes),
    /// Its trailers; the end.
    Trailers(HeaderMap),
    /// The end.
    End,
    /// Nothing yet.
    More,
}

/// How far a body is.
#[derive(Debug)]
pub(crate) enum BodyDecoder {
    /// So many bytes are missing.
    Length(u64),
    /// In chunks.
    Chunked(Decoder),
    /// Until the end of the stream.
    Close,
}

impl BodyDecoder {
    pub(crate) fn new(framing: Framing, trailer_bytes_max: usize) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Decoder::new(trailer_bytes_max)),
            Framing::Close => Self::Close,
        }
    }

    /// Takes the next piece out of the buffer.
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Result<Piece, ChunkError> {
        match self {
            Self::Length(0) => Ok(Piece::End),
            _ if buffer.is_empty() => Ok(Piece::More),
            Self::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= here as u64;
                Ok(Piece::Data(buffer.split_to(here).freeze()))
            }
            Self::Close => Ok(Piece::Data(buffer.split().freeze())),
            Self::Chunked(decoder) => take_chunked(decoder, buffer),
        }
    }

    /// Whether the body is complete.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(decoder) => decoder.is_done(),
            Self::Close => false,
        }
    }

    /// What is known of the length of what is left.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunked(_) | Self::Close => SizeHint::default(),
        }
    }
}

fn take_chunked(decoder: &mut Decoder, buffer: &mut BytesMut) -> Result<Piece, ChunkError> {
    match decoder.step(buffer)? {
        Step::More { used } => {
            let _ = buffer.split_to(used);
            Ok(Piece::More)
        }
        Step::Data { start, end } => Ok(Piece::Data(buffer.split_to(end).freeze().slice(start..))),
        Step::End { trailers, used } => {
            let section = buffer.split_to(used).freeze().slice(trailers..);
            if section.len() <= 2 {
                return Ok(Piece::End);
            }
            let fields = parse_fields(&section, 0, TRAILER_FIELDS_MAX).map_err(|_| ChunkError::Trailers)?;
            if fields.keys().any(is_forbidden_in_trailers) {
                return Err(ChunkError::Trailers);
            }
            Ok(Piece::Trailers(fields))
        }
    }
}
