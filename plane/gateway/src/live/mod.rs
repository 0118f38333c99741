//! What can be changed while the gateway runs, and who is told.

mod calls;
mod control;
mod desks;
pub mod handover;
mod keys;
pub mod memory;

pub use calls::Calls;
pub use desks::{Desks, Named, prepare};
pub use keys::keep_keys;
