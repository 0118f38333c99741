//! `/api/health`: how the engine is, in true figures. The one address that needs no token, so it tells counts and no names.

use super::Shared;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use homeostat_vocabulary::{InstanceStatus, Phase, Policy, Scope, Status};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the engine is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// All in one word.
    pub status: HealthStatus,
    /// The engine's version.
    pub version: String,
    /// How long the interface has been open.
    pub uptime_ms: u64,
    /// The parts of the engine.
    pub systems: Systems,
}

/// All in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthStatus {
    /// The engine works and everything it looks after is well.
    Healthy,
    /// The engine works and something it looks after is not well.
    Degraded,
    /// The engine watches and cannot act.
    ReadOnly,
    /// The engine is ending.
    Stopping,
}

/// The parts of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Systems {
    /// Keeps the declared instances running.
    pub orchestrator: Orchestrator,
    /// Makes plans and asks the guards.
    pub decision_engine: DecisionEngine,
    /// Carries repairs out and verifies them.
    pub recovery_system: RecoverySystem,
    /// Judges what is perceived.
    pub anomaly_detector: AnomalyDetector,
    /// Holds the number of instances.
    pub auto_scaler: AutoScaler,
}

/// Whether a part works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SystemStatus {
    /// It works.
    Active,
    /// A person has paused it.
    Paused,
    /// It is switched off or cannot work; the note says why.
    Off,
}

/// Keeps the declared instances running. Counts are of now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Orchestrator {
    /// Whether it works.
    pub status: SystemStatus,
    /// Services.
    pub services: u64,
    /// Their instances.
    pub instances: u64,
    /// Instances that run and are well.
    pub ready: u64,
    /// Instances that wait, start or stop.
    pub changing: u64,
    /// Instances that run and fail their check.
    pub unhealthy: u64,
    /// Instances that should run and do not.
    pub down: u64,
    /// Instances that are not to run.
    pub stopped: u64,
    /// What there is to say about its status; empty when it works.
    pub note: String,
}

/// Makes plans and asks the guards. Counts are since the engine started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionEngine {
    /// Whether it works.
    pub status: SystemStatus,
    /// Plans made.
    pub plans: u64,
    /// Times the guards were asked.
    pub guards_asked: u64,
    /// Plans refused, or left to a person.
    pub refused: u64,
    /// What there is to say about its status; empty when it works.
    pub note: String,
}

/// Carries repairs out and verifies them. Counts are since the engine started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoverySystem {
    /// Whether it works.
    pub status: SystemStatus,
    /// Actions begun, of every class.
    pub actions: u64,
    /// Repairs verified as fixed.
    pub fixed: u64,
    /// Repairs that had no effect.
    pub without_effect: u64,
    /// Repairs whose outcome could not be told.
    pub unknown: u64,
    /// Times a person was called.
    pub escalations: u64,
    /// What there is to say about its status; empty when it works.
    pub note: String,
}

/// Judges what is perceived. Counts are since the engine started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnomalyDetector {
    /// Whether it works.
    pub status: SystemStatus,
    /// Signals taken in.
    pub signals: u64,
    /// Findings made.
    pub findings: u64,
    /// Episodes that are open now.
    pub open_episodes: u64,
    /// What there is to say about its status; empty when it works.
    pub note: String,
}

/// Holds the number of instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AutoScaler {
    /// Whether it works.
    pub status: SystemStatus,
    /// The least instances of a service.
    pub instances_min: u16,
    /// The most instances of a service.
    pub instances_max: u16,
    /// What it does and does not do.
    pub note: String,
}

pub async fn health(State(shared): State<Shared>) -> Response {
    let status = shared.status();
    let policy = std::sync::Arc::clone(&shared.policy.borrow());
    let stuck = status.cannot_act.clone().or_else(|| shared.journal.read_only());
    let word = word(&status, stuck.is_some());
    let health = Health {
        status: word,
        version: shared.version.clone(),
        uptime_ms: u64::try_from(shared.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        systems: systems(&status, &policy, stuck.as_deref()),
    };
    let code = match word {
        HealthStatus::Healthy | HealthStatus::Degraded => StatusCode::OK,
        HealthStatus::ReadOnly | HealthStatus::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(health)).into_response()
}

fn word(status: &Status, stuck: bool) -> HealthStatus {
    let unwell = |instance: &InstanceStatus| matches!(instance.phase, Phase::Unhealthy | Phase::Down);
    if status.shutting_down {
        HealthStatus::Stopping
    } else if stuck {
        HealthStatus::ReadOnly
    } else if !status.episodes.is_empty() || instances(status).any(unwell) {
        HealthStatus::Degraded
    } else {
        HealthStatus::Healthy
    }
}

fn instances(status: &Status) -> impl Iterator<Item = &InstanceStatus> {
    status.services.iter().flat_map(|service| &service.instances)
}

/// What keeps the acting parts from acting, and the words for it. The words name no cause: this address is open to everybody on
/// the machine, and the cause may hold a path.
fn acting(status: &Status, stuck: Option<&str>) -> (SystemStatus, String) {
    if stuck.is_some() {
        return (SystemStatus::Off, "the engine cannot act; /v1/status says why".to_owned());
    }
    if status.paused.contains(&Scope::Everything) {
        return (SystemStatus::Paused, "a person has paused everything".to_owned());
    }
    let services = status.paused.len();
    let note = if services == 0 { String::new() } else { format!("paused for {services} of the services") };
    (SystemStatus::Active, note)
}

fn systems(status: &Status, policy: &Policy, stuck: Option<&str>) -> Systems {
    let tallies = &status.tallies;
    let (acts, note) = acting(status, stuck);
    let count = |wanted: &[Phase]| instances(status).filter(|instance| wanted.contains(&instance.phase)).count() as u64;
    let switched = |on: bool, otherwise: (SystemStatus, String)| {
        if on { otherwise } else { (SystemStatus::Off, "switched off in the configuration".to_owned()) }
    };
    let recovery = switched(policy.switches.recovery, (acts, note.clone()));
    let detection = switched(policy.switches.detection, (SystemStatus::Active, String::new()));
    Systems {
        orchestrator: Orchestrator {
            status: acts,
            services: status.services.len() as u64,
            instances: instances(status).count() as u64,
            ready: count(&[Phase::Ready]),
            changing: count(&[Phase::Waiting, Phase::Starting, Phase::Stopping]),
            unhealthy: count(&[Phase::Unhealthy]),
            down: count(&[Phase::Down]),
            stopped: count(&[Phase::Stopped, Phase::Resting]),
            note: note.clone(),
        },
        decision_engine: DecisionEngine {
            status: acts,
            plans: tallies.plans,
            guards_asked: tallies.guards_asked,
            refused: tallies.refused,
            note,
        },
        recovery_system: RecoverySystem {
            status: recovery.0,
            actions: tallies.actions,
            fixed: tallies.fixed,
            without_effect: tallies.without_effect,
            unknown: tallies.unknown,
            escalations: tallies.escalations,
            note: recovery.1,
        },
        anomaly_detector: AnomalyDetector {
            status: detection.0,
            signals: tallies.signals,
            findings: tallies.findings,
            open_episodes: status.episodes.len() as u64,
            note: detection.1,
        },
        auto_scaler: auto_scaler(policy),
    }
}

fn auto_scaler(policy: &Policy) -> AutoScaler {
    let (status, note) = if policy.scaling.enabled {
        (SystemStatus::Active, "holds the declared number of instances within the bounds; does not scale by load yet")
    } else {
        (SystemStatus::Off, "switched off in the configuration; scaling by load is not built yet")
    };
    AutoScaler {
        status,
        instances_min: policy.scaling.instances_min,
        instances_max: policy.scaling.instances_max,
        note: note.to_owned(),
    }
}
