//! The gateway over real sockets: real origins, raw clients, one gateway for each test.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod cache;
mod doors;
mod edge;
mod endpoints;
mod forwarding;
mod house;
mod leaving;
mod live;
mod multiplexed;
mod seen;
mod shared;
mod stage;
mod streams;
mod together;
mod upkeep;
mod websocket;
