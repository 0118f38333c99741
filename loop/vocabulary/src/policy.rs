//! Policy: what the owner allows. The whole resolved configuration that the loop reads, as one value.

use crate::{Millis, Service, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the owner allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// Everything looked after.
    pub services: BTreeMap<ServiceName, Service>,
    /// Limits of the repairs.
    pub repair: Repair,
    /// Which parts of the engine may work at all.
    pub switches: Switches,
    /// Bounds for the number of instances.
    pub scaling: Scaling,
}

/// Limits of the repairs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repair {
    /// Wait before the second attempt in a row; the first is made at once. It doubles with each attempt.
    pub backoff_first: Millis,
    /// The longest wait between attempts; attempts go on at this pace for ever.
    pub backoff_max: Millis,
    /// An instance that was ready this long begins again with no wait.
    pub backoff_reset: Millis,
    /// Repairs of one instance within `budget_window` before the engine slows to one a `backoff_max` and calls for a person.
    pub budget: u32,
    /// The window of `budget`.
    pub budget_window: Millis,
    /// How long an instance must stay ready after a repair before the repair counts as a success.
    pub verify_window: Millis,
    /// How long an instance may take to become ready after a repair before the repair counts as a failure.
    pub verify_deadline: Millis,
    /// How long an approval is waited for before the plan is void.
    pub approval_deadline: Millis,
}

impl Default for Repair {
    fn default() -> Self {
        Self {
            backoff_first: Millis(500),
            backoff_max: Millis::from_secs(60),
            backoff_reset: Millis::from_secs(60),
            budget: 3,
            budget_window: Millis::from_secs(15 * 60),
            verify_window: Millis::from_secs(5),
            verify_deadline: Millis::from_secs(30),
            approval_deadline: Millis::from_secs(60 * 60),
        }
    }
}

/// Which parts of the engine may work at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Switches {
    /// Repairs may be carried out.
    pub recovery: bool,
    /// Health checks are judged.
    pub detection: bool,
    /// Models may take part in decisions. None does yet, so this may only be false.
    pub ai_decisions: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { recovery: true, detection: true, ai_decisions: false }
    }
}

/// Bounds for the number of instances, and the thresholds that scaling by load will use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scaling {
    /// When true, the declared number of instances is held within the bounds.
    pub enabled: bool,
    /// At least this many.
    pub instances_min: u16,
    /// At most this many.
    pub instances_max: u16,
    /// Processor use, in percent, above which an instance is added.
    pub cpu_up_percent: u8,
    /// Processor use, in percent, below which an instance is taken away.
    pub cpu_down_percent: u8,
    /// Memory use, in percent, above which an instance is added.
    pub memory_up_percent: u8,
    /// Memory use, in percent, below which an instance is taken away.
    pub memory_down_percent: u8,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            enabled: false,
            instances_min: 1,
            instances_max: 10,
            cpu_up_percent: 80,
            cpu_down_percent: 30,
            memory_up_percent: 85,
            memory_down_percent: 40,
        }
    }
}
