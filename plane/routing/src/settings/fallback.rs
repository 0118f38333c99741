//! `fallback` of a route: what a client gets when no upstream gives a good answer. Carried out by `plane/gateway`, after all attempts.

use super::Respond;
use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the client gets when no upstream gives a good answer. What is said of it is tried in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayFallback {
    /// A kept answer, however old up to this age. Needs `cache` on the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Period>,
    /// Another upstream, asked once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// A fixed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond: Option<Respond>,
}
