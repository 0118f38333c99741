//! Events by HTTP: posted to us, and posted by us in batches.
//!
//! [`receive`] serves `POST` of one event as JSON, or of many as NDJSON, and gives them on as a stream. It answers 202 once all of
//! them are in the queue of their class and 429 when one has no room there, and then none of them is taken. [`HttpSink`] is the other
//! side: what the router gives it at once goes out as one batch under one idempotency key, so that neither a lost answer nor a
//! second attempt doubles it.

mod answer;
mod body;
mod intake;
mod receive;
mod repeats;
mod send;

pub use intake::PostedEvents;
pub use receive::{HttpLimits, HttpServer, HttpServerSnapshot, receive};
pub use send::{BatchFormat, HttpSink};
