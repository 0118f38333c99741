//! The gateway: where users' requests come in, and how each of them gets to a service that may be slow, broken, gone or not there yet.
//!
//! Run as `homeostat gateway`, a process of its own. The wire brings requests (`homeostat-wire`), the table says where they go
//! (`homeostat-routing`), policies bring them there (`homeostat-resilience`); this crate composes them, keeps connections to endpoints,
//! and lets everything be changed while it runs. It never waits for the engine.

mod answer;
mod cache;
mod certificates;
mod complaints;
mod doors;
mod forward;
mod front;
mod gateway;
mod live;
mod mishap;
mod plan;
mod run;
mod runtimes;
mod standing;
mod telemetry;
mod upstream;
mod view;
mod visit;
mod workers;

pub use gateway::{Gateway, Reader, Written};
pub use run::{CONTROL_SOCKET, Options, Ready, RunError, run};
