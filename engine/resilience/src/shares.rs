//! One value for each priority: shares, counts and lines of the policies that tell priorities apart.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use crate::Priority;

/// One value for each [`Priority`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerPriority<T> {
    /// For [`Priority::Critical`].
    pub critical: T,
    /// For [`Priority::Normal`].
    pub normal: T,
    /// For [`Priority::Low`].
    pub low: T,
    /// For [`Priority::Background`].
    pub background: T,
}

impl<T> PerPriority<T> {
    /// What `make` makes of each priority, from the most important on.
    pub fn from_fn(mut make: impl FnMut(Priority) -> T) -> Self {
        Self {
            critical: make(Priority::Critical),
            normal: make(Priority::Normal),
            low: make(Priority::Low),
            background: make(Priority::Background),
        }
    }

    /// The values, that of the most important priority first.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        Priority::ALL.into_iter().map(|priority| &self[priority])
    }
}

impl<T> Index<Priority> for PerPriority<T> {
    type Output = T;

    fn index(&self, priority: Priority) -> &T {
        match priority {
            Priority::Critical => &self.critical,
            Priority::Normal => &self.normal,
            Priority::Low => &self.low,
            Priority::Background => &self.background,
        }
    }
}

impl<T> IndexMut<Priority> for PerPriority<T> {
    fn index_mut(&mut self, priority: Priority) -> &mut T {
        match priority {
            Priority::Critical => &mut self.critical,
            Priority::Normal => &mut self.normal,
            Priority::Low => &mut self.low,
            Priority::Background => &mut self.background,
        }
    }
}
