//! One request to the head of its answer. Request and answer are driven together: an upstream may answer before it has the whole
//! request, and one that waits for our reading must not wait for our writing.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};

use super::connection::{Connection, Inner};
use super::receiving::Receiving;
use super::{SendError, SendErrorKind, Shelf};
use crate::body::Body;
use crate::head::{Framed, Framing, ResponseHead, Scan, Sent, encode_request, read_response, response_end};
use crate::outgoing::{Outgoing, OutgoingError};
use crate::scratch;
use crate::upgraded::Upgraded;
use crate::websocket::is_granted;
use crate::{Request, Response};

impl Connection {
    /// Sends one request. The connection goes to the shelf when the answer has come to a clean end, or closes.
    pub async fn send(self, request: Request, shelf: Arc<dyn Shelf>) -> Result<Response, SendError> {
        let (head, body) = request.into_parts();
        self.send_as(Sent::with(&head, &[]), body, shelf).await
    }

    /// The same for a head that is sent again, should this come to nothing.
    pub async fn send_as(mut self, head: Sent<'_>, body: Body, shelf: Arc<dyn Shelf>) -> Result<Response, SendError> {
        if !self.is_reusable() {
            return Err(SendError { may_have_begun: false, kind: SendErrorKind::Closed, body: Some(body) });
        }
        let written_before = self.0.outbox.written();
        self.0.requests += 1;
        let mut exchange = Exchange::new(self.0, head, body);
        match poll_fn(|cx| exchange.poll(cx)).await {
            Ok(()) => Ok(exchange.answer(shelf)),
            Err(kind) => {
                let may_have_begun = exchange.inner.outbox.written() > written_before;
                Err(SendError { may_have_begun, kind, body: None })
            }
        }
    }
}

/// Where the status stands in the head of an answer: one that begins with a 1 has another head behind it.
const STATUS_AT: usize = b"HTTP/1.1 ".len();

/// A request under way, until the head of its answer is here.
struct Exchange<'a> {
    inner: Box<Inner>,
    request: Sent<'a>,
    begun: bool,
    outgoing: Outgoing,
    upgrade: bool,
    scan: Scan,
    partial: BytesMut,
    interim: u32,
    head: Option<ResponseHead>,
    /// What came with the head, in the head's own block.
    rest: Bytes,
    /// What came with the head and was too much to be copied; then nothing is in `rest`.
    beyond: BytesMut,
    send_failed: Option<SendErrorKind>,
}

impl<'a> Exchange<'a> {
    fn new(inner: Box<Inner>, request: Sent<'a>, body: Body) -> Self {
        let framed = framed(request.method(), &body);
        Self {
            inner,
            upgrade: request.is_upgrade(),
            request,
            begun: false,
            outgoing: Outgoing::new(body, framed),
            scan: Scan::default(),
            partial: BytesMut::new(),
            interim: 0,
            head: None,
            rest: Bytes::new(),
            beyond: BytesMut::new(),
            send_failed: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendErrorKind>> {
        if self.send_failed.is_none() {
            self.poll_sending(cx);
        }
        // A server that refuses a request may close while we still write: its answer, if there is one, is what counts.
        match self.poll_answer(cx) {
            Poll::Ready(Err(SendErrorKind::NoAnswer | SendErrorKind::Io(_))) if self.send_failed.is_some() => {
                Poll::Ready(Err(self.send_failed.take().expect("it was just there")))
            }
            Poll::Pending if matches!(self.send_failed, Some(SendErrorKind::RequestBody)) => {
                Poll::Ready(Err(SendErrorKind::RequestBody))
            }
            poll => poll,
        }
    }

    fn poll_sending(&mut self, cx: &mut Context<'_>) {
        let Self { inner, outgoing, request, .. } = self;
        let started = if std::mem::replace(&mut self.begun, true) {
            Ok(())
        } else {
            let (address, framed) = (inner.address, outgoing.framed());
            let head = |writer: &mut Vec<u8>| encode_request(*request, framed, &address, writer);
            outgoing.start(&mut inner.io, &mut inner.outbox, cx, head)
        };
        let sent = match started {
            Ok(()) if outgoing.is_done() && inner.outbox.is_empty() => return,
            Ok(()) => outgoing.poll(&mut inner.io, &mut inner.outbox, cx),
            Err(error) => Poll::Ready(Err(error)),
        };
        if let Poll::Ready(Err(error)) = sent {
            self.send_failed = Some(match error {
                OutgoingError::Io(error) => SendErrorKind::Io(error),
                OutgoingError::Body(_) | OutgoingError::Length => SendErrorKind::RequestBody,
            });
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendErrorKind>> {
        loop {
            let Self { inner, scan, partial, beyond, .. } = self;
            let limits = inner.limits.head;
            let block = if partial.is_empty() {
                let read = scratch::poll_take(&mut inner.io, cx, usize::MAX, |bytes, _| {
                    if bytes.is_empty() {
                        return Err(SendErrorKind::NoAnswer);
                    }
                    let Some(end) = response_end(bytes, scan, &limits)? else {
                        partial.extend_from_slice(bytes);
                        return Ok(None);
                    };
                    if bytes.len() - end > scratch::COPIED_BYTES_MAX && bytes.get(STATUS_AT) != Some(&b'1') {
                        *beyond = bytes.split_off(end);
                    }
                    Ok(Some((Bytes::copy_from_slice(bytes), end)))
                });
                std::task::ready!(read).map_err(SendErrorKind::Io)??
            } else {
                let read = scratch::poll_read(&mut inner.io, cx, usize::MAX, |bytes| {
                    partial.extend_from_slice(bytes);
                    bytes.len()
                });
                if std::task::ready!(read).map_err(SendErrorKind::Io)? == 0 {
                    return Poll::Ready(Err(SendErrorKind::NoAnswer));
                }
                response_end(partial, scan, &limits)?.map(|end| (partial.split().freeze(), end))
            };
            let Some((block, end)) = block else { continue };
            if self.heads(&block, end)? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads the heads at the front of a block; true once the answer itself is among them.
    fn heads(&mut self, block: &Bytes, mut end: usize) -> Result<bool, SendErrorKind> {
        let mut from = 0;
        let limits = self.inner.limits;
        loop {
            // The values of a head are kept, in the cache for one: they must not hold a large body behind them.
            let is_large = block.len() - end > scratch::COPIED_BYTES_MAX;
            let head = if is_large { Bytes::copy_from_slice(&block[from..end]) } else { block.slice(from..end) };
            let head = read_response(&head, &limits.head, self.request.method())?;
            let status = head.response.status();
            let is_switched = status == StatusCode::SWITCHING_PROTOCOLS && self.upgrade;
            if is_switched && !is_granted(self.request.extensions(), head.response.headers()) {
                return Err(SendErrorKind::WebSocket);
            }
            if !status.is_informational() || is_switched {
                self.rest = block.slice(end..);
                self.head = Some(head);
                return Ok(true);
            }
            self.interim += 1;
            if status == StatusCode::SWITCHING_PROTOCOLS || self.interim > limits.interim_max {
                return Err(SendErrorKind::Interim);
            }
            from = end;
            self.scan = Scan::default();
            let Some(length) = response_end(&block[from..], &mut self.scan, &limits.head)? else {
                self.partial.extend_from_slice(&block[from..]);
                return Ok(false);
            };
            end = from + length;
        }
    }

    /// The answer, with a body that goes on from here.
    fn answer(mut self, shelf: Arc<dyn Shelf>) -> Response {
        let head = self.head.expect("the head is here once the exchange is ready");
        let (parts, ()) = head.response.into_parts();
        let sent = self.outgoing.is_done() && self.inner.outbox.is_empty();
        let clean = head.keep_alive && sent && self.send_failed.is_none();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            let mut answer = Response::from_parts(parts, Body::empty());
            answer.extensions_mut().insert(Upgraded::new(self.inner.io, self.rest));
            return answer;
        }
        let came = self.rest.len() + self.beyond.len();
        let length = match head.framing {
            Framing::None => Some(0),
            Framing::Length(length) => usize::try_from(length).ok().filter(|length| *length <= came),
            Framing::Chunked | Framing::Close => None,
        };
        let body = match length {
            // The whole answer came at once, the usual case: nothing has to be kept for its body.
            Some(length) if sent || length == 0 => {
                if clean && came == length {
                    shelf.put(Connection(self.inner));
                }
                let beyond = self.beyond.split_to(length.min(self.beyond.len())).freeze();
                Body::full(if beyond.is_empty() { self.rest.slice(..length) } else { beyond })
            }
            _ => {
                let sending = (!sent && self.send_failed.is_none()).then_some(self.outgoing);
                let clean = head.keep_alive && self.send_failed.is_none();
                // The rest is alone in its block but for the head's values; where they hold it, it is copied.
                let rest = self.rest.try_into_mut().unwrap_or_else(|rest| BytesMut::from(&rest[..]));
                let rest = if self.beyond.is_empty() { rest } else { self.beyond };
                Body::upstream(Box::new(Receiving::new(self.inner, head.framing, rest, sending, clean, shelf)))
            }
        };
        Response::from_parts(parts, body)
    }
}

/// A request without a body says nothing about it, unless its method is one that usually has one (RFC 9110, section 8.6).
fn framed(method: &Method, body: &Body) -> Framed {
    match body.length() {
        Some(0) if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => Framed::Length(0),
        Some(0) => Framed::None,
        Some(length) => Framed::Length(length),
        None => Framed::Chunked,
    }
}
