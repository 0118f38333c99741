//! `health` of an upstream: how its endpoints are asked, beside being judged by their answers. Carried out by `plane/gateway`.

use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How endpoints are asked for their health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamHealth {
    /// The path that is asked for; an answer from 200 to 399 is good.
    pub path: String,
    /// Time from one question to the next.
    pub interval: Period,
    /// How long the answer may take.
    pub timeout: Period,
    /// Failures in a row that take an endpoint out.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u32,
    /// Good answers in a row that take it back in.
    #[schemars(range(min = 1, max = 1000))]
    pub successes: u32,
}

impl Default for UpstreamHealth {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            interval: Period::seconds(5),
            timeout: Period::seconds(2),
            failures: 3,
            successes: 1,
        }
    }
}
