//! The state of one saga: a fold over its log, kept as one JSON document.
//!
//! The decisions read it, the ledgers store it. What always holds: `Saga::replay(log) == document`, and a document of
//! another format or with a changed definition is refused, loudly and untouched. It must never decide anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::SagaError;
use crate::call::{SagaId, StepKey};
use crate::definition::{Definition, Nature, StepDefinition, Stored};
use crate::record::{End, Event, LogRecord};
use crate::step::{Position, StepState};

/// Version of the document. Raised when a field's meaning changes; adding a field with a default does not raise it.
pub const FORMAT: u32 = 1;

/// One saga.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saga {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// Its id.
    pub id: SagaId,
    /// The caller's trace.
    pub trace: String,
    /// What it acts upon; one saga at a time acts on a target.
    pub target: String,
    /// What it does.
    pub definition: Stored,
    /// When it was submitted.
    pub created_at_ms: u64,
    /// When the last record was written.
    pub last_at_ms: u64,
    /// When it last moved, a mere takeover not counted.
    pub progressed_at_ms: u64,
    /// Who runs it.
    pub owner: String,
    /// The fencing number of who runs it.
    pub fencing: u64,
    /// Forward or back.
    pub direction: Direction,
    /// Somebody wants it undone as soon as that is possible.
    pub cancel: Option<String>,
    /// It waits for a person.
    pub rest: Option<Rest>,
    /// It is over.
    pub end: Option<End>,
    /// How each step stands.
    pub steps: Vec<StepState>,
}

/// Forward or back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Carrying the steps out.
    Forward,
    /// Taking them back.
    Back {
        /// Why.
        cause: String,
    },
}

/// A saga that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rest {
    /// At which step.
    pub step: usize,
    /// Stuck (the engine's means are spent) or else parked (nobody knows what happened).
    pub stuck: bool,
    /// Why.
    pub why: String,
}

impl Saga {
    /// The state after a whole log. The first record must be `Created`.
    pub fn replay<'a>(records: impl IntoIterator<Item = &'a LogRecord>) -> Option<Self> {
        let mut records = records.into_iter();
        let mut saga = Self::created(records.next()?)?;
        for record in records {
            saga.apply(record);
        }
        Some(saga)
    }

    pub(crate) fn created(record: &LogRecord) -> Option<Self> {
        let Event::Created { id, trace, target, definition } = &record.event else { return None };
        Some(Self {
            format: FORMAT,
            id: id.clone(),
            trace: trace.clone(),
            target: target.clone(),
            steps: definition.definition().steps.iter().map(|_| StepState::fresh()).collect(),
            definition: definition.clone(),
            created_at_ms: record.at_ms,
            last_at_ms: record.at_ms,
            progressed_at_ms: record.at_ms,
            owner: String::new(),
            fencing: 0,
            direction: Direction::Forward,
            cancel: None,
            rest: None,
            end: None,
        })
    }

    /// Folds one record into the state.
    ///
    /// # Panics
    /// When the record names a step the definition does not have: it belongs to another saga.
    pub fn apply(&mut self, record: &LogRecord) {
        let at_ms = record.at_ms;
        self.last_at_ms = self.last_at_ms.max(at_ms);
        match &record.event {
            Event::Created { .. } => {}
            Event::Taken { owner, fencing } => return self.take(owner, *fencing, at_ms),
            Event::StepStarted { step, verb, attempt, .. } => self.steps[*step].start(*verb, *attempt, at_ms),
            Event::StepEnded { step, verb, answer, .. } => {
                let key = self.key(*step);
                let definition = &self.definition.definition().steps[*step];
                self.steps[*step].end(definition, &key, *verb, answer, at_ms);
            }
            Event::CallWithheld { step, .. } => {
                let retry = self.step(*step).retry;
                return self.steps[*step].withhold(retry, at_ms);
            }
            Event::CancelRequested { cause, .. } => {
                self.cancel.get_or_insert_with(|| cause.clone());
                self.rest = None;
            }
            Event::TurnedBack { cause } => self.direction = Direction::Back { cause: cause.clone() },
            Event::Parked { step, why } => self.rest = Some(Rest { step: *step, stuck: false, why: why.clone() }),
            Event::Stuck { step, why } => self.rest = Some(Rest { step: *step, stuck: true, why: why.clone() }),
            Event::Resumed { .. } => self.resume(at_ms),
            Event::Skipped { output, .. } => self.settle(|state| state.done(output)),
            Event::Disproved { by } => self.settle(|state| {
                state.possible = false;
                state.allow_do(&format!("{by}: it never happened"), at_ms);
            }),
            Event::Ended { end } => self.end = Some(end.clone()),
        }
        self.progressed_at_ms = self.progressed_at_ms.max(at_ms);
    }

    fn take(&mut self, owner: &str, fencing: u64, at_ms: u64) {
        owner.clone_into(&mut self.owner);
        self.fencing = fencing;
        for (step, state) in self.definition.definition().steps.iter().zip(&mut self.steps) {
            state.interrupt(step.retry, at_ms);
        }
    }

    fn resume(&mut self, at_ms: u64) {
        let Some(Rest { step, why, .. }) = self.rest.take() else { return };
        let queryable = self.step(step).nature == Nature::Queryable;
        let state = &mut self.steps[step];
        match (&self.direction, &state.position) {
            (Direction::Back { .. }, _) => state.allow_undo(&why, at_ms),
            (Direction::Forward, Position::Unknown { .. }) if queryable => state.allow_probe(&why, at_ms),
            (Direction::Forward, _) => state.allow_do(&why, at_ms),
        }
    }

    /// A person's word on the resting step: applied when going forward; when going back either word means "undone".
    fn settle(&mut self, forward: impl FnOnce(&mut StepState)) {
        let Some(Rest { step, .. }) = self.rest.take() else { return };
        match self.direction {
            Direction::Forward => forward(&mut self.steps[step]),
            Direction::Back { .. } => self.steps[step].undone(),
        }
    }

    /// The definition of one step.
    pub fn step(&self, step: usize) -> &StepDefinition {
        &self.definition.definition().steps[step]
    }

    /// The typed definition.
    pub fn definition(&self) -> &Definition {
        self.definition.definition()
    }

    /// The idempotency key of one step.
    pub fn key(&self, step: usize) -> StepKey {
        StepKey::of(&self.id, step)
    }

    /// How it stands, when the engine has nothing more to do for it.
    pub fn standing(&self) -> Option<End> {
        self.end.clone().or_else(|| {
            let Rest { stuck, why, .. } = self.rest.clone()?;
            Some(if stuck { End::Stuck { why } } else { End::Parked { why } })
        })
    }

    /// Whether any step was ever begun.
    pub fn has_begun(&self) -> bool {
        self.steps.iter().any(|state| state.attempts > 0)
    }

    /// Whether it can still be undone: the pivot has certainly not happened.
    pub fn may_turn_back(&self) -> bool {
        self.direction == Direction::Forward
            && !self
                .definition()
                .steps
                .iter()
                .zip(&self.steps)
                .any(|(step, state)| step.pivot && state.may_have_happened())
    }

    pub(crate) fn outputs(&self) -> Vec<Value> {
        self.steps.iter().map(|state| state.output.clone().unwrap_or(Value::Null)).collect()
    }

    /// The document a ledger stores.
    pub fn to_document(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a saga holds only what JSON can say")
    }

    /// Reads a stored document, or refuses it: another format, an unknown field, a definition that lost its hash.
    pub fn from_document(id: &SagaId, document: &[u8]) -> Result<Self, SagaError> {
        let refuse = |why: String| SagaError::Refused { saga: id.clone(), why };
        let header: Header = serde_json::from_slice(document).map_err(|error| refuse(error.to_string()))?;
        if header.format != FORMAT {
            return Err(refuse(format!("its document has format {}, this version reads {FORMAT}", header.format)));
        }
        let saga: Self = serde_json::from_slice(document).map_err(|error| refuse(error.to_string()))?;
        if saga.id != *id || saga.steps.len() != saga.definition().steps.len() {
            return Err(refuse("its document belongs to another saga".into()));
        }
        Ok(saga)
    }

    /// The target named in a document that may otherwise be unreadable, so that it stays held.
    pub fn target_of_document(document: &[u8]) -> Option<String> {
        serde_json::from_slice::<Header>(document).ok().map(|header| header.target)
    }
}

/// What every format of the document must keep, so that a refusal can say why.
#[derive(Deserialize)]
struct Header {
    format: u32,
    target: String,
}
