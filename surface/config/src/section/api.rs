//! `[api]`: the interface for programs and the console.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The interface for programs and the console, on this machine only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// Whether it answers on a TCP port.
    pub enabled: bool,
    /// The address it listens on: one of this machine alone, such as `127.0.0.1`, `[::1]` or `localhost`. Port 0 takes any
    /// free one.
    pub listen: String,
}

impl Default for Api {
    fn default() -> Self {
        Self { enabled: true, listen: "127.0.0.1:5000".to_owned() }
    }
}
