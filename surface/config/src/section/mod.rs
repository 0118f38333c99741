//! The sections of `homeostat.toml`, one struct and one file each; those of `[gateway]` stand in `plane/routing`. Their doc comments are the manual: they become the schema
//! that editors read, and the reference in `docs/configuration.md`.
//!
//! Unknown keys are refused, every key but a service's command has a default, and defaults stand beside the field's struct.

mod api;
mod defaults;
mod engine;
mod health;
mod repair;
mod scaling;
mod service;
mod switches;
mod text;

pub use api::Api;
pub use defaults::Defaults;
pub use engine::{Engine, LogFormat, LogLevel};
pub use health::Health;
pub use repair::Repair;
pub use scaling::Scaling;
pub use service::{Limits, Service, Start, Stop};
pub use switches::{Decisions, Detection, Recovery};
pub use text::{PlainOrReference, PortChoice, SignalName};

use homeostat_routing::settings::Gateway;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Homeostat's configuration: what it looks after, and what it may do.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "homeostat.toml")]
pub struct Document {
    /// The engine itself: its name, its data, its log.
    pub engine: Engine,
    /// The interface for programs and the console, on this machine only.
    pub api: Api,
    /// Limits of the repairs.
    pub repair: Repair,
    /// Whether repairs are carried out at all.
    pub recovery: Recovery,
    /// Whether health checks are judged.
    pub detection: Detection,
    /// Who takes part in decisions.
    pub decisions: Decisions,
    /// Bounds for the number of instances.
    pub scaling: Scaling,
    /// What holds for every service that does not say otherwise.
    pub defaults: Defaults,
    /// The gateway, through which users reach the services. Without this section there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// Everything that is looked after, by name: `[services.web]`. A name has lower-case letters, digits and hyphens, and
    /// begins with a letter.
    pub services: BTreeMap<String, Service>,
}
