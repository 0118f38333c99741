//! The saga's log: what was intended, what came of it, what people said.
//!
//! Written by the decisions in `decide`, folded by [`Saga::apply`](crate::Saga::apply), read by whoever explains a saga
//! afterwards. What always holds: the records of a saga, folded in order, give its state; a `StepStarted` is durable
//! before its call is made. A record must never be reinterpreted: a changed meaning is a new event or a new format.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Answer, SagaId, StepKey, Verb};
use crate::definition::Stored;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Unix time.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The saga begins.
    Created {
        /// Its id.
        id: SagaId,
        /// The caller's trace.
        trace: String,
        /// What it acts upon.
        target: String,
        /// What it will do.
        definition: Stored,
    },
    /// An executor took the saga over; a call in flight until then is unknown.
    Taken {
        /// Who.
        owner: String,
        /// Its fencing number.
        fencing: u64,
    },
    /// Intent: this call is about to be made.
    StepStarted {
        /// Index of the step.
        step: usize,
        /// What is asked.
        verb: Verb,
        /// Number of the attempt.
        attempt: u32,
        /// The idempotency key.
        key: StepKey,
        /// The executor's fencing number.
        fencing: u64,
    },
    /// What came of a call.
    StepEnded {
        /// Index of the step.
        step: usize,
        /// What was asked.
        verb: Verb,
        /// Number of the attempt.
        attempt: u32,
        /// The driver's answer, or unknown after a timeout.
        answer: Answer,
    },
    /// The call was never made: acting was switched off between intent and call.
    CallWithheld {
        /// Index of the step.
        step: usize,
        /// What would have been asked.
        verb: Verb,
        /// Number of the attempt.
        attempt: u32,
    },
    /// Somebody asked for the saga to be undone; it turns back as soon as it can.
    CancelRequested {
        /// Who or what.
        by: String,
        /// Why.
        cause: String,
    },
    /// From here on the saga is undone, last possible effect first.
    TurnedBack {
        /// Why.
        cause: String,
    },
    /// Nobody knows what happened and the engine cannot find out: a person must look.
    Parked {
        /// Index of the step.
        step: usize,
        /// Why.
        why: String,
    },
    /// The engine's means are spent: a person must act.
    Stuck {
        /// Index of the step.
        step: usize,
        /// Why.
        why: String,
    },
    /// A person lets the engine try again.
    Resumed {
        /// Who.
        by: String,
    },
    /// A person says: take this step as done (or, when undoing, as undone).
    Skipped {
        /// Who.
        by: String,
        /// Stands for the step's output.
        output: Value,
    },
    /// A person has looked: the step did not happen.
    Disproved {
        /// Who.
        by: String,
    },
    /// The saga is over.
    Ended {
        /// How.
        end: End,
    },
}

impl Event {
    /// The kind under which the event stands in a journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "saga.created",
            Self::Taken { .. } => "saga.taken",
            Self::StepStarted { .. } => "saga.step_started",
            Self::StepEnded { .. } => "saga.step_ended",
            Self::CallWithheld { .. } => "saga.call_withheld",
            Self::CancelRequested { .. } => "saga.cancel_requested",
            Self::TurnedBack { .. } => "saga.turned_back",
            Self::Parked { .. } => "saga.parked",
            Self::Stuck { .. } => "saga.stuck",
            Self::Resumed { .. } => "saga.resumed",
            Self::Skipped { .. } => "saga.skipped",
            Self::Disproved { .. } => "saga.disproved",
            Self::Ended { .. } => "saga.ended",
        }
    }
}

/// How a saga stands when the engine has nothing more to do for it. `Done` and `Undone` are final; a parked or stuck
/// saga keeps its target and goes on when a person says how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Every step is done.
    Done {
        /// Their outputs, by step.
        outputs: Vec<Value>,
    },
    /// Every possible effect is taken back.
    Undone {
        /// Why it turned back.
        cause: String,
    },
    /// Waits for a person to find out what happened.
    Parked {
        /// Why.
        why: String,
    },
    /// Waits for a person to help.
    Stuck {
        /// Why.
        why: String,
    },
}

/// A log record as it stands in a journal, with the saga it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Which saga.
    pub saga: SagaId,
    /// The record.
    #[serde(flatten)]
    pub record: LogRecord,
}
