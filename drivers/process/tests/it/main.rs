//! The driver against real processes: every fault a service, a shim or an engine can come to.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod adopting;
mod bed;
mod ending;
mod logging;
mod starting;
mod taking_over;
