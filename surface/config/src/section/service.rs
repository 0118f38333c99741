//! `[services.NAME]`: one service that is looked after.

use super::{Health, PlainOrReference, PortChoice, SignalName};
use crate::words::Words;
use homeostat_vocabulary::quantity::{Period, Share, Size};
use homeostat_vocabulary::{Autonomy, StopSignal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One service that is looked after.
///
/// In `command`, `environment` and `health` these placeholders are filled in at each start: `{port}`, `{port:NAME}`,
/// `{instance}` (0, 1, ...) and `{service}`; in `command` and `environment` also `{run}`, the id of this one life.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = require_command)]
pub struct Service {
    /// The program and its arguments: a list of words, or one text that is split into words as a shell would split it.
    /// There is no shell: for pipes or variables write `["sh", "-c", "..."]`. A program without a slash is searched in
    /// `PATH`; a relative one begins at the working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Words>,
    /// How many copies run.
    #[schemars(range(min = 1, max = 1000))]
    pub instances: u16,
    /// Environment variables. Secrets are written as references, read at each start and never held: `"env:NAME"` for a
    /// variable of the engine's own environment, `"file:PATH"` for a file. A text that only looks like a reference or a
    /// secret is written with `plain:` before it.
    pub environment: BTreeMap<String, PlainOrReference>,
    /// The port it listens on, `{port}`: `"auto"` allots a free one to each instance, a number is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<PortChoice>,
    /// Further ports by name, each a `{port:NAME}`.
    pub ports: BTreeMap<String, PortChoice>,
    /// The folder it runs in; the folder of the configuration file when nothing is said. A relative path begins there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_folder: Option<String>,
    /// Services that must be ready before this one starts.
    pub depends_on: Vec<String>,
    /// How its health is asked for. Without it, a running process counts as healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What is promised for it.
    pub objectives: Objectives,
    /// How it is stopped.
    pub stop: Stop,
    /// What it may use; nothing is limited by default.
    pub limits: Limits,
    /// How much the engine may do by itself when it needs repair.
    pub autonomy: Autonomy,
    /// When it starts: `"at_once"`, with the engine, or `"on_request"`, when the gateway has a request for it, when something
    /// that depends on it starts, or by `homeostat start`. Until then it rests, and that is no fault.
    pub start: Start,
    /// It rests again when the gateway has seen no request for it for so long; never by itself when nothing is said. Only with
    /// `start = "on_request"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_stop: Option<Period>,
}

/// When a service starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the engine, and it is kept running.
    #[default]
    AtOnce,
    /// When it is asked for; until then it rests.
    OnRequest,
}

/// The one key without which a service means nothing. In Rust it is optional like the others, so that a service that lacks
/// it can still be checked for everything else.
fn require_command(schema: &mut schemars::Schema) {
    schema.insert("required".to_owned(), serde_json::json!(["command"]));
}

impl Default for Service {
    fn default() -> Self {
        Self {
            command: None,
            instances: 1,
            environment: BTreeMap::new(),
            port: None,
            ports: BTreeMap::new(),
            working_folder: None,
            depends_on: Vec::new(),
            health: None,
            objectives: Objectives::default(),
            stop: Stop::default(),
            limits: Limits::default(),
            autonomy: Autonomy::default(),
            start: Start::default(),
            idle_stop: None,
        }
    }
}

/// What is promised for a service; measured, and shown beside what was achieved.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Objectives {
    /// The share of time in which it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Share>,
    /// How long a repair may take, from the first finding to ready again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Period>,
}

/// How a service is stopped.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// The signal that is sent first, to the whole process group.
    pub signal: SignalName,
    /// Time until what still runs is killed.
    pub grace: Period,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: SignalName(StopSignal::Term), grace: Period::seconds(10) }
    }
}

/// What each process of a service may use.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Private memory of each process; an allocation beyond it fails (RLIMIT_DATA).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Open files of each process (RLIMIT_NOFILE).
    #[schemars(range(min = 16, max = 1_048_576))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Processor time each process may spend in its life, after which it is killed (RLIMIT_CPU); in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<Period>,
    /// The largest file a process may write (RLIMIT_FSIZE).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<Size>,
}
