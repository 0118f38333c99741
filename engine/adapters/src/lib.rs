//! Ways into and out of the reactor: WebSocket, HTTP, tables of a database, the journal; and rules of a router from a file.
//!
//! Each way in is a stream with a bounded queue before it, to be given to a router or an emitter; each way out is a
//! [`Sink`](homeostat_reactor::route::Sink), to be given to a router as a target. Nothing here decides where an event goes, and
//! nothing here loses one without saying so: a full queue is answered or pushes back, a gap is an event of its own, a refused batch
//! comes back to the router with the cause.
//!
//! Servers listen on this machine alone unless they are given a token. Nothing is encrypted: in front of other machines belongs a
//! proxy that speaks TLS.

#[cfg(any(feature = "http", feature = "websocket"))]
mod door;
mod error;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "journal")]
pub mod journal;
#[cfg(any(feature = "http", feature = "websocket"))]
mod remote;
#[cfg(feature = "rules-file")]
pub mod rules_file;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod table;
#[cfg(any(feature = "http", feature = "websocket"))]
mod token;
#[cfg(any(feature = "http", feature = "journal", feature = "websocket"))]
mod unique;
#[cfg(feature = "websocket")]
pub mod websocket;

#[cfg(any(feature = "http", feature = "websocket"))]
pub use door::{Door, DoorSnapshot};
pub use error::AdapterError;
#[cfg(any(feature = "http", feature = "websocket"))]
pub use remote::Remote;
#[cfg(any(feature = "http", feature = "websocket"))]
pub use token::Token;
