//! The detect stage: signals in, findings out.
//!
//! Called by the controller with one signal at a time. Always holds: pure; what it keeps for an instance has a fixed bound.
//! It must never look at plans or actions: a judgement does not depend on what could be done about it.

mod exit;
mod health;

pub use exit::{exited, start_failed};
pub use health::{Health, HealthChange};

use homeostat_vocabulary::Severity;

/// How bad it is that one instance is not well, when `others_ready` instances of its service are.
#[must_use]
pub const fn severity(others_ready: usize) -> Severity {
    if others_ready == 0 { Severity::Critical } else { Severity::Warning }
}

/// The confidence of a hard fact, such as an exit.
pub const CERTAIN_PERMILLE: u16 = 1000;
