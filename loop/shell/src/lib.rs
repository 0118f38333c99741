//! The shell around the controller: runs it against the real world.
//!
//! Called by the wiring in `bin/homeostat`, which builds the parts and hands them over. Always holds: one task owns the state;
//! facts are durable before the effects that rest on them; time never runs backwards. It must never decide anything: every
//! decision is the controller's, which is why the simulator can stand in for this crate.

mod chores;
mod clock;
mod engine;
mod error;
pub mod kill_switch;
mod memory;
mod told;

pub use chores::{heed_signals, prune};
pub use clock::{Clock, steady};
pub use engine::Engine;
pub use error::ShellError;
pub use memory::{Remembered, recall};
pub use told::{Answer, Asker, SagaWord, Told, Word, hearing, pass_on_sagas};
