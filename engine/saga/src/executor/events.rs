//! Which events follow from a durable record.
//!
//! Called by the executor once a write is reported durable. It must never invent a fact the record does not hold.

use crate::event::{Alarm, AlarmKind, SagaEvent};
use crate::record::{End, Event, LogRecord};
use crate::saga::Saga;

/// The events of one record of this saga.
pub(super) fn of(saga: &Saga, record: &LogRecord) -> Vec<SagaEvent> {
    let (id, trace) = (saga.id.clone(), saga.trace.clone());
    match &record.event {
        Event::StepStarted { step, verb, attempt, .. } => {
            let name = saga.step(*step).name.clone();
            vec![SagaEvent::StepStarted { id, trace, step: *step, name, verb: *verb, attempt: *attempt }]
        }
        Event::StepEnded { step, verb, attempt, answer } => {
            let (name, answer) = (saga.step(*step).name.clone(), answer.clone());
            vec![SagaEvent::StepEnded { id, trace, step: *step, name, verb: *verb, attempt: *attempt, answer }]
        }
        Event::TurnedBack { cause } => vec![SagaEvent::TurnedBack { id, trace, cause: cause.clone() }],
        // A takeover repeats the alarm of a resting saga: the crash may have swallowed the first one.
        Event::Taken { .. } if saga.rest.is_some() => standing(saga),
        Event::Parked { .. } | Event::Stuck { .. } | Event::Ended { .. } => standing(saga),
        _ => Vec::new(),
    }
}

fn standing(saga: &Saga) -> Vec<SagaEvent> {
    let Some(end) = saga.standing() else { return Vec::new() };
    let alarm = match &end {
        End::Parked { why } => Some((AlarmKind::Parked, why.clone())),
        End::Stuck { why } => Some((AlarmKind::Stuck, why.clone())),
        End::Done { .. } | End::Undone { .. } => None,
    };
    let alarm = alarm.map(|(kind, why)| SagaEvent::Alarm(Alarm { id: Some(saga.id.clone()), kind, why }));
    let ended = SagaEvent::Ended { id: saga.id.clone(), trace: saga.trace.clone(), end };
    std::iter::once(ended).chain(alarm).collect()
}
