//! A plan as a saga: the same steps as data that the saga engine keeps and an upgraded binary can finish.
//!
//! Pure. The life that a start step begins is named after the step's key, so every attempt of it begins the same life.

use homeostat_saga::{
    Definition, End, Nature, NewSaga, Retry, SagaError, SagaId, StepDefinition, StepKey, Stored, Undo,
};
use homeostat_vocabulary::{ActionClass, ActionEnd, InstanceId, Millis, Plan, RunId, StepUndo, StepVerb};
use serde::{Deserialize, Serialize};

/// The version of the steps' meaning; raised when [`Deed`] changes in a way an older binary would misread.
const SCRIPT_VERSION: u32 = 1;

/// How long a start may take: until the process runs, not until it is ready.
const START_TIMEOUT: Millis = Millis(15_000);

/// What a stop may take beyond the service's own grace, which requests under way have before the signal and the service after it.
const STOP_MARGIN: Millis = Millis(15_000);

/// Tries of one step within one action; further attempts are the loop's to decide, with their backoff and guards.
const ATTEMPTS_MAX: u32 = 2;

/// What a step tells the driver to do. Kept in the saga as its input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// Begin the life named after the step's key.
    Start {
        /// Which instance.
        instance: InstanceId,
    },
    /// End this life.
    Stop {
        /// Which instance.
        instance: InstanceId,
        /// Which life; the one the step itself began when there is none.
        run: Option<RunId>,
    },
}

/// The saga that carries a plan out; `stop_grace` is the time the service gets to end by itself.
///
/// A stop has no compensation although a person cannot undo it: when the start after it fails there is nothing to bring
/// back, and the loop goes on with the instance down.
pub fn saga_of(plan: &Plan, stop_grace: Millis) -> Result<NewSaga, SagaError> {
    // A replacement that stops nothing takes over, and is done when the life before has ended: by itself, or stopped at last.
    let takes_over = plan.class == ActionClass::Replace && plan.steps.len() == 1;
    let taken_over_ms = if takes_over { stop_grace.0.saturating_mul(2).saturating_add(STOP_MARGIN.0) } else { 0 };
    let start_ms = START_TIMEOUT.0.saturating_add(taken_over_ms);
    let steps = plan.steps.iter().map(|step| {
        let instance = plan.target.clone();
        let (name, deed, attempt_ms) = match &step.verb {
            StepVerb::Start => ("start", Deed::Start { instance: instance.clone() }, start_ms),
            StepVerb::Stop { run } => {
                let deed = Deed::Stop { instance: instance.clone(), run: Some(run.clone()) };
                ("stop", deed, stop_grace.0.saturating_mul(2).saturating_add(STOP_MARGIN.0))
            }
        };
        let undo = match step.undo {
            StepUndo::Stop => Undo::Call(to_value(&Deed::Stop { instance, run: None })),
            StepUndo::Irreversible => Undo::Nothing,
        };
        let retry = Retry { attempts_max: ATTEMPTS_MAX, backoff_first_ms: 100, backoff_max_ms: 1_000 };
        StepDefinition {
            attempt_timeout_ms: attempt_ms,
            step_timeout_ms: attempt_ms.saturating_mul(u64::from(ATTEMPTS_MAX) + 1),
            retry,
            ..StepDefinition::new(name, to_value(&deed), undo, Nature::Idempotent)
        }
    });
    let steps: Vec<StepDefinition> = steps.collect();
    let age_max_ms = steps.iter().fold(60_000u64, |sum, step| sum.saturating_add(step.step_timeout_ms));
    let quiet_max_ms = age_max_ms;
    let definition =
        Definition { age_max_ms, quiet_max_ms, ..Definition::new(class_name(plan), SCRIPT_VERSION, steps) };
    let trace = plan.episode.map_or_else(|| plan.action.to_string(), |episode| episode.to_string());
    let (id, target) = (SagaId(plan.saga.clone()), plan.target.to_string());
    Ok(NewSaga { id, trace, target, definition: Stored::new(definition)? })
}

const fn class_name(plan: &Plan) -> &'static str {
    use ActionClass::{Replace, Restart, Start, Stop, Undo};
    match plan.class {
        Start => "start",
        Stop => "stop",
        Replace => "replace",
        Restart => "restart",
        Undo => "undo",
    }
}

fn to_value(deed: &Deed) -> serde_json::Value {
    serde_json::to_value(deed).expect("a deed is plain data")
}

/// The life a start step begins: 64 bits of its key, readable in a folder name, far more than any journal's starts need.
#[must_use]
pub fn run_of(key: &StepKey) -> RunId {
    key.as_str()[..16].parse().expect("hexadecimal digits make a run id")
}

/// A saga's end in the loop's words.
#[must_use]
pub fn end_of(end: &End) -> ActionEnd {
    match end {
        End::Done { .. } => ActionEnd::Done,
        End::Undone { cause } => ActionEnd::Undone { cause: cause.clone() },
        End::Parked { why } => ActionEnd::Parked { why: why.clone() },
        End::Stuck { why } => ActionEnd::Stuck { why: why.clone() },
    }
}
