//! One request to its answer on the wire. Three things go on at once, in one task: the handler or the body of its answer, the body
//! of the request, and a look at whether the client is still there.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::CONNECTION;
use http::{Method, StatusCode, Version};
use tokio::time::Instant;

use super::answer::framed;
use super::inbound::inbound;
use super::meanwhile::{Coming, Moved};
use super::wire::Wire;
use crate::body::Body;
use crate::date::with_date;
use crate::decode::BodyDecoder;
use crate::drain::Drain;
use crate::handler::{Handler, Response};
use crate::head::{Framed, Framing, RequestHead, encode_response};
use crate::headers::{has_token, is_upgrade};
use crate::outgoing::{Outgoing, OutgoingError};
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::timer::Pace;
use crate::upgraded::Upgraded;

/// What becomes of the connection after an exchange.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The next request may come.
    Again,
    /// It closes while the client may still be sending.
    Linger,
    /// Another protocol begins.
    Tunnel(Upgraded),
    /// The request is refused; nothing of an answer was written.
    Refused(Refusal),
    /// It broke in the middle of an answer: the client must not take it for whole.
    Broken(Refusal),
}

/// What an exchange remembers of its request.
pub(super) struct Exchange<'a> {
    wire: &'a mut Wire,
    coming: Option<Coming>,
    method: Method,
    version: Version,
    upgrade: bool,
    keep_alive: bool,
}

impl<'a> Exchange<'a> {
    /// Runs one exchange. `more` says whether the connection may have another one.
    pub(super) async fn run<H: Handler>(
        wire: &'a mut Wire,
        head: RequestHead,
        rest: Bytes,
        handler: &H,
        peer: &Arc<Peer>,
        more: bool,
        drain: &Drain,
    ) -> Outcome {
        if matches!(head.framing, Framing::Length(length) if length > wire.limits.body_bytes_max) {
            return Outcome::Refused(Refusal::BodyTooLong);
        }
        let (parts, ()) = head.request.into_parts();
        let mut exchange = Exchange {
            wire,
            coming: None,
            method: parts.method.clone(),
            version: parts.version,
            upgrade: is_upgrade(&parts.headers),
            keep_alive: head.keep_alive && more,
        };
        let body = exchange.body(head.framing, &rest, head.expects_continue);
        let request = http::Request::from_parts(parts, body);
        let answer = {
            let mut handling = pin!(handler.handle(request, peer));
            poll_fn(|cx| {
                loop {
                    if let Poll::Ready(answer) = handling.as_mut().poll(cx) {
                        return Poll::Ready(Ok(answer));
                    }
                    if let Err(refusal) = ready!(exchange.poll_beside(false, cx)) {
                        return Poll::Ready(Err(refusal));
                    }
                }
            })
            .await
        };
        exchange.wire.timer.clear();
        match answer {
            Ok(answer) => exchange.answer(answer, drain).await,
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// The request's body: whole if it came with the head, else on its way. What came beyond it is the next request.
    fn body(&mut self, framing: Framing, rest: &Bytes, expects_continue: bool) -> Body {
        let length = match framing {
            Framing::None | Framing::Close => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        match length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) if length <= rest.len() => {
                if length < rest.len() {
                    self.wire.backlog = BytesMut::from(&rest[length..]);
                }
                Body::full(rest.slice(..length))
            }
            _ => {
                self.wire.backlog = BytesMut::from(&rest[..]);
                let (feeder, inbound) = inbound(length);
                let decoder = BodyDecoder::new(framing, self.wire.limits.trailer_bytes_max);
                let owes_continue = expects_continue && rest.is_empty();
                self.coming = Some(Coming::new(feeder, decoder, &self.wire.limits, owes_continue));
                Body::inbound(inbound)
            }
        }
    }

    /// All that goes on beside the handler. Ready when the handler should look again, or must stop.
    fn poll_beside(&mut self, answering: bool, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        if let Some(coming) = self.coming.as_mut().filter(|coming| !coming.is_done()) {
            match coming.poll(self.wire, answering, cx) {
                Poll::Ready(Moved::Piece) => return Poll::Ready(Ok(())),
                Poll::Ready(Moved::Refused(refusal)) => return Poll::Ready(Err(refusal)),
                // Little of what nobody wants now is read, and kept; the end of the exchange decides about the rest.
                Poll::Ready(Moved::Unwanted) if !answering => {
                    ready!(self.wire.poll_left(cx));
                    return Poll::Ready(Err(Refusal::ClientGone));
                }
                Poll::Ready(Moved::Unwanted) | Poll::Pending => {}
            }
            if answering {
                return Poll::Pending;
            }
            let Some(deadline) = coming.deadline else {
                ready!(self.wire.poll_left_unread(cx));
                return Poll::Ready(Err(Refusal::ClientGone));
            };
            self.wire.timer.set(deadline);
            ready!(self.wire.timer.poll(cx));
            return Poll::Ready(Err(Refusal::BodyTimeout));
        }
        ready!(self.wire.poll_left(cx));
        Poll::Ready(Err(Refusal::ClientGone))
    }

    async fn answer(mut self, answer: Response, drain: &Drain) -> Outcome {
        let status = answer.status();
        let (parts, body) = answer.into_parts();
        let answer = http::Response::from_parts(parts, ());
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(&answer).await;
        }
        if status.is_informational() {
            return Outcome::Refused(Refusal::AnswerBroken);
        }
        let framed = framed(&self.method, self.version, status, answer.headers(), &body);
        let readable = self
            .coming
            .as_ref()
            .is_none_or(|coming| coming.is_done() || coming.is_worth_reading(self.wire.limits.unread_bytes_max));
        self.keep_alive &= framed != Framed::Close
            && readable
            && !drain.has_begun()
            && !(answer.headers().contains_key(CONNECTION) && has_token(answer.headers(), &CONNECTION, "close"));
        match self.write(Outgoing::new(body, framed), &answer).await {
            Ok(()) => self.after().await,
            Err(refusal) => Outcome::Broken(refusal),
        }
    }

    /// Writes head and body; the request's body goes on beside it.
    async fn write(&mut self, mut outgoing: Outgoing, answer: &http::Response<()>) -> Result<(), Refusal> {
        let mut started = false;
        let mut pace: Option<Pace> = None;
        poll_fn(|cx| {
            loop {
                let wire = &mut *self.wire;
                if !started && wire.outbox.is_empty() {
                    started = true;
                    let (version, keep_alive, framed) = (self.version, self.keep_alive, outgoing.framed());
                    let start = outgoing.start(&mut wire.io, &mut wire.outbox, cx, |writer| {
                        with_date(|date| encode_response(answer, version, framed, keep_alive, date, writer));
                    });
                    start.map_err(|error| broken(&error))?;
                }
                let written_before = wire.outbox.written();
                let poll = if started {
                    outgoing.poll(&mut wire.io, &mut wire.outbox, cx).map_err(|error| broken(&error))
                } else {
                    // What is left of `100 Continue` goes first.
                    wire.outbox.poll_flush(&mut wire.io, cx).map_err(|_| Refusal::ClientGone)
                };
                if poll?.is_ready() {
                    if started {
                        return Poll::Ready(Ok(()));
                    }
                    continue;
                }
                let moved = wire.outbox.written() - written_before;
                match self.poll_beside(true, cx) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(refusal)) => return Poll::Ready(Err(refusal)),
                    Poll::Pending => {}
                }
                return self.poll_too_slow(&mut pace, moved, cx).map(Err);
            }
        })
        .await
    }

    /// Ready when whoever is waited for is too slow: the client with its reading or its sending, or the handler.
    fn poll_too_slow(&mut self, pace: &mut Option<Pace>, moved: u64, cx: &mut Context<'_>) -> Poll<Refusal> {
        let wire = &mut *self.wire;
        let limits = &wire.limits;
        let blocked = !wire.outbox.is_empty();
        let pace =
            pace.get_or_insert_with(|| Pace::new(limits.write_idle_timeout, limits.rate_grace, limits.write_rate_min));
        if moved > 0 || !blocked {
            pace.moved(usize::try_from(moved).unwrap_or(usize::MAX));
        }
        let (deadline, refusal) = match wire.timer.deadline().filter(|_| moved == 0) {
            _ if blocked => (pace.deadline(), Refusal::WriteTimeout),
            Some(deadline) => (deadline, Refusal::AnswerTimeout),
            None => (Instant::now() + limits.answer_idle_timeout, Refusal::AnswerTimeout),
        };
        let coming = self.coming.as_ref().and_then(|coming| coming.deadline).filter(|coming| *coming < deadline);
        wire.timer.set(coming.unwrap_or(deadline));
        ready!(wire.timer.poll(cx));
        Poll::Ready(if coming.is_some() { Refusal::BodyTimeout } else { refusal })
    }

    /// The answer is written: what is left of the request's body decides about the connection.
    async fn after(mut self) -> Outcome {
        self.wire.timer.clear();
        let Some(mut coming) = self.coming.take().filter(|coming| !coming.is_done()) else {
            return if self.keep_alive { Outcome::Again } else { Outcome::Linger };
        };
        if !self.keep_alive {
            return Outcome::Linger;
        }
        let mut left = self.wire.limits.unread_bytes_max;
        let wire = &mut *self.wire;
        let within = wire.limits.linger_timeout;
        let discard = poll_fn(|cx| coming.poll_discard(wire, &mut left, cx));
        match tokio::time::timeout(within, discard).await {
            Ok(true) => Outcome::Again,
            Ok(false) | Err(_) => Outcome::Linger,
        }
    }

    async fn switch(mut self, answer: &http::Response<()>) -> Outcome {
        let upgraded = answer.extensions().get::<Upgraded>().cloned();
        let Some(upgraded) = upgraded.filter(|_| self.upgrade && self.coming.is_none()) else {
            return Outcome::Refused(Refusal::AnswerBroken);
        };
        self.keep_alive = true;
        match self.write(Outgoing::new(Body::empty(), Framed::None), answer).await {
            Ok(()) => Outcome::Tunnel(upgraded),
            Err(refusal) => Outcome::Broken(refusal),
        }
    }
}

fn broken(error: &OutgoingError) -> Refusal {
    match error {
        OutgoingError::Io(_) => Refusal::ClientGone,
        OutgoingError::Body(_) | OutgoingError::Length => Refusal::AnswerBroken,
    }
}
