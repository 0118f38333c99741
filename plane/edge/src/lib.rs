//! The filters at the gateway's edge, for `plane/gateway`, which composes them. The page below is also the README: it must never promise
//! what no test holds.
//!
//! Nothing here opens a socket, follows a route or looks at a clock. What a client sends is hostile; every parser is pure and bounded.
#![doc = include_str!("../README.md")]

pub mod api_keys;
pub mod client;
pub mod compress;
pub mod cors;
pub mod guard;
mod hex;
pub mod jwt;
pub mod log;
pub mod now;
pub mod problem;
mod quality;
mod random;
pub mod rate;
pub mod request_id;
mod source;
pub mod trace;
mod vary;

pub use client::{Client, TrustedHops};
pub use compress::Compressor;
pub use cors::Cors;
pub use guard::{Fetch, Guards, Passed, Refused, RouteGuard};
pub use log::{AccessLog, Record};
pub use now::Now;
pub use problem::{Code, Problem};
pub use request_id::RequestId;
pub use trace::{Span, SpanSink, Trace};
