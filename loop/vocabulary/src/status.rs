//! Status: what the engine shows of itself and of everything it looks after, as one value.
//!
//! Made by the controller, served by the API as it stands, drawn by the command line.

use crate::{
    ActionId, Autonomy, EpisodeId, Exit, FindingKind, InstanceId, Millis, Scope, ServiceName, Timestamp, Traffic,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// When this was so.
    pub at: Timestamp,
    /// When this engine started; 0 until it has looked at what runs.
    pub engine_since: Timestamp,
    /// What the engine may not act on just now, because somebody paused it.
    pub paused: Vec<Scope>,
    /// Why the engine cannot act at all, for example because its journal is read-only; empty when it can.
    pub cannot_act: Option<String>,
    /// What is wrong with the changed configuration that was not taken; empty while what is written is what is in force.
    #[serde(default)]
    pub configuration_refused: Vec<String>,
    /// True once the engine was told to end.
    pub shutting_down: bool,
    /// The services, by name.
    pub services: Vec<ServiceStatus>,
    /// The episodes that are open, oldest first.
    pub episodes: Vec<EpisodeStatus>,
    /// What was done since this engine started.
    pub tallies: Tallies,
}

impl Status {
    /// Whether the engine has looked at what runs; before that it knows only what is declared.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        self.engine_since > Timestamp(0)
    }
}

/// One service at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceStatus {
    /// Its name.
    pub name: ServiceName,
    /// How much the engine may do for it by itself.
    pub autonomy: Autonomy,
    /// Services that must be ready before it.
    pub depends_on: Vec<ServiceName>,
    /// Its copies.
    pub instances: Vec<InstanceStatus>,
    /// The promised share of time in which it is ready, in parts per million.
    pub availability_objective_ppm: Option<u32>,
    /// The measured share since this engine first saw it ready, in parts per million; absent before that.
    pub availability_ppm: Option<u32>,
    /// The promised longest time of a repair.
    pub recovery_objective: Option<Millis>,
    /// What the gateway told of its requests last; absent when no gateway has told of it.
    #[serde(default)]
    pub traffic: Option<Traffic>,
    /// What it says is wrong with it although it runs; until that is put right.
    #[serde(default)]
    pub complaints: Vec<Complaint>,
}

/// Something that a service which runs, and may be well, says is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Complaint {
    /// What it is about.
    pub kind: ComplaintKind,
    /// The reason, in its own words.
    pub why: String,
}

/// What a complaint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComplaintKind {
    /// It refused its changed settings, and goes on with those before.
    SettingsRefused,
    /// It cannot listen as its settings want it, and tries again.
    ListenerMissing,
    /// It cannot use its changed certificates, and goes on with those before.
    CertificatesRefused,
}

/// One instance at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceStatus {
    /// Which.
    pub id: InstanceId,
    /// What it is doing.
    pub phase: Phase,
    /// Its process id while it runs.
    pub pid: Option<u32>,
    /// Its ports while it runs, by name.
    pub ports: BTreeMap<String, u16>,
    /// When the running process began.
    pub since: Option<Timestamp>,
    /// Repairs by starting again, since this engine started.
    pub restarts: u64,
    /// How the life before ended, if one did.
    pub last_exit: Option<Exit>,
    /// The open episode about it.
    pub episode: Option<EpisodeId>,
    /// When the next attempt is due, while one waits.
    pub next_attempt: Option<Timestamp>,
}

/// What an instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for a service it depends on.
    Waiting,
    /// Is being started, or runs and is not ready yet.
    Starting,
    /// Runs and is well.
    Ready,
    /// Runs and fails its health check.
    Unhealthy,
    /// Is being stopped.
    Stopping,
    /// Does not run; a repair is due or under way.
    Down,
    /// Does not run and starts as soon as it is asked for.
    Resting,
    /// Does not run and will not be started, because a person holds it or the policy does not want it.
    Stopped,
}

/// One open episode at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EpisodeStatus {
    /// Its number.
    pub id: EpisodeId,
    /// What it is about.
    pub subject: InstanceId,
    /// When its first finding was made.
    pub since: Timestamp,
    /// Its latest finding.
    pub finding: Option<FindingKind>,
    /// Attempts so far.
    pub attempts: u32,
    /// The action that waits for a person's approval, if one does.
    pub awaiting_approval: Option<ActionId>,
    /// Whether a person has been called.
    pub escalated: bool,
}

/// Counts since this engine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tallies {
    /// Signals taken in.
    pub signals: u64,
    /// Findings made.
    pub findings: u64,
    /// Plans made.
    pub plans: u64,
    /// Times the guards were asked.
    pub guards_asked: u64,
    /// Plans refused, or left to a person.
    pub refused: u64,
    /// Actions begun.
    pub actions: u64,
    /// Repairs verified as fixed.
    pub fixed: u64,
    /// Repairs that had no effect.
    pub without_effect: u64,
    /// Outcomes that could not be told.
    pub unknown: u64,
    /// Times a person was called.
    pub escalations: u64,
}
