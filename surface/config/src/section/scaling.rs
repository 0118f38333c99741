//! `[scaling]`: bounds for the number of instances.

use homeostat_vocabulary as vocabulary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds for the number of instances, and the thresholds that scaling by load will use once it exists.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scaling {
    /// When true, the number of instances that each service declares is held within the bounds. Also set by the plain
    /// variable `AUTO_SCALING_ENABLED`.
    pub enabled: bool,
    /// At least this many instances of each service. Also `MIN_INSTANCES`.
    #[schemars(range(min = 1, max = 1000))]
    pub instances_min: u16,
    /// At most this many instances of each service. Also `MAX_INSTANCES`.
    #[schemars(range(min = 1, max = 1000))]
    pub instances_max: u16,
    /// Processor use, in percent, above which an instance is added. Also `CPU_THRESHOLD_UP`.
    #[schemars(range(min = 1, max = 100))]
    pub cpu_up_percent: u8,
    /// Processor use, in percent, below which an instance is taken away. Also `CPU_THRESHOLD_DOWN`.
    #[schemars(range(min = 0, max = 99))]
    pub cpu_down_percent: u8,
    /// Memory use, in percent, above which an instance is added. Also `MEMORY_THRESHOLD_UP`.
    #[schemars(range(min = 1, max = 100))]
    pub memory_up_percent: u8,
    /// Memory use, in percent, below which an instance is taken away. Also `MEMORY_THRESHOLD_DOWN`.
    #[schemars(range(min = 0, max = 99))]
    pub memory_down_percent: u8,
}

impl Default for Scaling {
    fn default() -> Self {
        let scaling = vocabulary::Scaling::default();
        Self {
            enabled: scaling.enabled,
            instances_min: scaling.instances_min,
            instances_max: scaling.instances_max,
            cpu_up_percent: scaling.cpu_up_percent,
            cpu_down_percent: scaling.cpu_down_percent,
            memory_up_percent: scaling.memory_up_percent,
            memory_down_percent: scaling.memory_down_percent,
        }
    }
}

impl From<&Scaling> for vocabulary::Scaling {
    fn from(section: &Scaling) -> Self {
        Self {
            enabled: section.enabled,
            instances_min: section.instances_min,
            instances_max: section.instances_max,
            cpu_up_percent: section.cpu_up_percent,
            cpu_down_percent: section.cpu_down_percent,
            memory_up_percent: section.memory_up_percent,
            memory_down_percent: section.memory_down_percent,
        }
    }
}
