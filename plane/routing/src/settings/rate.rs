//! `rate_limits` of a route: how much each client may ask for. Carried out by `plane/edge`; the number of clients that are told apart is bounded.

use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much each client may ask for. Its name is told to clients in `RateLimit-Policy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeRate {
    /// What tells clients apart: `"address"`, `"header:X-Api-Key"`, `"claim:sub"` of their token, or `"everyone"` for one limit for all.
    /// Requests without that header or claim go by their address.
    pub per: String,
    /// So many requests ...
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests: u32,
    /// ... in this time.
    pub window: Period,
    /// How many may come at once after a quiet time; as many as `requests` when nothing is said.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// The most clients that are told apart; beyond it the quietest is forgotten.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub keys_max: u32,
}

impl Default for EdgeRate {
    fn default() -> Self {
        Self { per: "address".to_owned(), requests: 100, window: Period::seconds(1), burst: None, keys_max: 100_000 }
    }
}
