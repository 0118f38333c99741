//! How many, how long, for whom: the settings of a bulkhead, and the whole numbers they come to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Priority;
use crate::shares::PerPriority;

/// The settings of a bulkhead. Any values are good: what cannot be is held at the nearest that can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BulkheadSettings {
    /// How many calls may be under way at once; at least 1. The default suits a pool of connections to one service.
    pub permits: usize,
    /// How many calls may wait. When the line is full, the last to come of the least important makes way for a more important one;
    /// 0 refuses at once. A long line only makes answers late: twice the permits is plenty.
    pub waiting_max: usize,
    /// How long a call may wait, in milliseconds, if its own deadline does not come first.
    pub wait_ms_max: u64,
    /// The share of the permits, from 0 to 1, that only calls of each priority may use. It is kept free for them: a guarantee that
    /// others may borrow is worth nothing when the borrower hangs. All the rest is for whoever is most important. Shares that
    /// come to all permits or more are cut from the least important on: one permit is always for anybody.
    pub guaranteed_shares: PerPriority<f64>,
}

impl Default for BulkheadSettings {
    fn default() -> Self {
        Self {
            permits: 64,
            waiting_max: 128,
            wait_ms_max: 500,
            // A fifth for what must go through; a twentieth so that what nobody waits for still moves on under constant load.
            guaranteed_shares: PerPriority { critical: 0.2, normal: 0.0, low: 0.0, background: 0.05 },
        }
    }
}

impl BulkheadSettings {
    pub(super) const fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_ms_max)
    }
}

/// The whole numbers that settings come to. The guarantees always leave one permit that anybody may have: otherwise whoever has
/// no guarantee would be locked out for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How many may be under way at once.
    pub permits: usize,
    /// How many of those only each priority may use.
    pub guarantees: PerPriority<usize>,
    /// How many may wait.
    pub waiting_max: usize,
}

impl Plan {
    /// What these settings come to. A share is rounded down: a guarantee never grows at the cost of the others.
    pub fn of(settings: &BulkheadSettings) -> Self {
        let permits = settings.permits.max(1);
        let mut left = permits - 1;
        let guarantees = PerPriority::from_fn(|priority: Priority| {
            // A share that is no number becomes 0 in the conversion.
            let wanted = (settings.guaranteed_shares[priority].clamp(0.0, 1.0) * permits as f64) as usize;
            let given = wanted.min(left);
            left -= given;
            given
        });
        Self { permits, guarantees, waiting_max: settings.waiting_max }
    }
}
