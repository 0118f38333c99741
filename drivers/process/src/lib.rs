//! Runs services as plain processes, each under a small shim that outlives the engine.
//!
//! The wiring makes a [`ProcessDriver`] and gives it to the loop; the program's main calls [`shim::dispatch`] first of all, for
//! the shims are the same program; command line and API read [`logs`]. Always holds: a service lives on when the engine
//! dies, is never started twice for one run id, and leaves no process behind when it is over. It must never decide whether
//! a service should run.
//!
//! What is known about a life is on disk (see `folder.rs`) and in the processes themselves, never in the engine's memory
//! alone, so the next engine takes over where this one left off.

mod driver;
mod environment;
mod error;
mod folder;
mod identity;
mod launch;
mod life;
mod lock;
pub mod logs;
mod placeholder;
mod ports;
mod record;
pub mod shim;
mod takeover;
mod watch;

pub use driver::{Clock, Options, ProcessDriver};
pub use error::ProcessError;
pub use record::LogBounds;
