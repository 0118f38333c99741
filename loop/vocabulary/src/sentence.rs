//! Sentences as data: a name and what is put into it, said in the language of whoever reads it, and no earlier.
//!
//! Used by the crates that find problems: each has one table of sentences, made by [`sentences!`](crate::sentences), in which both
//! languages of a sentence stand below each other. Always holds: a sentence that leaves something out in one language, or says what it was
//! not given, does not compile; what is put in is put in as it is. The catalogues of `homeostat-story` tell stories by the same idea with
//! plurals and spans of time; they are out of reach of the plane, and their braces would be in the way of examples in TOML.

use crate::Language;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;

/// A sentence, not yet in any language.
#[derive(Clone)]
pub struct Sentence {
    name: &'static str,
    parameters: Vec<(&'static str, Argument)>,
    say: Saying,
}

/// Puts the words, one for each parameter, into the sentence.
type Saying = fn(Language, &[String]) -> String;

/// What can be put into a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A text: a name, a path, words of the system or of a library.
    Text(String),
    /// A number.
    Number(i64),
    /// Words that are themselves in a language.
    Phrase(Box<Sentence>),
    /// Names: `a`, `b` and `c`.
    Names(Vec<String>),
    /// One of several: a, b or c.
    AnyOf(Vec<Sentence>),
    /// Several, with commas.
    Several(Vec<Sentence>),
}

impl Sentence {
    /// Called by the tables that [`sentences!`](crate::sentences) makes.
    #[must_use]
    pub const fn new(name: &'static str, parameters: Vec<(&'static str, Argument)>, say: Saying) -> Self {
        Self { name, parameters, say }
    }

    /// Its name in its table.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The sentence in words.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        let words: Vec<String> = self.parameters.iter().map(|(_, argument)| argument.say(language)).collect();
        (self.say)(language, &words)
    }
}

impl Argument {
    /// In words; a text as it is.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        let (and, or, nothing) = match language {
            Language::English => ("and", "or", "nothing"),
            Language::Spanish => ("y", "o", "nada"),
        };
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Phrase(phrase) => phrase.say(language),
            Self::Names(names) => {
                let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                match quoted.as_slice() {
                    [] => nothing.to_owned(),
                    [only] => only.clone(),
                    [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
                }
            }
            Self::AnyOf(phrases) => said(phrases, language).join(&format!(" {or} ")),
            Self::Several(phrases) => said(phrases, language).join(", "),
        }
    }
}

fn said(phrases: &[Sentence], language: Language) -> Vec<String> {
    phrases.iter().map(|phrase| phrase.say(language)).collect()
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Argument {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

/// A number that no count can reach is shown as the largest.
macro_rules! counts {
    ($($kind:ty)+) => {
        $(impl From<$kind> for Argument {
            fn from(number: $kind) -> Self {
                Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
            }
        })+
    };
}

counts!(u16 u32 u64 usize i64);

impl From<Sentence> for Argument {
    fn from(phrase: Sentence) -> Self {
        Self::Phrase(Box::new(phrase))
    }
}

/// In English, as logs are.
impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Language::English))
    }
}

impl fmt::Debug for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.name)
    }
}

/// As why a text could not be read.
impl std::error::Error for Sentence {}

impl PartialEq for Sentence {
    fn eq(&self, other: &Self) -> bool {
        (self.name, &self.parameters) == (other.name, &other.parameters)
    }
}

impl Eq for Sentence {}

/// For programs: the name and the parameters, as data.
impl Serialize for Sentence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name)?;
        if !self.parameters.is_empty() {
            map.serialize_entry("parameters", &Parameters(&self.parameters))?;
        }
        map.end()
    }
}

struct Parameters<'a>(&'a [(&'static str, Argument)]);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, argument)| (name, argument)))
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Phrase(phrase) => phrase.serialize(serializer),
            Self::Names(names) => names.serialize(serializer),
            Self::AnyOf(phrases) | Self::Several(phrases) => phrases.serialize(serializer),
        }
    }
}

/// Makes a table of sentences: for each a function that takes what is put in, and a test that goes through all of them.
///
/// ```
/// mod say {
///     homeostat_vocabulary::sentences! {
///         unknown_key(key) =
///             "there is no key `{key}`",
///             "no existe la clave `{key}`";
///     }
/// }
/// use homeostat_vocabulary::Language;
///
/// let sentence = say::unknown_key("prot");
/// assert_eq!(sentence.say(Language::English), "there is no key `prot`");
/// assert_eq!(sentence.say(Language::Spanish), "no existe la clave `prot`");
/// assert_eq!(sentence.name(), "unknown_key");
/// ```
///
/// Something that one language leaves out does not compile:
///
/// ```compile_fail
/// mod say {
///     homeostat_vocabulary::sentences! {
///         unknown_key(key) = "there is no key `{key}`", "no existe la clave";
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! sentences {
    ($($name:ident($($hole:ident),* $(,)?) = $english:literal, $spanish:literal;)+) => {
        $(
            pub fn $name($($hole: impl Into<$crate::sentence::Argument>),*) -> $crate::Sentence {
                $crate::Sentence::new(stringify!($name), vec![$((stringify!($hole), $hole.into())),*], |language, words| {
                    let [$($hole),*] = words else { unreachable!("a sentence is given one word for each parameter") };
                    match language {
                        $crate::Language::English => format!($english, $($hole = $hole),*),
                        $crate::Language::Spanish => format!($spanish, $($hole = $hole),*),
                    }
                })
            }
        )+

        #[test]
        fn every_sentence_of_this_table_is_said_in_both_languages_with_the_same_parameters() {
            // Would break: a person reads a problem in a language that is not theirs, or without the name it is about.
            let mut names = std::collections::BTreeSet::new();
            $({
                let marks: &[&str] = &[$(concat!("<", stringify!($hole), ">")),*];
                let sentence = $name($(concat!("<", stringify!($hole), ">")),*);
                let [english, spanish] = $crate::Language::ALL.map(|language| sentence.say(language));
                assert!(names.insert(sentence.name()), "{} stands there twice", sentence.name());
                assert_ne!(english, spanish, "{} is not translated", sentence.name());
                for said in [english, spanish] {
                    assert!(!said.trim().is_empty(), "{} says nothing", sentence.name());
                    assert!(marks.iter().all(|mark| said.contains(mark)), "{said} leaves something out");
                }
            })+
        }
    };
}
