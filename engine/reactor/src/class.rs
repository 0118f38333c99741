//! The five classes of urgency, and a value for each of them.

use std::fmt;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// How urgent an event is, the most urgent first.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Safety: must be heard at once and never be lost.
    Critical,
    /// What somebody waits for: commands, results of actions.
    Act,
    /// Findings.
    Detect,
    /// Observations that come again.
    Sense,
    /// Everything that can wait or be thinned out.
    Bulk,
}

impl Class {
    /// How many classes there are.
    pub const COUNT: usize = 5;

    /// All of them, the most urgent first.
    pub const ALL: [Self; Self::COUNT] = [Self::Critical, Self::Act, Self::Detect, Self::Sense, Self::Bulk];

    /// Its name in metrics, pictures and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Act => "act",
            Self::Detect => "detect",
            Self::Sense => "sense",
            Self::Bulk => "bulk",
        }
    }

    /// How many events of this class go in one turn of the weighted drain, when every class has some waiting.
    pub const fn weight(self) -> usize {
        match self {
            Self::Critical => 16,
            Self::Act => 8,
            Self::Detect => 4,
            Self::Sense => 2,
            Self::Bulk => 1,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One value for each class.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerClass<T>(pub [T; Class::COUNT]);

impl<T> PerClass<T> {
    /// A value made for each class.
    pub fn from_fn(mut make: impl FnMut(Class) -> T) -> Self {
        Self(Class::ALL.map(&mut make))
    }

    /// Each class with its value, the most urgent first.
    pub fn iter(&self) -> impl Iterator<Item = (Class, &T)> {
        Class::ALL.into_iter().zip(&self.0)
    }

    /// Each class with its value, to change it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Class, &mut T)> {
        Class::ALL.into_iter().zip(&mut self.0)
    }
}

impl<T> Index<Class> for PerClass<T> {
    type Output = T;

    fn index(&self, class: Class) -> &T {
        &self.0[class as usize]
    }
}

impl<T> IndexMut<Class> for PerClass<T> {
    fn index_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class as usize]
    }
}
