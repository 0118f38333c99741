//! Episodes and what they are made of: findings, hypotheses, outcomes, lessons.
//!
//! An episode is one story about one instance: it opens with the first finding and closes when the instance is proven well.

use crate::{ActionClass, Exit, InstanceId, Millis, ProbeFailure, ServiceName, Signal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A judgement on a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is about.
    pub subject: InstanceId,
    /// What was judged.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the judgement is, in thousandths; 1000 is a hard fact.
    pub confidence_permille: u16,
    /// The signals it rests on, newest last, at most [`EVIDENCE_MAX`].
    pub evidence: Vec<Signal>,
}

/// How many signals a finding keeps as its evidence.
pub const EVIDENCE_MAX: usize = 10;

/// What was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum FindingKind {
    /// The process ended without being asked to.
    Exited {
        /// How it ended.
        exit: Exit,
        /// How long it had run.
        after: Millis,
    },
    /// The process runs and fails its health check.
    Unhealthy {
        /// Failures in a row.
        failures: u32,
        /// The last of them.
        last: ProbeFailure,
    },
    /// The process could not be started.
    StartFailed {
        /// What the driver said.
        error: String,
    },
}

impl FindingKind {
    /// The kind's name, by which lessons are counted.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Exited { .. } => "exited",
            Self::Unhealthy { .. } => "unhealthy",
            Self::StartFailed { .. } => "start_failed",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// Some instances of the service are left.
    Warning,
    /// No other instance of the service is ready.
    Critical,
}

/// A suspected cause with a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hypothesis {
    /// The suspected cause.
    pub cause: Cause,
    /// Its weight, in thousandths; the weights of an episode's hypotheses add up to at most 1000.
    pub weight_permille: u16,
}

/// Causes that can be suspected from an exit or a failed check alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody or something outside killed it.
    KilledFromOutside,
    /// The kernel killed it for want of memory.
    OutOfMemory,
    /// It stumbled over a fault of its own.
    ProgramFault,
    /// It cannot run as it is configured: it ends at once, again and again.
    Misconfigured,
    /// It ended as if its work were done.
    FinishedByItself,
    /// It runs and does nothing: stuck, stopped or overloaded.
    Hung,
    /// It runs and its port is closed.
    NotListening,
    /// It answers, with errors.
    AnswersWithErrors,
    /// A service it depends on is not well.
    DependencyDown,
}

/// What verification measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Ready again, and it stayed so for the whole window.
    Fixed {
        /// From the first finding of the episode to ready again.
        recovered_after: Millis,
    },
    /// Not ready in time, or not for the whole window.
    NoEffect {
        /// What happened instead.
        because: Unfixed,
    },
    /// It cannot be told: the action itself did not come to a known end.
    Unknown,
}

/// Why a repair had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Unfixed {
    /// It ended again.
    ExitedAgain {
        /// How it ended.
        exit: Exit,
    },
    /// Its health check failed again.
    UnhealthyAgain,
    /// It did not become ready in time.
    NotReadyInTime,
    /// The action failed.
    ActionFailed {
        /// What the driver said.
        error: String,
    },
}

/// What a lesson is counted under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LessonKey {
    /// The service that was repaired.
    pub service: ServiceName,
    /// The kind of the finding, see [`FindingKind::name`].
    pub finding: String,
    /// The class of the action.
    pub class: ActionClass,
}

/// What outcomes have taught so far about one kind of repair of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lesson {
    /// Repairs tried, whose outcome is known.
    pub tried: u64,
    /// Of these, the ones that fixed it.
    pub fixed: u64,
    /// Sum of the times to recovery of the fixed ones.
    pub recovery_total: Millis,
}

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// An action fixed it, verified.
    Repaired,
    /// It came back without an action of ours.
    RecoveredByItself,
    /// The instance is no longer wanted: service removed, stopped or held.
    NoLongerWanted,
}
