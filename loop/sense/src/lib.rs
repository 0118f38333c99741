//! Health probes: asks each watched instance, at its own pace, whether it is well, and reports what it heard as signals.
//!
//! Called by the engine's shell, which tells the [`Prober`] what runs and forgets what does not. Always holds: each check has
//! its own task, timer and timeout, so a check that hangs delays nobody; a probe changes nothing in what it asks; a full signal
//! queue loses the newest result (counted) and never blocks a check. It must never judge: how many failures make an instance
//! unhealthy is for `loop/detect` to say.

mod address;
mod cadence;
mod exec;
mod http;
mod placeholder;
mod probe;
mod prober;

pub use prober::{Clock, Prober, Watch};
