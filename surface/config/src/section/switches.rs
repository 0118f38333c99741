//! `[recovery]`, `[detection]`, `[decisions]`: which parts of the engine may work at all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether repairs are carried out at all.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// When false, nothing is repaired, whatever the autonomy of a service says. Also set by the plain variable
    /// `AUTO_RECOVERY_ENABLED`.
    pub enabled: bool,
}

/// Whether health checks are judged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// When false, failing health checks are not judged; a process that ends is noticed all the same. Also set by the plain
    /// variable `ANOMALY_DETECTION_ENABLED`.
    pub enabled: bool,
}

/// Who takes part in decisions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decisions {
    /// Whether models take part in decisions. None does yet, so this can only be false. The plain variable
    /// `AI_DECISIONS_ENABLED` may be true, which brings a warning and changes nothing.
    pub ai: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Detection {
    fn default() -> Self {
        Self { enabled: true }
    }
}
