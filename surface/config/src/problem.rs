//! Problems: what is wrong with a configuration, where, and what to do about it.
//!
//! Made by every check, collected until all checks have run, shown by the command line and the API. What it says is data until somebody
//! reads it, in their language; logs and programs get English. A problem never holds a secret: snippets are redacted, and messages quote
//! only what cannot be one.

use crate::code::Code;
use crate::place::{Medium, Place};
use crate::tree::Path;
use homeostat_vocabulary::{Language, Sentence};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;

/// More problems than this are counted, not shown: a file of noise must not fill a terminal or an answer.
pub const PROBLEMS_SHOWN_MAX: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and does not do what one might think.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(crate) code: Code,
    pub(crate) weight: Weight,
    pub(crate) message: Sentence,
    pub(crate) help: Sentence,
    /// The value it is about, as a way through the tree.
    pub(crate) path: Path,
    pub(crate) place: Option<Place>,
    /// A few words for the place.
    pub(crate) label: Option<Sentence>,
    /// Other places that belong to it.
    pub(crate) also: Vec<(Place, Sentence)>,
}

impl Problem {
    pub(crate) const fn new(code: Code, message: Sentence, help: Sentence) -> Self {
        Self {
            code,
            weight: Weight::Error,
            message,
            help,
            path: Path(Vec::new()),
            place: None,
            label: None,
            also: Vec::new(),
        }
    }

    pub(crate) fn at(mut self, place: Option<Place>, label: Sentence) -> Self {
        self.place = place;
        self.label = Some(label);
        self
    }

    pub(crate) fn about(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    pub(crate) fn also(mut self, place: Option<Place>, label: Sentence) -> Self {
        self.also.extend(place.map(|place| (place, label)));
        self
    }

    pub(crate) fn warning(mut self) -> Self {
        self.weight = Weight::Warning;
        self
    }

    /// The code of this kind of mistake.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// How bad it is.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        self.weight
    }

    /// What is wrong, in one sentence.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        self.message.say(language)
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self, language: Language) -> String {
        self.help.say(language)
    }

    /// Line and column in the file, from one; `None` when it is not about a file.
    #[must_use]
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let place = self.place.as_ref()?;
        matches!(place.source.medium(), Medium::File(_)).then(|| place.line_and_column())
    }

    /// The whole problem on one line, for logs: `homeostat.toml:3:5: H0003 unknown key ... (help)`.
    #[must_use]
    pub fn one_line(&self) -> String {
        let place =
            self.place.as_ref().map(|place| format!("{}: ", place.short(Language::English))).unwrap_or_default();
        let text = format!("{place}{} {} ({})", self.code.as_str(), self.message, self.help);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The page about this kind of mistake, from the repository's root.
    #[must_use]
    pub fn page(&self) -> String {
        format!("docs/errors/{}.md", self.code.as_str())
    }
}

/// The form that programs read: each sentence in English, and as the name and the parameters that it is made of. It holds no snippet of
/// the text.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("severity", &self.weight)?;
        map.serialize_entry("message", &self.message.to_string())?;
        map.serialize_entry("help", &self.help.to_string())?;
        map.serialize_entry("sentence", &self.message)?;
        map.serialize_entry("remedy", &self.help)?;
        map.serialize_entry("page", &self.page())?;
        if !self.path.0.is_empty() {
            map.serialize_entry("key", &self.path.to_string())?;
        }
        if let Some((place, label)) = self.place.as_ref().zip(self.label.as_ref()) {
            map.serialize_entry("place", &SerialPlace(place, label))?;
        }
        let also: Vec<SerialPlace<'_>> = self.also.iter().map(|(place, label)| SerialPlace(place, label)).collect();
        if !also.is_empty() {
            map.serialize_entry("also", &also)?;
        }
        map.end()
    }
}

struct SerialPlace<'a>(&'a Place, &'a Sentence);

impl Serialize for SerialPlace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(place, label) = self;
        let mut map = serializer.serialize_map(None)?;
        match place.source.medium() {
            Medium::File(path) => {
                let (line, column) = place.line_and_column();
                map.serialize_entry("file", &path.display().to_string())?;
                map.serialize_entry("line", &line)?;
                map.serialize_entry("column", &column)?;
                map.serialize_entry("length", &place.source.full()[place.span.clone()].chars().count())?;
            }
            Medium::Variable(name) => map.serialize_entry("variable", name)?,
            Medium::Flag(key) => map.serialize_entry("flag", key)?,
        }
        map.serialize_entry("label", &label.to_string())?;
        map.end()
    }
}

/// All problems that were found, in the order of their places.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts them as a reader meets them: files in the order of reading, then variables, then flags; then the rest.
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place.as_ref().map_or((usize::MAX, 0), Place::order));
        Self(problems)
    }

    /// The problems, each.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them stands in the way.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.weight == Weight::Error)
    }

    /// Each problem on a line of its own.
    #[must_use]
    pub fn one_line_each(&self) -> Vec<String> {
        self.0.iter().map(Problem::one_line).collect()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.one_line())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().take(PROBLEMS_SHOWN_MAX).map(Problem::one_line).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problem {}
impl std::error::Error for Problems {}
