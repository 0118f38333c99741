//! How many calls may be under way at once, as it is written in a configuration: a word or a number.
//!
//! Read by hand and not as an untagged enum: that one says of `"lerned"` only that no variant matches.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// How many calls may be under way at once.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// As many as answer well, found by watching how long answers take; others wait in line, as long as there is time.
    #[default]
    Learned,
    /// Any number.
    Off,
    /// So many; others wait in a short line.
    #[serde(untagged)]
    AtMost(usize),
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl Visitor<'_> for Written {
    type Value = Limit;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"learned\", \"off\" or a number of calls")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Limit, E> {
        match word {
            "learned" => Ok(Limit::Learned),
            "off" => Ok(Limit::Off),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }

    fn visit_u64<E: Error>(self, calls: u64) -> Result<Limit, E> {
        let calls = usize::try_from(calls);
        calls.map(Limit::AtMost).map_err(|_| E::invalid_value(Unexpected::Other("a number beyond any"), &self))
    }

    fn visit_i64<E: Error>(self, calls: i64) -> Result<Limit, E> {
        let count = u64::try_from(calls).map_err(|_| E::invalid_value(Unexpected::Signed(calls), &self))?;
        self.visit_u64(count)
    }
}
