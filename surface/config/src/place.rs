//! Where something was said: a text that was read, and a span in it.
//!
//! A file is such a text, and so is each environment variable and each flag, as `NAME=value`: everything a person can get
//! wrong can be underlined. The full text never leaves this file; what is shown goes through the redaction.

use crate::say;
use crate::secret::Redacted;
use homeostat_vocabulary::Language;
use serde::Serialize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// What kind of text it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A file; the path as it was given.
    File(PathBuf),
    /// An environment variable, by name.
    Variable(String),
    /// A flag `--set`, by the key it sets.
    Flag(String),
}

/// A text that was read.
pub struct SourceText {
    medium: Medium,
    /// In which order it was read; problems are shown in this order.
    rank: usize,
    text: String,
    shown: Redacted,
}

impl SourceText {
    /// A text of this medium, read as number `rank`.
    pub fn new(medium: Medium, rank: usize, text: String) -> Arc<Self> {
        let shown = Redacted::new(&text);
        Arc::new(Self { medium, rank, text, shown })
    }

    pub(crate) fn medium(&self) -> &Medium {
        &self.medium
    }

    /// The full text; only for parsing.
    pub(crate) fn full(&self) -> &str {
        &self.text
    }

    pub(crate) fn shown(&self) -> &Redacted {
        &self.shown
    }

    /// The name a person knows it by.
    pub(crate) fn name(&self, language: Language) -> String {
        match &self.medium {
            Medium::File(path) => path.display().to_string(),
            Medium::Variable(name) => say::variable(name).say(language),
            Medium::Flag(key) => format!("--set {key}"),
        }
    }
}

/// Only the name: the text may hold a secret.
impl std::fmt::Debug for SourceText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name(Language::English))
    }
}

/// A span in a text that was read.
#[derive(Clone, Debug)]
pub struct Place {
    pub(crate) source: Arc<SourceText>,
    pub(crate) span: Range<usize>,
}

impl Place {
    /// A span of a text; kept within it and on character boundaries.
    pub fn new(source: &Arc<SourceText>, span: Range<usize>) -> Self {
        let text = source.full();
        let boundary = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(span.start.min(text.len()));
        let end = boundary(span.end.min(text.len())).max(start);
        Self { source: Arc::clone(source), span: start..end }
    }

    /// The whole of a text.
    pub fn whole(source: &Arc<SourceText>) -> Self {
        Self::new(source, 0..source.full().len())
    }

    /// Line and column, both from one; the column counts characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = &self.source.full()[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The text from the beginning of the place's line to the end; only to be searched.
    pub(crate) fn text_from_line(&self) -> &str {
        let text = self.source.full();
        &text[text[..self.span.start].rfind('\n').map_or(0, |at| at + 1)..]
    }

    /// What problems are sorted by.
    pub(crate) fn order(&self) -> (usize, usize) {
        (self.source.rank, self.span.start)
    }

    /// `homeostat.toml:3:5`, or the name of the variable or flag.
    pub fn short(&self, language: Language) -> String {
        let (line, column) = self.line_and_column();
        match self.source.medium() {
            Medium::File(_) => format!("{}:{line}:{column}", self.source.name(language)),
            Medium::Variable(_) | Medium::Flag(_) => self.source.name(language),
        }
    }
}

/// Where an effective value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody said anything: the built-in default.
    Default,
    /// A file.
    File {
        /// Its path, as it was given or found.
        file: String,
        /// The line, from one.
        line: usize,
        /// The column, from one.
        column: usize,
    },
    /// An environment variable.
    Variable {
        /// Its name.
        variable: String,
    },
    /// A flag `--set`.
    Flag {
        /// The key it sets.
        flag: String,
    },
    /// It was said, and held within a bound that somebody set elsewhere.
    Held {
        /// The key of the bound.
        by: String,
        /// What was said.
        declared: String,
    },
}

impl From<&Place> for Origin {
    fn from(place: &Place) -> Self {
        let (line, column) = place.line_and_column();
        match place.source.medium() {
            Medium::File(path) => Self::File { file: path.display().to_string(), line, column },
            Medium::Variable(name) => Self::Variable { variable: name.clone() },
            Medium::Flag(key) => Self::Flag { flag: key.clone() },
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, .. } => write!(f, "{file}:{line}"),
            Self::Variable { variable } => f.write_str(variable),
            Self::Flag { flag } => write!(f, "--set {flag}"),
            Self::Held { by, declared } => write!(f, "held by {by}, declared as {declared}"),
        }
    }
}
