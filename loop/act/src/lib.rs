//! The act stage: plans are carried out as sagas, step by step, through drivers.
//!
//! Called by the engine's shell with the effects of the controller. Always holds: no driver is called before the intent is
//! durable (the saga engine sees to that). It must never decide anything; it does what a plan says.

pub mod driver;

pub use driver::{Driver, DriverError, Pending, Sighting, StartOrder};
