//! What a stack has learned, kept over a restart: written now and then by whoever has a place for it, read once at the start.
//!
//! What always holds: the older it is, the less it counts; what is known by now stays; values that cannot have been learned are
//! passed over, whoever wrote them. Not kept, on purpose:
//!
//! - **the budget** of extra attempts. Its window is ten seconds. Credit of a process that is gone would pay for a storm against
//!   services that see none of its calls any more; debt would forbid the first retries for what another process spent. It begins
//!   as after ten quiet seconds, with its minimum and no more, so nothing is won by restarting;
//! - **the rate**: who may call how often was agreed on for longer than a restart takes, and a full burst is within it;
//! - counters: whoever reads them knows restarts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::layers::Layers;
use crate::breaker::BreakerMemory;
use crate::eternal::EternalMemory;
use crate::latency::Weights;
use crate::memory::Memory;

/// The form that this release writes. A release reads its own, and says so of others.
pub const STATE_VERSION: u32 = 1;

/// What a stack has learned. When it was written is for the writer to keep beside it, by the clock on the wall:
///
/// ```
/// use std::time::SystemTime;
/// # use homeostat_reactor::ManualClock;
/// # use homeostat_resilience::stack::{Stack, StackState};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Kept { at: SystemTime, state: StackState }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let build = || Stack::builder("orders", &ManualClock::new().clock()).build::<u16>();
/// # let (orders, orders_after_the_restart) = (build()?, build()?);
/// let written = serde_json::to_string(&Kept { at: SystemTime::now(), state: orders.state() })?;
///
/// // After the restart, once the endpoints are there. A clock that went back makes it fresh.
/// let kept: Kept = serde_json::from_str(&written)?;
/// let age = kept.at.elapsed().unwrap_or_default();
/// orders_after_the_restart.restore(&kept.state, age)?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StackState {
    /// The form it is written in.
    pub version: u32,
    /// What was learned of the endpoints, by name.
    #[serde(default)]
    pub endpoints: Memory,
    /// How long good answers take, for hedging.
    #[serde(default)]
    pub hedge: Weights,
    /// The limit that was learned.
    #[serde(default)]
    pub limit: Option<f64>,
    /// What the breaker was.
    #[serde(default)]
    pub breaker: BreakerMemory,
    /// What eternal mode had learned.
    #[serde(default)]
    pub eternal: EternalMemory,
}

/// The state is of a form that this release does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state is of version {version}; this release reads version {STATE_VERSION}, and begins without it")]
pub struct UnknownState {
    /// The version it says.
    pub version: u32,
}

impl StackState {
    pub(super) fn of<T>(layers: &Layers<T>) -> Self {
        Self {
            version: STATE_VERSION,
            endpoints: layers.balancer.memory(),
            hedge: layers.hedge.memory(),
            limit: layers.limiter.memory(),
            breaker: layers.breaker.memory(),
            eternal: layers.eternal.memory(),
        }
    }

    pub(super) fn restore<T>(&self, layers: &Layers<T>, age: Duration) -> Result<(), UnknownState> {
        if self.version != STATE_VERSION {
            return Err(UnknownState { version: self.version });
        }
        layers.balancer.recall(&self.endpoints, age);
        layers.hedge.recall(&self.hedge, age);
        if let Some(limit) = self.limit {
            layers.limiter.recall(limit, age);
        }
        layers.breaker.recall(&self.breaker, age);
        layers.eternal.recall(&self.eternal, age);
        Ok(())
    }
}
