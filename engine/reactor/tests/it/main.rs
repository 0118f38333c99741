//! The tests of the crate, as its user sees it.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod aggregate;
mod durable;
mod flow;
mod foundation;
mod pipeline;
mod queue;
mod reactor;
mod route;
mod stream;
mod urgency;
mod window;
