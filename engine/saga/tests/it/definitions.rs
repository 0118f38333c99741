//! Small definitions with short limits, so that a test states only what matters to it.
//!
//! Used by every module of these tests. Each is valid; what must be refused is built where it is refused.

use homeostat_saga::{Definition, Nature, NewSaga, Retry, StepDefinition, Stored, Undo};
use serde_json::json;

/// A step of this nature that can be undone, with short limits.
pub fn step(name: &str, nature: Nature) -> StepDefinition {
    let mut step = StepDefinition::new(name, json!({ "for": name }), Undo::Call(json!({ "undo": name })), nature);
    step.retry = Retry { attempts_max: 3, backoff_first_ms: 100, backoff_max_ms: 1_000 };
    step
}

pub fn pivot(name: &str, nature: Nature) -> StepDefinition {
    StepDefinition { pivot: true, undo: Undo::Irreversible { why: "it is sent".into() }, ..step(name, nature) }
}

pub fn saga(id: &str, target: &str, steps: Vec<StepDefinition>) -> NewSaga {
    of(id, target, Definition::new("test", 1, steps))
}

pub fn of(id: &str, target: &str, definition: Definition) -> NewSaga {
    let definition = Stored::new(definition).unwrap();
    NewSaga { id: id.into(), trace: format!("trace of {id}"), target: target.into(), definition }
}

/// Three idempotent steps.
pub fn trip(id: &str) -> NewSaga {
    let natures = [("flight", Nature::Idempotent), ("hotel", Nature::Queryable), ("car", Nature::Idempotent)];
    saga(id, "trip", natures.map(|(name, nature)| step(name, nature)).to_vec())
}
