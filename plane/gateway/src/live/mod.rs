//! What can be changed while the gateway runs, and who is told.

mod calls;
pub mod control;
pub mod handover;
mod keys;
pub mod memory;

pub use calls::Calls;
pub use keys::keep_keys;
