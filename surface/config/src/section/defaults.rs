//! `[defaults]`: what holds for every service that does not say otherwise.

use super::{Limits, PlainOrReference, Stop};
use homeostat_vocabulary::Autonomy;
use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What holds for every service that does not say otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// How much the engine may do by itself, see `services.NAME.autonomy`.
    pub autonomy: Autonomy,
    /// Variables that every service is given.
    pub environment: BTreeMap<String, PlainOrReference>,
    /// How services are stopped.
    pub stop: Stop,
    /// What each service may use.
    pub limits: Limits,
    /// How often and how patiently health is asked for, of services that have a health check.
    pub health: HealthTimings,
}

/// How often and how patiently health is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthTimings {
    /// Time from the beginning of one check to the next; `"5s"` when nothing is said.
    pub interval: Option<Period>,
    /// How long an answer may take; `"2s"` when nothing is said, or the interval if that is shorter.
    pub timeout: Option<Period>,
    /// Failures in a row that make an instance unhealthy; 3 when nothing is said.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: Option<u32>,
    /// Passes in a row that make it healthy again; 1 when nothing is said.
    #[schemars(range(min = 1, max = 1000))]
    pub successes: Option<u32>,
    /// Time after a start in which failures are not counted, unless it passed before; `"10s"` when nothing is said.
    pub start_grace: Option<Period>,
}
