//! The stream under an HTTP/2 connection: gives back what was read of it already, and looks at how the client begins.
//!
//! What always holds: the first frame after the preface is one of settings, and no answer to ours (RFC 9113, section 3.4). The `h2`
//! crate takes any frame there. Only these few bytes are looked at: framing is read in one place, and that is the crate.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::io::Io;

/// Where the kind and the flags of the first frame stand: after the preface of 24 bytes and the three of the frame's length.
const KIND_AT: usize = 27;
const FLAGS_AT: usize = 28;
const SETTINGS: u8 = 4;
const ACKNOWLEDGED: u8 = 1;

/// A stream of which the beginning may have been read.
#[derive(Debug)]
pub(super) struct Opening {
    start: Bytes,
    io: Io,
    /// Bytes that were looked at; no more than there are to look at.
    seen: usize,
    is_wrong: Arc<AtomicBool>,
}

impl Opening {
    /// `is_wrong` is set when the client begins with something else. The error cannot say so: `h2` keeps of it no more than its kind,
    /// and TLS has errors of every kind.
    pub(super) fn new(start: Bytes, io: Io, is_wrong: Arc<AtomicBool>) -> Self {
        Self { start, io, seen: 0, is_wrong }
    }

    fn look(&mut self, came: &[u8]) -> io::Result<()> {
        for byte in came {
            let is_wrong = match self.seen {
                KIND_AT => *byte != SETTINGS,
                FLAGS_AT => byte & ACKNOWLEDGED != 0,
                _ => false,
            };
            if is_wrong {
                self.is_wrong.store(true, Ordering::Relaxed);
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the first frame is not one of settings"));
            }
            if self.seen > FLAGS_AT {
                break;
            }
            self.seen += 1;
        }
        Ok(())
    }
}

impl AsyncRead for Opening {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if this.start.is_empty() {
            ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        } else {
            let here = this.start.len().min(buffer.remaining());
            buffer.put_slice(&this.start.split_to(here));
        }
        Poll::Ready(this.look(&buffer.filled()[before..]))
    }
}

impl AsyncWrite for Opening {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
