//! Commands as people write them: a list of words, or one text split into words as a shell would, without a shell.
//!
//! Quotes and backslashes work as in `sh`; variables, globs, pipes and redirections do not exist, and [`shell_syntax`]
//! finds what looks as if the writer had expected them.

use crate::say;
use homeostat_vocabulary::Sentence;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use std::borrow::Cow;

/// A program and its arguments; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Words(pub Vec<String>);

/// Splits a text into words.
pub fn split(text: &str) -> Result<Vec<String>, Sentence> {
    let mut words = Vec::new();
    let mut letters = text.chars();
    // `None` between words; an empty quoted word is a word too.
    let mut word: Option<String> = None;
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some('\'') => break,
                        Some(inner) => word.push(inner),
                        None => return Err(say::single_quote_open()),
                    }
                }
            }
            '"' => read_double_quoted(&mut letters, word.get_or_insert_default())?,
            '\\' => {
                let escaped = letters.next().ok_or_else(say::backslash_at_end)?;
                word.get_or_insert_default().push(escaped);
            }
            space if space.is_whitespace() => words.extend(word.take()),
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    match words.first() {
        None => Err(say::command_empty()),
        Some(program) if program.is_empty() => Err(say::program_nameless()),
        Some(_) => Ok(words),
    }
}

fn read_double_quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), Sentence> {
    loop {
        match letters.next() {
            Some('"') => return Ok(()),
            Some('\\') => match letters.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => return Err(say::double_quote_open()),
            },
            Some(inner) => word.push(inner),
            None => return Err(say::double_quote_open()),
        }
    }
}

/// The first word that only a shell would understand, when the command was written as one text.
pub fn shell_syntax(words: &[String]) -> Option<&str> {
    const OPERATORS: [&str; 9] = ["|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"];
    let assigns = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if words.first().is_some_and(|program| assigns(program)) {
        return words.first().map(String::as_str);
    }
    let shells = |word: &&String| {
        OPERATORS.contains(&word.as_str())
            || word.ends_with(';')
            || word.contains("$(")
            || word.contains("${")
            || word.strip_prefix('$').is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    // A shell that is given its script as a word reads it for itself.
    let has_shell = words.first().is_some_and(|program| {
        ["sh", "bash", "dash", "zsh", "ksh"].contains(&program.rsplit('/').next().unwrap_or_default())
    });
    if has_shell { None } else { words.iter().find(shells).map(String::as_str) }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => split(&text).map(Self).map_err(D::Error::custom),
            list => {
                let words: Vec<String> = serde_json::from_value(list).map_err(D::Error::custom)?;
                let runs = words.first().is_some_and(|program| !program.is_empty());
                if runs { Ok(Self(words)) } else { Err(D::Error::custom(say::command_empty())) }
            }
        }
    }
}

impl JsonSchema for Words {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kind": "command",
            "anyOf": [
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                { "type": "string", "minLength": 1 }
            ],
            "examples": [["./server", "--verbose"], "./server --verbose"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_splits_as_a_shell_would_split_it() {
        // A wrongly split command starts another program than the one that was meant.
        let cases: [(&str, &[&str]); 6] = [
            ("a b  c", &["a", "b", "c"]),
            ("a 'b c' \"d e\"", &["a", "b c", "d e"]),
            (r#"a "say \"hi\"" b\ c"#, &["a", "say \"hi\"", "b c"]),
            ("a ''", &["a", ""]),
            ("a x'y z'w", &["a", "xy zw"]),
            (r#"a "\n""#, &["a", r"\n"]),
        ];
        for (text, words) in cases {
            assert_eq!(split(text).as_deref(), Ok(words.map_to_owned().as_slice()), "{text}");
        }
        for bad in ["", "   ", "a 'b", "a \"b", "a \\", "'' b"] {
            assert!(split(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn what_needs_a_shell_is_noticed() {
        // `a && b` without a shell hands "&&" to a, which then fails for no visible reason.
        let found = |text: &str| shell_syntax(&split(text).expect("well quoted")).map(str::to_owned);
        assert_eq!(found("a && b"), Some("&&".to_owned()));
        assert_eq!(found("a $HOME"), Some("$HOME".to_owned()));
        assert_eq!(found("PORT=1 a"), Some("PORT=1".to_owned()));
        assert_eq!(found("sh -c 'a && b $HOME'"), None);
        assert_eq!(found("a --filter=x=1 {port}"), None);
    }

    trait MapToOwned {
        fn map_to_owned(&self) -> Vec<String>;
    }

    impl MapToOwned for &[&str] {
        fn map_to_owned(&self) -> Vec<String> {
            self.iter().map(|word| (*word).to_owned()).collect()
        }
    }
}
