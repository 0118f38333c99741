//! An adaptive limit on concurrent calls: as many as the other side can take, found from latency and success, and what is less
//! important makes way before the limit is full.
//!
//! [`ConcurrencyLimiter`] is the policy. Beneath it, without clock or async: [`learner`] measures and holds bounds, [`algorithm`] has
//! the three ways to find a limit (AIMD, Vegas, gradient) behind one trait. Nobody waits here: put a
//! [`Bulkhead`](crate::bulkhead::Bulkhead) outside for a line.

pub mod algorithm;
pub mod learner;
mod limiter;
mod memory;
mod running;
mod settings;
pub mod window;

pub use limiter::{ConcurrencyBuilder, ConcurrencyLimiter, ConcurrencySnapshot};
pub use running::Running;
pub use settings::{AlgorithmKind, Bounds, ConcurrencySettings};
