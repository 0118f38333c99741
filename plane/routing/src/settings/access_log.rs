//! `[gateway.access_log]`: the log of requests.

use homeostat_vocabulary::quantity::{Period, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log of requests: one JSON object a line. Queries, cookies and authorization are never written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLog {
    /// Whether it is written.
    pub enabled: bool,
    /// The file; `access.log` in the data folder when nothing is said, `"-"` for standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The share of good requests that are written. Answers of 500 and above always are.
    pub sample: Share,
    /// Requests that take longer are always written.
    pub slow: Period,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { enabled: true, file: None, sample: Share(1_000_000), slow: Period::seconds(1) }
    }
}
