//! The crate's integration tests, in one binary: raw bytes in and out over real sockets.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod client;
mod forwarding;
mod hops;
mod http2;
mod properties;
mod proxy;
mod refusals;
mod requests;
mod server;
mod slow;
mod tls;
