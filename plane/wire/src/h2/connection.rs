//! One HTTP/2 connection to its end.
//!
//! What always holds: a peer that resets requests faster than it lets them finish, floods control frames or header blocks, or does
//! not answer a ping loses its connection; an idle connection ends like one of HTTP/1.1.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
use http::{Request as HttpRequest, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::extended::Asked;
use super::opening::Opening;
use super::request::{normalise, refusal};
use super::tally::{Tally, UnderWay};
use crate::drain::Drain;
use crate::handler::{Handler, Response};
use crate::io::Io;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::refusal::Refusal;

/// Streams that a client has reset before they were looked at: the `h2` crate's own answer to rapid reset.
const PENDING_RESETS_MAX: usize = 20;
/// Streams that we had to reset for what the client did on them.
const LOCAL_RESETS_MAX: usize = 100;
/// Bytes that a client may send ahead on one stream, and on all: enough for a fast upload over a distance, and small against
/// `streams_max` connections that never read.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of an answer that wait for a client on one stream.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Serves HTTP/2 until the connection ends. `start` is what was read of it already.
pub(crate) async fn serve_h2<H: Handler>(
    io: Io,
    start: Bytes,
    peer: &Arc<Peer>,
    limits: &Arc<Limits>,
    handler: &H,
    drain: &Drain,
) {
    let tally = Arc::new(Tally::default());
    let service = service_fn(|mut request: HttpRequest<Incoming>| {
        let asked = Asked::of(&mut request, limits, drain);
        let (handler, peer, limits) = (handler.clone(), Arc::clone(peer), Arc::clone(limits));
        let under_way = UnderWay::new(&tally);
        async move {
            let answer = answer(request, asked, &handler, &peer, &limits, &under_way).await;
            Ok::<_, Infallible>(under_way.follow(answer))
        }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(LOCAL_RESETS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_interval);
    let opened_wrong = Arc::new(AtomicBool::new(false));
    let opening = Opening::new(start, io, Arc::clone(&opened_wrong));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(opening), service));
    let mut draining = drain.watch();
    let mut ending = false;
    let mut seen = 0;
    let mut quiet = Duration::ZERO;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if opened_wrong.load(Ordering::Relaxed) || ended.is_err_and(|error| is_hostile(&error)) {
                    handler.refused(Refusal::Http2, peer);
                }
                return;
            }
            () = tally.flooded() => return handler.refused(Refusal::Http2, peer),
            () = draining.as_mut(), if !ending => {}
            () = tokio::time::sleep(limits.idle_timeout) => {
                let moved = tally.moved();
                quiet = if moved == seen { quiet + limits.idle_timeout } else { Duration::ZERO };
                seen = moved;
                // Streams may be silent for long and still be in use; nothing on any of them for this long is a client that
                // does not read, or a connection that both sides have forgotten.
                // Tunnels have a limit of their own, and end by it.
                let tunnels = if tally.tunnels() > 0 { limits.tunnel_idle_timeout } else { Duration::ZERO };
                if tally.open() > 0 && quiet >= limits.answer_idle_timeout.max(tunnels) {
                    return handler.refused(Refusal::WriteTimeout, peer);
                }
                if quiet.is_zero() || tally.open() > 0 {
                    continue;
                }
                if ending {
                    return;
                }
            }
        }
        ending = true;
        connection.as_mut().graceful_shutdown();
    }
}

async fn answer<H: Handler>(
    request: HttpRequest<Incoming>,
    asked: Result<Option<Asked>, Refusal>,
    handler: &H,
    peer: &Arc<Peer>,
    limits: &Limits,
    under_way: &UnderWay,
) -> Response {
    let refused = |why| {
        handler.refused(why, peer);
        refusal(why)
    };
    let (asked, request) = match asked.and_then(|asked| Ok((asked, normalise(request, limits)?))) {
        Ok(both) => both,
        Err(why) => return refused(why),
    };
    let mut answer = handler.handle(request, peer).await;
    if let Some(asked) = asked {
        answer = match asked.answer(answer, (handler, peer), limits, under_way.tally()) {
            Ok(answer) => answer,
            Err(why) => return refused(why),
        };
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        answer.headers_mut().remove(name);
    }
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
    }
    answer
}

/// Whether the connection ended for frames that the peer sent, and not because it left or its stream or TLS broke.
fn is_hostile(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            return h2.reason().is_some_and(|reason| reason != h2::Reason::NO_ERROR);
        }
        source = cause.source();
    }
    false
}
