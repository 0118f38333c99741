//! Bytes to requests and back, for whoever stands between clients and upstreams. The page below is also the README.
//!
//! What always holds: bytes have one reading or none; everything that a peer can make grow or wait has a limit; no route, policy or
//! setting of the gateway is known here.
#![doc = include_str!("../README.md")]

mod body;
pub mod chunk;
pub mod client;
mod date;
mod decode;
mod drain;
mod h1;
mod h2;
mod handler;
pub mod head;
pub mod headers;
mod io;
mod limits;
mod listener;
mod outbox;
mod outgoing;
mod peer;
pub mod proxy;
mod refusal;
mod scratch;
mod serve;
mod timer;
pub mod tls;
mod tunnel;
mod upgraded;
mod websocket;

pub use body::{Body, BodyError};
pub use drain::Drain;
pub use handler::{Handler, Request, Response};
pub use headers::strip_hop_by_hop;
pub use limits::Limits;
pub use listener::Listener;
pub use peer::{Peer, TlsFacts};
pub use refusal::Refusal;
pub use serve::serve;
pub use upgraded::Upgraded;
pub use websocket::{heard_of_connect, is_extended_connect};
