//! A seeded world in virtual time that drives the real controller and the real saga core, and watches that what must always
//! hold does hold.
//!
//! Used by its own tests and by `simulate`, the example that tells the story of one seed. Always holds: one thread, no clock,
//! no order from a hash map: a seed and a commit give the same run. It must never hold logic of the product: the shell here
//! only does what the live shell does, in virtual time.

mod agenda;
mod declare;
mod engine;
mod gateway;
mod hands;
mod invariants;
mod journal;
mod probes;
mod recovery;
mod resting;
pub mod scenario;
mod script;
mod settle;
mod simulation;
mod story;
pub mod swarm;
mod world;

pub use invariants::Violation;
pub use script::{Deed, Expectation, Wish};
pub use settle::SETTLE_MAX;
pub use simulation::{BEGINNING, Counts, KillPoint, Luck, Setup, Simulation};
pub use world::{CallFault, Mood, Nature};
