//! What must be true of every saga at every durable moment, written once.
//!
//! Used by the executor as a debug assertion, by the property tests and by the simulator. It only looks.

use crate::call::Verb;
use crate::definition::Undo;
use crate::record::End;
use crate::saga::{Direction, Saga};
use crate::step::Position;

/// Names the first invariant the saga breaks.
pub fn check(saga: &Saga) -> Result<(), String> {
    let broken = |what: &str| Err(format!("saga {}: {what}", saga.id));
    let definitions = &saga.definition().steps;
    let calling: Vec<Verb> = saga
        .steps
        .iter()
        .filter_map(|state| if let Position::Calling { verb, .. } = state.position { Some(verb) } else { None })
        .collect();
    if calling.len() > 1 {
        return broken("two calls at once");
    }
    if !calling.is_empty() && saga.standing().is_some() {
        return broken("a call is out while the saga rests or is over");
    }
    if saga.direction == Direction::Forward {
        let first_open = saga.steps.iter().position(|state| state.position != Position::Done);
        if saga.steps.iter().skip(first_open.map_or(usize::MAX, |at| at + 1)).any(|state| state.attempts > 0) {
            return broken("a step began before the one in front of it was done");
        }
        if calling.contains(&Verb::Undo) {
            return broken("an undo while going forward");
        }
    } else {
        if calling.iter().any(|verb| *verb != Verb::Undo) {
            return broken("something other than an undo while going back");
        }
        if definitions.iter().zip(&saga.steps).any(|(step, state)| step.pivot && state.may_have_happened()) {
            return broken("it went back after its point of no return");
        }
    }
    for (step, state) in definitions.iter().zip(&saga.steps) {
        if state.do_tries.max(state.probe_tries).max(state.undo_tries) > step.retry.attempts_max {
            return broken("more tries than allowed");
        }
        if saga.end.as_ref().is_some_and(|end| matches!(end, End::Undone { .. }))
            && state.may_have_happened()
            && step.undo != Undo::Nothing
        {
            return broken("over as undone while an effect may stand");
        }
    }
    match &saga.end {
        Some(End::Done { .. }) if saga.steps.iter().any(|state| state.position != Position::Done) => {
            broken("over as done with a step open")
        }
        Some(End::Parked { .. } | End::Stuck { .. }) => broken("over while it waits for a person"),
        _ => Ok(()),
    }
}
