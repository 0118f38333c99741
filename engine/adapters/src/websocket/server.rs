//! The side that listens: for those who follow a feed, or for those who push theirs.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt;
use homeostat_reactor::{Clock, Event};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming as Body};
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use hyper::http::request::Parts;
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::desk::Desk;
use super::incoming::{AtWork, Incoming, ReceiveOptions};
use super::places::{Origin, Places, Policy};
use super::send::send;
use super::shelf::{Outgoing, Shelf};
use super::wire::{Liveness, Wire, config};
use super::words::{PROTOCOL, RECEIVER_WORD_BYTES_MAX};
use crate::door::{Answer, Door, DoorSnapshot, Guest, Host, Opened, Turn, header, problem};
use crate::error::AdapterError;

/// Offers a feed to everybody the door lets in, until what this gives is dropped.
pub async fn serve(
    feed: &impl Outgoing,
    door: Door,
    liveness: Liveness,
    clock: Clock,
) -> Result<FeedServer, AdapterError> {
    let offer = Arc::new(Offer { feed: feed.clone(), liveness, clock: clock.clone() });
    Ok(FeedServer { opened: door.open(offer, clock).await? })
}

/// Takes the feeds that others push. Those in `known` go on where an earlier process was; what each had handled up to there it does
/// not take again.
pub async fn collect<T: Event + DeserializeOwned>(
    door: Door,
    known: Vec<Origin>,
    options: ReceiveOptions,
    clock: Clock,
) -> Result<Incoming<T>, AdapterError> {
    let mut places = Places::new(Policy::Many, options.feeds_max.max(1));
    known.into_iter().for_each(|origin| places.restore(origin));
    let (desk, arrivals) = Desk::new(places, options, clock.clone());
    let desk = Arc::new(desk);
    let opened = door.open(Arc::new(Counter { desk: Arc::clone(&desk) }), clock.clone()).await?;
    Ok(Incoming::new(arrivals, desk, clock, AtWork::Listening(opened)))
}

/// Offers a feed; ends with all its sessions when this is dropped.
#[derive(Debug)]
pub struct FeedServer {
    opened: Opened,
}

impl FeedServer {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.opened.address
    }

    /// Who came.
    pub fn snapshot(&self) -> DoorSnapshot {
        self.opened.snapshot()
    }
}

struct Offer<F> {
    feed: F,
    liveness: Liveness,
    clock: Clock,
}

impl<F: Shelf> Host for Offer<F> {
    async fn turn(self: Arc<Self>, request: Request<Body>) -> Turn {
        upgrade(&request.into_parts().0, move |upgraded| {
            let session = async move {
                let wire = wire(upgraded, RECEIVER_WORD_BYTES_MAX, &self.clock, self.liveness).await;
                send(wire, &self.feed, &self.clock).await;
            };
            session.boxed()
        })
    }
}

struct Counter<T> {
    desk: Arc<Desk<T>>,
}

impl<T: Event + DeserializeOwned> Host for Counter<T> {
    async fn turn(self: Arc<Self>, request: Request<Body>) -> Turn {
        upgrade(&request.into_parts().0, move |upgraded| {
            let session = async move {
                let options = *self.desk.options();
                let wire = wire(upgraded, options.message_bytes_max, self.desk.clock(), options.liveness).await;
                self.desk.receive(wire).await;
            };
            session.boxed()
        })
    }
}

async fn wire(
    upgraded: Upgraded,
    message_bytes_max: usize,
    clock: &Clock,
    liveness: Liveness,
) -> Wire<TokioIo<Upgraded>> {
    let config = Some(config(message_bytes_max));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, config).await;
    Wire::new(socket, clock.clone(), liveness)
}

/// Agrees to speak WebSocket, if that is what was asked for, in our words.
fn upgrade(
    head: &Parts,
    guest: impl FnOnce(Upgraded) -> futures::future::BoxFuture<'static, ()> + Send + 'static,
) -> Turn {
    let ours = header(head, SEC_WEBSOCKET_PROTOCOL.as_str())
        .is_some_and(|offered| offered.split(',').any(|protocol| protocol.trim() == PROTOCOL));
    if !ours {
        let detail = format!("here is a WebSocket of subprotocol {PROTOCOL}");
        let mut answer = problem(StatusCode::UPGRADE_REQUIRED, &detail);
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Turn::Answer(answer);
    }
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.version_mut() = head.version;
    *request.headers_mut() = head.headers.clone();
    match create_response(&request) {
        Err(error) => Turn::Answer(problem(StatusCode::BAD_REQUEST, &error.to_string())),
        Ok(agreed) => {
            let mut answer: Answer = agreed.map(|()| Full::new(Bytes::new()));
            answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
            Turn::Upgrade(answer, Box::new(guest) as Guest)
        }
    }
}
