//! The life of a connection: wait for a head, serve it, and again, until somebody wants no more.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::io::AsyncWriteExt;

use super::exchange::{Exchange, Outcome};
use super::wire::{Next, Wire};
use crate::date::with_date;
use crate::drain::Drain;
use crate::handler::Handler;
use crate::head::{Framed, encode_response};
use crate::io::Io;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::scratch;
use crate::upgraded::Upgraded;

/// Bytes that are read and dropped from a refused client before its connection is closed whatever it sends.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// So long a connection without a request stays when the drain begins. Its client may be sending one at this very moment, and who
/// opened it just now will not try again: what comes is answered, and told that it was the last.
const LEAVES_WITHIN: Duration = Duration::from_millis(500);

/// How a connection ended, for whoever goes on with its stream.
#[derive(Debug)]
pub(crate) enum End {
    /// It is closed.
    Closed,
    /// The client speaks HTTP/2: the stream, and what was read of it.
    Http2(Io, Bytes),
    /// Another protocol was agreed on: the stream, what was read ahead, and the other stream.
    Tunnel(Io, Bytes, Upgraded),
}

/// Serves a connection until it ends.
pub(crate) async fn serve_connection<H: Handler>(
    io: Io,
    peer: &Arc<Peer>,
    limits: &Arc<Limits>,
    handler: &H,
    drain: &Drain,
) -> End {
    let mut wire = Wire::new(io, Arc::clone(limits));
    let mut draining = drain.watch();
    let mut requests = 0_u32;
    loop {
        wire.next_head();
        let mut leaves = false;
        let next = poll_fn(|cx| {
            let next = wire.poll_next(cx);
            let waits = next.is_pending() && !wire.is_in_head() && !leaves;
            if waits && (drain.has_begun() || draining.as_mut().poll(cx).is_ready()) {
                leaves = true;
                wire.wait_at_most(LEAVES_WITHIN);
                return wire.poll_next(cx);
            }
            next
        });
        let (head, rest) = match next.await {
            Next::Request(head, rest) => (head, rest),
            Next::Http2(start) if requests == 0 && limits.http2 => return End::Http2(wire.io, start),
            Next::Http2(_) => return refuse(wire, Refusal::Version, handler, peer).await,
            Next::Left => return End::Closed,
            Next::Refused(refusal) => return refuse(wire, refusal, handler, peer).await,
        };
        requests += 1;
        wire.timer.clear();
        let more = requests < limits.requests_max;
        // Boxed, because a handler's future is large and most connections are idle most of the time.
        let outcome = boxed(|| Exchange::run(&mut wire, *head, rest, handler, peer, more, drain)).await;
        match outcome {
            Outcome::Again => {}
            Outcome::Linger => return linger(wire).await,
            Outcome::Tunnel(upgraded) => return End::Tunnel(wire.io, wire.backlog.freeze(), upgraded),
            Outcome::Refused(refusal) => return refuse(wire, refusal, handler, peer).await,
            Outcome::Broken(refusal) => {
                handler.refused(refusal, peer);
                return End::Closed;
            }
        }
    }
}

/// A future made where it will lie. `Box::pin` would make it on the stack and then move all of it, the room for what it has not begun
/// included: kilobytes for each request.
fn boxed<F>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}

/// Answers what is wrong, where the client can still hear it, and closes.
async fn refuse<H: Handler>(mut wire: Wire, refusal: Refusal, handler: &H, peer: &Arc<Peer>) -> End {
    handler.refused(refusal, peer);
    let Some(status) = refusal.status() else { return End::Closed };
    let answer = refusal_bytes(refusal, status);
    let write = async {
        wire.io.write_all(&answer).await?;
        wire.io.flush().await
    };
    match tokio::time::timeout(wire.limits.linger_timeout, write).await {
        Ok(Ok(())) => linger(wire).await,
        _ => End::Closed,
    }
}

fn refusal_bytes(refusal: Refusal, status: StatusCode) -> Vec<u8> {
    let problem = refusal.problem(status);
    let mut answer = http::Response::new(());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let mut bytes = Vec::new();
    let framed = Framed::Length(problem.len() as u64);
    with_date(|date| encode_response(&answer, http::Version::HTTP_11, framed, false, date, &mut bytes));
    bytes.extend_from_slice(&problem);
    bytes
}

/// Closes so that the client sees the answer: a close with unread bytes would reset the connection and with it what was written.
async fn linger(mut wire: Wire) -> End {
    let _ = wire.io.shutdown().await;
    let mut left = LINGER_BYTES_MAX;
    let read = poll_fn(|cx| {
        loop {
            match std::task::ready!(scratch::poll_read(&mut wire.io, cx, left, <[u8]>::len)) {
                Ok(taken) if taken > 0 && taken < left => left -= taken,
                _ => return Poll::Ready(()),
            }
        }
    });
    let _ = tokio::time::timeout(wire.limits.linger_timeout, read).await;
    End::Closed
}
