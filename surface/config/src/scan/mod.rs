//! The scan of `homeostat init`: what runs on this host and what stands in the folder, and a first configuration from it.
//!
//! Only facts are taken: what listens, which units and sockets exist, what a Procfile says. Nothing is connected to, nothing
//! leaves the host, and no command line or environment of another process is read, because secrets stand there.

mod compose;
mod folder;
mod host;
mod listener;

pub use compose::{Draft, compose};
pub use host::{Scan, host};
pub use listener::{Listener, Process};
