//! Sentences as data, and the catalogues that put them into words.
//!
//! A [`Message`] names a sentence and carries its arguments; a [`Catalogue`] speaks it in one language. Used by the story and,
//! for status and summaries, by the command line. Always holds: both catalogues have the same sentences with the same
//! variables (a test demands it), and an argument is only ever put in as it is.

use crate::{Language, plain};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue};
use homeostat_vocabulary::{Millis, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// A sentence, not yet in any language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its name in the catalogues.
    pub key: &'static str,
    /// What is put into it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<&'static str, Argument>,
}

/// What can be put into a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// A text, shown as it is once control characters are taken out.
    Text(String),
    /// A number, by which a sentence may take its plural.
    Number(i64),
    /// Thousandths, shown as a percentage without its sign.
    Permille(u16),
    /// A span of time.
    SpanMs(Millis),
    /// A point in time, shown as the time of day in UTC.
    AtMs(Timestamp),
    /// A phrase of the same catalogue.
    Phrase(Box<Message>),
    /// Phrases, joined by commas.
    Phrases(Vec<Message>),
}

impl Message {
    /// The sentence `key`, without arguments yet.
    #[must_use]
    pub const fn new(key: &'static str) -> Self {
        Self { key, arguments: BTreeMap::new() }
    }

    /// With one more argument.
    #[must_use]
    pub fn with(mut self, name: &'static str, argument: impl Into<Argument>) -> Self {
        self.arguments.insert(name, argument.into());
        self
    }

    /// With one more argument that is a text: a name, a number of ours, or words from outside.
    #[must_use]
    pub fn text(self, name: &'static str, text: &impl ToString) -> Self {
        self.with(name, Argument::Text(text.to_string()))
    }

    /// With one more argument that is a count; what no count can reach is shown as the largest.
    #[must_use]
    pub fn number(self, name: &'static str, number: impl TryInto<i64>) -> Self {
        self.with(name, Argument::Number(number.try_into().unwrap_or(i64::MAX)))
    }
}

impl From<Millis> for Argument {
    fn from(span: Millis) -> Self {
        Self::SpanMs(span)
    }
}

impl From<Timestamp> for Argument {
    fn from(at: Timestamp) -> Self {
        Self::AtMs(at)
    }
}

impl From<Message> for Argument {
    fn from(phrase: Message) -> Self {
        Self::Phrase(Box::new(phrase))
    }
}

impl From<Vec<Message>> for Argument {
    fn from(phrases: Vec<Message>) -> Self {
        Self::Phrases(phrases)
    }
}

/// The sentences of one language.
pub struct Catalogue {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

static ENGLISH: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::read(Language::English, include_str!("../locales/en.ftl")));
static SPANISH: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::read(Language::Spanish, include_str!("../locales/es.ftl")));

impl Catalogue {
    /// The catalogue of a language.
    #[must_use]
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Spanish => &SPANISH,
        }
    }

    fn read(language: Language, text: &str) -> Self {
        let id: LanguageIdentifier = language.code().parse().expect("two letters are a language tag");
        let resource = FluentResource::try_new(text.to_owned()).expect("the built-in catalogue is well formed");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Isolation marks would stand as garbage in a terminal; direction-changing characters are dropped by `plain`.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).expect("each sentence of the built-in catalogue has its own name");
        Self { language, bundle }
    }

    /// Which language it speaks.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// The sentence in words.
    #[must_use]
    pub fn say(&self, message: &Message) -> String {
        let mut faults = Vec::new();
        let words = self.render(message, &mut faults);
        debug_assert!(faults.is_empty(), "{} cannot say {message:?}: {faults:?}", self.language);
        words
    }

    /// A span of time in words, with the decimal sign of the language.
    #[must_use]
    pub fn span(&self, span: Millis) -> String {
        self.decimal(&span.to_string())
    }

    fn decimal(&self, number: &str) -> String {
        match self.language {
            Language::English => number.to_owned(),
            Language::Spanish => number.replace('.', ","),
        }
    }

    fn render(&self, message: &Message, faults: &mut Vec<FluentError>) -> String {
        let pattern = self.bundle.get_message(message.key).and_then(|found| found.value());
        let Some(pattern) = pattern else {
            debug_assert!(false, "{} has no sentence {:?}", self.language, message.key);
            return message.key.to_owned();
        };
        let mut arguments = FluentArgs::with_capacity(message.arguments.len());
        for (name, argument) in &message.arguments {
            arguments.set(*name, self.value(argument, faults));
        }
        self.bundle.format_pattern(pattern, Some(&arguments), faults).into_owned()
    }

    fn value(&self, argument: &Argument, faults: &mut Vec<FluentError>) -> FluentValue<'static> {
        match argument {
            Argument::Text(text) => plain(text).into(),
            Argument::Number(number) => (*number).into(),
            Argument::Permille(share) => self.decimal(&percent(*share)).into(),
            Argument::SpanMs(span) => self.span(*span).into(),
            Argument::AtMs(at) => clock(*at).into(),
            Argument::Phrase(phrase) => self.render(phrase, faults).into(),
            Argument::Phrases(phrases) => {
                let words: Vec<String> = phrases.iter().map(|phrase| self.render(phrase, faults)).collect();
                words.join(", ").into()
            }
        }
    }
}

/// The time of day in UTC: `08:52:01.250`.
pub(crate) fn clock(at: Timestamp) -> String {
    at.to_string().split_once('T').map_or_else(String::new, |(_, time)| time.trim_end_matches('Z').to_owned())
}

/// Thousandths as a percentage, without a decimal that nobody needs: `72`, but `99.5` near certainty.
fn percent(permille: u16) -> String {
    match (permille / 10, permille % 10) {
        (whole, 0) => whole.to_string(),
        (whole @ (0 | 99), rest) => format!("{whole}.{rest}"),
        (whole, rest) => (whole + u16::from(rest >= 5)).to_string(),
    }
}
