//! `services.NAME.health`: how a service's health is asked for.

use crate::words::Words;
use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How health is asked for: exactly one of `http`, `tcp` and `exec`, and how often.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// A GET that must answer 200 to 399: `"http://127.0.0.1:{port}/health"`, or only its path, `"/health"`, which is asked
    /// of this machine at the service's `{port}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// A connection that must be accepted: `"127.0.0.1:{port}"`, or only the port, `"{port}"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// A command that must end with 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Words>,
    /// Time from the beginning of one check to the next.
    pub interval: Period,
    /// How long an answer may take; `"2s"` when nothing is said, or the interval if that is shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// Failures in a row that make an instance unhealthy.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u32,
    /// Passes in a row that make it healthy again.
    #[schemars(range(min = 1, max = 1000))]
    pub successes: u32,
    /// Time after a start in which failures are not counted, unless it passed before.
    pub start_grace: Period,
}

impl Health {
    /// The timeout of a check that names none, unless its interval is shorter.
    pub const TIMEOUT: Period = Period::seconds(2);
}

impl Default for Health {
    fn default() -> Self {
        Self {
            http: None,
            tcp: None,
            exec: None,
            interval: Period::seconds(5),
            timeout: None,
            failures: 3,
            successes: 1,
            start_grace: Period::seconds(10),
        }
    }
}
