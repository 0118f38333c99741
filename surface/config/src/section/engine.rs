//! `[engine]`: the engine itself.

use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The engine itself: its name, its data, its log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// What this engine is called in notices and in the console.
    pub name: String,
    /// Where the journal, the logs of the services and the access token are kept. A relative path begins at the folder of
    /// the configuration file.
    pub data_folder: String,
    /// The least important lines that are still logged.
    pub log_level: LogLevel,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// How long the journal is kept: what "why" can look back on.
    pub journal_retention: Period,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            name: "homeostat".to_owned(),
            data_folder: ".homeostat".to_owned(),
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            journal_retention: Period::seconds(90 * 24 * 3_600),
        }
    }
}

/// How important a log line must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// Also what may become a problem.
    Warn,
    /// Also what was done.
    Info,
    /// Also how it was done.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name that log filters know.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}
