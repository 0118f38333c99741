//! What the engine tells its owner while sagas run.
//!
//! Events follow durable facts and are not durable themselves: whoever was not there reads the journal, or submits the
//! same id again and is told. An event must never be sent before its record is durable.

use crate::call::{Answer, SagaId, Verb};
use crate::record::End;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum SagaEvent {
    /// A call is about to be made; its intent is durable.
    StepStarted {
        /// Which saga.
        id: SagaId,
        /// The caller's trace.
        trace: String,
        /// Index of the step.
        step: usize,
        /// Name of the step.
        name: String,
        /// What is asked.
        verb: Verb,
        /// Number of the attempt.
        attempt: u32,
    },
    /// A call is settled, and that is durable.
    StepEnded {
        /// Which saga.
        id: SagaId,
        /// The caller's trace.
        trace: String,
        /// Index of the step.
        step: usize,
        /// Name of the step.
        name: String,
        /// What was asked.
        verb: Verb,
        /// Number of the attempt.
        attempt: u32,
        /// What came of it.
        answer: Answer,
    },
    /// The saga is being undone from here on.
    TurnedBack {
        /// Which saga.
        id: SagaId,
        /// The caller's trace.
        trace: String,
        /// Why.
        cause: String,
    },
    /// The engine has nothing more to do for this saga, for good or until a person helps.
    Ended {
        /// Which saga.
        id: SagaId,
        /// The caller's trace.
        trace: String,
        /// How it stands.
        end: End,
    },
    /// A person should look.
    Alarm(Alarm),
    /// The engine does not act any more: storage failed or another executor took over.
    Halted {
        /// The first cause.
        why: String,
    },
}

/// Why a person should look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Which saga; none when it is the executor itself.
    pub id: Option<SagaId>,
    /// What kind.
    pub kind: AlarmKind,
    /// In words.
    pub why: String,
}

/// What kind of alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// Nobody knows what happened.
    Parked,
    /// The engine's means are spent.
    Stuck,
    /// No progress for longer than the definition allows.
    Quiet,
    /// Older than the definition allows.
    Old,
    /// A stored saga this version cannot finish.
    Refused,
    /// The executor gives no sign of life.
    ExecutorSilent,
}

impl AlarmKind {
    /// The error code whose page says what to do.
    pub fn code(self) -> &'static str {
        match self {
            Self::Parked => "H0201",
            Self::Stuck => "H0202",
            Self::Refused => "H0203",
            Self::Quiet | Self::Old => "H0207",
            Self::ExecutorSilent => "H0210",
        }
    }
}
