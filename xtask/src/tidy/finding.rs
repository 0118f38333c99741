//! What a rule says when it refuses something: where, what, and what to do about it.
//!
//! Made by the rules, printed by the command. A finding always names a remedy: a refusal that leaves a person guessing is half
//! a refusal.

use std::fmt;

use serde::Serialize;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The law is broken; the check fails.
    Refused,
    /// Worth knowing; the check passes.
    Note,
}

/// One judgement of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// Whether the check fails for it.
    pub weight: Weight,
    /// The file, from the root.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// A finding that fails the check.
    pub fn refused(
        rule: &'static str,
        file: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { rule, weight: Weight::Refused, file: file.to_owned(), line, what: what.into(), remedy: remedy.into() }
    }

    /// A finding that is only told.
    pub fn note(
        rule: &'static str,
        file: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { weight: Weight::Note, ..Self::refused(rule, file, line, what, remedy) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Refused => "refused",
            Weight::Note => "note",
        };
        write!(formatter, "{}:{}: {weight} [{}] {}", self.file, self.line, self.rule, self.what)?;
        write!(formatter, "\n    remedy: {}", self.remedy)
    }
}

/// The first line (from 1) that fits, or 1: a finding always points into the file.
pub fn line_where(text: &str, fits: impl Fn(&str) -> bool) -> usize {
    text.lines().position(fits).map_or(1, |index| index + 1)
}

/// The line of a manifest that asks for a crate.
pub fn line_of_dependency(manifest: &str, name: &str) -> usize {
    line_where(manifest, |line| {
        let Some(rest) = line.trim_start().strip_prefix(name) else { return false };
        rest.starts_with(['.', ' ', '='])
    })
}
