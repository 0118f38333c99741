//! `[repair]`: limits of the repairs.

use homeostat_vocabulary as vocabulary;
use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of the repairs. The first attempt is made at once, the following ones at growing distances, for ever.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Repair {
    /// Wait before the second attempt in a row. It doubles with each attempt.
    pub backoff_first: Period,
    /// The longest wait between attempts; attempts go on at this pace for ever.
    pub backoff_max: Period,
    /// An instance that was ready this long begins again with no wait.
    pub backoff_reset: Period,
    /// Repairs of one instance within `budget_window` before the engine slows to one a `backoff_max` and calls for a person.
    #[schemars(range(min = 1, max = 1000))]
    pub budget: u32,
    /// The window of `budget`.
    pub budget_window: Period,
    /// How long an instance must stay ready after a repair before the repair counts as a success.
    pub verify_window: Period,
    /// How long an instance may take to become ready after a repair before the repair counts as a failure.
    pub verify_deadline: Period,
    /// How long an approval is waited for before the plan is void.
    pub approval_deadline: Period,
}

impl Default for Repair {
    fn default() -> Self {
        let repair = vocabulary::Repair::default();
        Self {
            backoff_first: Period(repair.backoff_first),
            backoff_max: Period(repair.backoff_max),
            backoff_reset: Period(repair.backoff_reset),
            budget: repair.budget,
            budget_window: Period(repair.budget_window),
            verify_window: Period(repair.verify_window),
            verify_deadline: Period(repair.verify_deadline),
            approval_deadline: Period(repair.approval_deadline),
        }
    }
}

impl From<&Repair> for vocabulary::Repair {
    fn from(section: &Repair) -> Self {
        Self {
            backoff_first: section.backoff_first.0,
            backoff_max: section.backoff_max.0,
            backoff_reset: section.backoff_reset.0,
            budget: section.budget,
            budget_window: section.budget_window.0,
            verify_window: section.verify_window.0,
            verify_deadline: section.verify_deadline.0,
            approval_deadline: section.approval_deadline.0,
        }
    }
}
