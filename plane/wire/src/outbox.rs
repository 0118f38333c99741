//! What could not be written yet. Empty almost always: most messages leave in the call that makes them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use crate::io::Io;

/// The parts of a message that wait for the socket: its head, its data, its end.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    parts: [Bytes; 3],
    unflushed: bool,
    written: u64,
}

impl Outbox {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        !self.unflushed && self.parts.iter().all(Bytes::is_empty)
    }

    /// Bytes that the socket took, ever.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes what goes now and keeps the rest. Only when the outbox is empty: one message after the other.
    pub(crate) fn send(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
        head: &[u8],
        data: Bytes,
        end: &'static [u8],
    ) -> io::Result<()> {
        debug_assert!(self.is_empty(), "one message after the other");
        let total = head.len() + data.len() + end.len();
        if total == 0 {
            return Ok(());
        }
        let slices = [IoSlice::new(head), IoSlice::new(&data), IoSlice::new(end)];
        let poll = if total == head.len() {
            Pin::new(&mut *io).poll_write(cx, head)
        } else {
            Pin::new(&mut *io).poll_write_vectored(cx, &slices)
        };
        let taken = match poll {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(taken) => taken?,
            Poll::Pending => 0,
        };
        self.written += taken as u64;
        self.unflushed = io.holds_back();
        if taken < total {
            self.parts = [Bytes::copy_from_slice(head.get(taken..).unwrap_or_default()), data, Bytes::from_static(end)];
            let mut over = taken.saturating_sub(head.len());
            for part in &mut self.parts[1..] {
                let here = over.min(part.len());
                part.advance(here);
                over -= here;
            }
        }
        Ok(())
    }

    /// Writes what waits.
    pub(crate) fn poll_flush(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.parts.iter().any(|part| !part.is_empty()) {
            let slices = [IoSlice::new(&self.parts[0]), IoSlice::new(&self.parts[1]), IoSlice::new(&self.parts[2])];
            let mut taken = ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += taken as u64;
            for part in &mut self.parts {
                let here = taken.min(part.len());
                part.advance(here);
                taken -= here;
            }
        }
        if self.unflushed {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
