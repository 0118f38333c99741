//! HTTP/1.1 to clients: one task a connection.
//!
//! What always holds: an idle connection holds no buffer and no handler, only its socket and a few counters; what is read into is the
//! thread's scratch. Requests of one connection are answered one after the other, in order.

mod answer;
mod connection;
mod exchange;
mod inbound;
mod meanwhile;
mod wire;

pub(crate) use connection::{End, serve_connection};
pub(crate) use inbound::Inbound;
