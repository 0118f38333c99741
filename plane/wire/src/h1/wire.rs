//! The stream of a connection with what was read ahead, what is not yet written, and the connection's one timer. Knows heads; knows
//! nothing of handlers.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::head::{HeadLimits, RequestHead, Scan, read_request, request_end};
use crate::io::Io;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::scratch;
use crate::timer::Timer;

/// How HTTP/2 with prior knowledge begins; as an HTTP/1 head it has a version that is not spoken.
const PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// How often is looked whether a client has left from which nothing is read at the moment: the system tells whoever reads, and whoever
/// waits for more would be woken by bytes that are there already.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a wait for the next request ends with.
#[derive(Debug)]
pub(super) enum Next {
    /// A head, and the bytes that came with it.
    Request(Box<RequestHead>, Bytes),
    /// The client speaks HTTP/2; these bytes are the beginning of it.
    Http2(Bytes),
    /// The client left, or was idle for too long.
    Left,
    /// Its head is refused.
    Refused(Refusal),
}

/// A connection's stream and what belongs to it.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) io: Io,
    pub(super) backlog: BytesMut,
    pub(super) outbox: Outbox,
    pub(super) timer: Timer,
    /// When is looked again whether the client has left.
    look: Timer,
    pub(super) limits: Arc<Limits>,
    /// The client has shut its sending side.
    pub(super) read_closed: bool,
    /// The backlog may hold a whole head: it grew, or a request before it is done.
    pub(super) unread: bool,
    scan: Scan,
    /// One empty line before a request is allowed; this one was seen.
    skipped: bool,
    in_head: bool,
    head_limits: HeadLimits,
}

impl Wire {
    pub(super) fn new(io: Io, limits: Arc<Limits>) -> Self {
        let head_limits = limits.head();
        Self {
            io,
            backlog: BytesMut::new(),
            outbox: Outbox::default(),
            timer: Timer::default(),
            look: Timer::default(),
            limits,
            read_closed: false,
            unread: false,
            scan: Scan::default(),
            skipped: false,
            in_head: false,
            head_limits,
        }
    }

    /// Makes ready for the next head; from now on the connection is idle.
    pub(super) fn next_head(&mut self) {
        self.scan = Scan::default();
        self.skipped = false;
        self.in_head = false;
        self.unread = !self.backlog.is_empty();
        if self.backlog.is_empty() {
            self.backlog = BytesMut::new();
        }
        self.timer.set(Instant::now() + self.limits.idle_timeout);
    }

    /// Waits no longer than this for the next head to begin.
    pub(super) fn wait_at_most(&mut self, within: Duration) {
        let latest = Instant::now() + within;
        self.timer.set(self.timer.deadline().map_or(latest, |deadline| deadline.min(latest)));
    }

    /// Whether a head has begun to come.
    pub(super) fn is_in_head(&self) -> bool {
        self.in_head || !self.backlog.is_empty()
    }

    /// Waits for a whole head.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            if self.unread {
                self.unread = false;
                match self.look_in_backlog() {
                    Ok(Some(next)) => return Poll::Ready(next),
                    Ok(None) => {}
                    Err(refusal) => return Poll::Ready(Next::Refused(refusal)),
                }
            }
            if self.read_closed {
                return Poll::Ready(Next::Left);
            }
            match self.poll_read(cx) {
                Poll::Ready(Some(next)) => return Poll::Ready(next),
                Poll::Ready(None) => {}
                Poll::Pending => break,
            }
        }
        if !self.in_head && !self.backlog.is_empty() {
            self.in_head = true;
            self.timer.set(Instant::now() + self.limits.head_timeout);
        }
        ready!(self.timer.poll(cx));
        Poll::Ready(if self.in_head { Next::Refused(Refusal::HeadTimeout) } else { Next::Left })
    }

    /// Reads once. With an empty backlog a whole head is read where it lies, and nothing else is kept.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Next>> {
        let Self { io, backlog, scan, head_limits, unread, .. } = self;
        let read = scratch::poll_read(io, cx, scratch::COPIED_READ_BYTES, |bytes| {
            if bytes.is_empty() {
                return Some(Next::Left);
            }
            if backlog.is_empty() && bytes[0] != b'\r' {
                match request_end(bytes, scan, head_limits) {
                    Ok(Some(end)) => return Some(whole(&Bytes::copy_from_slice(bytes), end, head_limits)),
                    Ok(None) => {}
                    Err(refusal) => return Some(Next::Refused(refusal)),
                }
            } else {
                *unread = true;
            }
            backlog.extend_from_slice(bytes);
            None
        });
        match ready!(read) {
            Ok(Some(Next::Left)) if !self.backlog.is_empty() => Poll::Ready(Some(Next::Refused(Refusal::ClientGone))),
            Ok(next) => Poll::Ready(next),
            Err(_) => Poll::Ready(Some(Next::Left)),
        }
    }

    fn look_in_backlog(&mut self) -> Result<Option<Next>, Refusal> {
        if !self.skipped && self.backlog.starts_with(b"\r\n") {
            let _ = self.backlog.split_to(2);
            self.skipped = true;
        }
        if self.backlog.is_empty() || &self.backlog[..] == b"\r" {
            return Ok(None);
        }
        let Some(end) = request_end(&self.backlog, &mut self.scan, &self.head_limits)? else { return Ok(None) };
        Ok(Some(whole(&self.backlog.split().freeze(), end, &self.head_limits)))
    }

    /// Reads on while the handler works: to learn that the client leaves, and to keep what it sends ahead. Ready when it left.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let room = self.limits.pipelined_bytes_max.saturating_sub(self.backlog.len());
            if self.read_closed {
                return Poll::Pending;
            }
            if room == 0 {
                return self.poll_left_unread(cx);
            }
            let backlog = &mut self.backlog;
            let read = scratch::poll_read(&mut self.io, cx, room, |bytes| {
                backlog.extend_from_slice(bytes);
                bytes.len()
            });
            match ready!(read) {
                Ok(0) if self.limits.half_close => self.read_closed = true,
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    /// Ready when the client has left although nothing is read from it, a moment after it did. One that has more to send than the
    /// system takes for us cannot even say so.
    pub(super) fn poll_left_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.limits.half_close {
            return Poll::Pending;
        }
        loop {
            if self.look.deadline().is_none() {
                self.look.set(Instant::now() + LOOK_EVERY);
            }
            ready!(self.look.poll(cx));
            self.look.clear();
            if self.io.is_closed_by_peer() {
                return Poll::Ready(());
            }
        }
    }
}

fn whole(block: &Bytes, end: usize, limits: &HeadLimits) -> Next {
    match read_request(&block.slice(..end), limits) {
        Ok(head) => Next::Request(Box::new(head), block.slice(end..)),
        Err(Refusal::Version) if block.starts_with(PREFACE_HEAD) => Next::Http2(block.clone()),
        Err(refusal) => Next::Refused(refusal),
    }
}
