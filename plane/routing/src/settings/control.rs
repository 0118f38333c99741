//! `[gateway.control]`: where the running gateway takes orders.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the running gateway takes orders: new settings, drain, questions. Only the user that runs it can reach it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// The unix socket; `gateway.sock` in the data folder when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// An address of this machine for Prometheus metrics, such as `"127.0.0.1:9464"`; none when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
}
