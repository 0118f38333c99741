//! What is wrong with the settings of a gateway, where, and what to do about it.
//!
//! Made by [`Table::compile`](crate::Table::compile) and by the checks; `surface/config` finds the place in the file and the code of the
//! kind. Messages quote names and patterns, never what may be a secret.

use homeostat_vocabulary::Sentence;
use std::fmt;

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The text cannot be read as what it should be.
    BadFormat,
    /// The number is too small or too large.
    OutOfRange,
    /// A key that must be there is missing.
    MissingKey,
    /// The name cannot be used.
    BadName,
    /// An upstream, service or way in that is not declared.
    UnknownName,
    /// A route does not say what to do, or says it twice.
    RouteAction,
    /// A route that no request can reach, because another takes all of its requests.
    ShadowedRoute,
    /// A split whose weights add up to nothing.
    NoWeight,
    /// A listener that other machines can reach, and nobody said that they may.
    PublicListener,
    /// An upstream does not say where it is, or says it twice.
    UpstreamSource,
    /// A service that requests are to go to has no such port.
    NoServicePort,
    /// Two settings exclude each other, or one means nothing without the other.
    Conflict,
}

impl ProblemKind {
    /// Whether the settings can be used all the same.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::ShadowedRoute)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of mistake it is.
    pub kind: ProblemKind,
    /// The way to the value, below `gateway`: `["routes", "shop", "to"]`.
    pub path: Vec<String>,
    /// What is wrong, in one sentence.
    pub message: Sentence,
    /// What to do about it.
    pub remedy: Sentence,
    /// A few words for the place itself.
    pub label: Sentence,
    /// The word that was written and those that it may have meant, when it is about an unknown name.
    pub meant: Option<(String, Vec<String>)>,
    /// Another place that belongs to it.
    pub also: Option<(Vec<String>, Sentence)>,
}

impl Problem {
    /// A problem of this kind at this place.
    pub(crate) fn new(kind: ProblemKind, path: &[&str], message: Sentence, remedy: Sentence, label: Sentence) -> Self {
        Self {
            kind,
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            message,
            remedy,
            label,
            meant: None,
            also: None,
        }
    }

    pub(crate) fn meant<'n>(mut self, written: &str, known: impl Iterator<Item = &'n str>) -> Self {
        self.meant = Some((written.to_owned(), known.map(str::to_owned).collect()));
        self
    }

    pub(crate) fn also(mut self, path: &[&str], label: Sentence) -> Self {
        self.also = Some((path.iter().map(|name| (*name).to_owned()).collect(), label));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gateway.{}: {} ({})", self.path.join("."), self.message, self.remedy)
    }
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Whether the settings cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| !problem.kind.is_warning())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
