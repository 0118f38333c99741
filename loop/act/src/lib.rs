//! The act stage: plans are carried out as sagas, step by step, through drivers.
//!
//! Called by the engine's shell with the effects of the controller. Always holds: no driver is called before the intent is
//! durable (the saga engine sees to that), and a step asked for twice happens once. It must never decide anything; it does
//! what a plan says.

pub mod driver;
mod hands;
mod parting;
mod script;

pub use driver::{Driver, DriverError, Pending, Sighting, StartOrder};
pub use hands::{PolicySource, StepHands};
pub use parting::Parting;
pub use script::{Deed, end_of, run_of, saga_of};
