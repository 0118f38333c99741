//! The engine's side of the gateway: tells it which instances are ready, starts the services that its requests wait for, and
//! tells the engine how requests go.
//!
//! Used by the wiring alone. Always holds: everything is sent whole each time, so that a gateway which was dead, slow or restarted is
//! soon in step again; nothing here keeps the engine waiting, and nothing of the gateway is lost when the engine dies: it goes on
//! with the last lists. It must never decide anything: it passes on.

mod client;
mod link;
mod listening;
mod lists;
mod parting;
mod seen;

pub use client::{Client, Unreachable};
pub use link::{Heard, Link, Options};
