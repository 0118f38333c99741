//! What policies must know of a call: until when, how important, and whether it may be made twice.

use std::fmt;
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use serde::{Deserialize, Serialize};

/// How important a call is; the least important make way first.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Without it the system itself fails: logins, payments, health.
    Critical,
    /// A person waits for it.
    #[default]
    Normal,
    /// A person would hardly miss it: a prefetch, a suggestion.
    Low,
    /// Nobody waits: a report, a copy, a crawl.
    Background,
}

impl Priority {
    /// From the most to the least important.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Normal, Self::Low, Self::Background];

    /// Its name, as in configuration and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Normal => "normal",
            Self::Low => "low",
            Self::Background => "background",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A call, as policies see it. Cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// When an answer is of no use any more. It travels along: whoever is called gets what is left of it.
    pub deadline: Option<Moment>,
    /// How important it is.
    pub priority: Priority,
    /// Whether it may be made twice. Only then it is hedged, or retried after the other side may have begun with it.
    pub is_idempotent: bool,
    /// Whether a budget has counted it. Policies set it on what they hand on, so that those within do not count it again.
    pub is_counted: bool,
}

impl Default for Call {
    /// Of normal importance, without a deadline, and to be made once.
    fn default() -> Self {
        Self { deadline: None, priority: Priority::Normal, is_idempotent: false, is_counted: false }
    }
}

impl Call {
    /// A call that may be made twice.
    pub fn idempotent() -> Self {
        Self { is_idempotent: true, ..Self::default() }
    }

    /// To be answered within this time from now. An earlier deadline stays.
    #[must_use]
    pub fn within(self, limit: Duration, clock: &Clock) -> Self {
        self.until(clock.now() + limit)
    }

    /// To be answered until then. An earlier deadline stays.
    #[must_use]
    pub fn until(mut self, deadline: Moment) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        self
    }

    /// Of this importance.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// What is left until the deadline; `None` without one.
    pub fn remaining(&self, now: Moment) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(now))
    }

    /// Whether an answer is of no use any more.
    pub fn is_over(&self, now: Moment) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }
}
