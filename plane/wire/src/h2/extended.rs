//! Extended CONNECT (RFC 8441): a WebSocket that is one stream of an HTTP/2 connection. Handlers and upstreams see the upgrade that
//! HTTP/1.1 has; behind a granted one the stream and the upstream's connection become one tunnel.
//!
//! What always holds: the client hears of success only when there is a tunnel; a tunnel has a seat of its own, as a connection that is
//! one has over HTTP/1.1, so that the same limit and the same drain hold for both.

use std::sync::Arc;

use bytes::Bytes;
use http::header::SEC_WEBSOCKET_ACCEPT;
use http::{Method, Request as HttpRequest, StatusCode};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::tally::{Tally, Tunnelling};
use crate::drain::{Drain, Seat};
use crate::handler::{Handler, Response};
use crate::io::Io;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::tunnel::tunnel;
use crate::upgraded::Upgraded;
use crate::websocket::{self, WEBSOCKET};

/// A WebSocket that a client asks for.
pub(super) struct Asked {
    stream: OnUpgrade,
    seat: Seat,
}

impl Asked {
    /// Makes a request for a WebSocket the one that HTTP/1.1 would have sent; `None` for any other, which stays as it is.
    pub(super) fn of(
        request: &mut HttpRequest<Incoming>,
        limits: &Limits,
        drain: &Drain,
    ) -> Result<Option<Self>, Refusal> {
        if *request.method() != Method::CONNECT {
            return Ok(None);
        }
        let protocol = request.extensions().get::<Protocol>();
        if !protocol.is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case(WEBSOCKET)) {
            return Ok(None);
        }
        if drain.open() >= limits.connections_max {
            return Err(Refusal::TooManyConnections);
        }
        let stream = hyper::upgrade::on(&mut *request);
        websocket::ask(request);
        Ok(Some(Self { stream, seat: drain.seat() }))
    }

    /// What the client hears. A good answer that grants nothing would be taken for a tunnel.
    pub(super) fn answer<H: Handler>(
        self,
        mut answer: Response,
        (handler, peer): (&H, &Arc<Peer>),
        limits: &Limits,
        tally: &Arc<Tally>,
    ) -> Result<Response, Refusal> {
        let granted = answer.extensions_mut().remove::<Upgraded>();
        match granted.filter(|_| answer.status() == StatusCode::SWITCHING_PROTOCOLS) {
            Some(upgraded) => {
                let (handler, peer, idle) = (handler.clone(), Arc::clone(peer), limits.tunnel_idle_timeout);
                let tunnelling = Tunnelling::new(tally);
                // A task of its own, as the stream is there only once the head of the answer is gone; it ends with either side, with
                // the connection, or when nothing moves.
                tokio::spawn(async move {
                    let Self { stream, seat: _seat } = self;
                    let Ok(stream) = stream.await else { return };
                    let io = Io::Http2(Box::new(TokioIo::new(stream)));
                    let (up, down) = tunnel(io, Bytes::new(), &upgraded, idle, || tunnelling.moved()).await;
                    handler.tunnel_ended(up, down, &peer);
                });
                *answer.status_mut() = StatusCode::OK;
                answer.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
                Ok(answer)
            }
            None if answer.status().is_success() => Err(Refusal::WebSocket),
            None => Ok(answer),
        }
    }
}
