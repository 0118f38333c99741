//! Which language a person is spoken to in, and how it is picked. Used by whatever speaks to people: stories, problems, the command line.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A language that people are spoken to in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
}

/// A language that nothing is said in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no catalogue for {0:?}; there is one for en and one for es")]
pub struct LanguageError(pub String);

/// The variables that say a language, the strongest first, as POSIX has it.
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

impl Language {
    /// Every language there is.
    pub const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// The language that the environment asks for: the first of LC_ALL, LC_MESSAGES and LANG that is set decides, and
    /// English speaks where it asks for a language that we do not have.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = VARIABLES.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        first.and_then(|locale| locale.parse().ok()).unwrap_or_default()
    }

    /// Its two letters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    /// From a tag or a locale: `es`, `es-MX`, `es_ES.UTF-8`.
    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let primary = text.split(['-', '_', '.', '@']).next().unwrap_or_default().to_ascii_lowercase();
        let found = Self::ALL.into_iter().find(|language| language.code() == primary);
        found.ok_or_else(|| LanguageError(text.to_owned()))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
