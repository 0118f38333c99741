//! Names and numbers by which things are called: each its own type, so that one cannot be passed for another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The longest service name: it becomes part of folder and host names, where 63 is the customary bound.
pub const SERVICE_NAME_BYTES_MAX: usize = 63;

/// Why a text is not a name or a number of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct NameError {
    /// The text that was given.
    pub text: String,
    /// What would have been right, with an example.
    pub expected: &'static str,
}

/// The name of a service: lower-case letters, digits and hyphens, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let all_plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if begins_well && all_plain && text.len() <= SERVICE_NAME_BYTES_MAX {
            return Ok(Self(text.to_owned()));
        }
        let expected =
            "a service name: lower-case letters, digits and hyphens, first a letter, 63 at most, as in \"web-api\"";
        Err(NameError { text: text.to_owned(), expected })
    }
}

/// One running copy of a service: `web/0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId {
    /// The service it is a copy of.
    pub service: ServiceName,
    /// Which copy, from zero.
    pub index: u16,
}

impl InstanceId {
    /// The copy number `index` of `service`.
    #[must_use]
    pub const fn new(service: ServiceName, index: u16) -> Self {
        Self { service, index }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.index)
    }
}

impl FromStr for InstanceId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError { text: text.to_owned(), expected: "an instance, as in \"web/0\"" };
        let (service, index) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self { service: service.parse()?, index: index.parse().map_err(|_| wrong())? })
    }
}

/// One life of one instance: from a start to its exit. A start asked for twice under the same run id happens once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = NameError;

    /// It becomes a folder name, so nothing but letters, digits and hyphens may stand in it.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if plain && (1..=80).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError { text: text.to_owned(), expected: "a run id: 1 to 80 letters, digits or hyphens" })
    }
}

macro_rules! text_id {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                String::json_schema(generator)
            }
        }
    };
}

macro_rules! plain_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! numbered_id {
    ($name:ident, $letter:literal, $expected:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let number = text.strip_prefix($letter).and_then(|digits| digits.parse().ok());
                number.map(Self).ok_or_else(|| NameError { text: text.to_owned(), expected: $expected })
            }
        }
        text_id!($name);
    };
}

text_id!(ServiceName);
text_id!(InstanceId);
text_id!(RunId);
plain_text!(ServiceName);
plain_text!(RunId);
numbered_id!(
    EpisodeId,
    "E",
    "an episode, as in \"E17\"",
    "The number of an episode, counted from E1 in each data folder."
);
numbered_id!(
    ActionId,
    "A",
    "an action, as in \"A23\"",
    "The number of an action and of its plan, counted from A1 in each data folder."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_escape_a_folder_are_refused() {
        // A service called "../x" would let a config file write outside the data folder.
        for bad in ["", "Web", "../x", "a/b", "0web", "a b", "é", &"x".repeat(64)] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad:?} passed");
        }
        for bad in ["", ".", "..", "a/b", "a\0b"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?} passed");
        }
        assert_eq!("web-2/7".parse::<InstanceId>().expect("a good id").to_string(), "web-2/7");
    }

    #[test]
    fn ids_go_through_json_as_text() {
        // An API client that reads "E17" must be able to send "E17" back.
        let json = serde_json::to_string(&EpisodeId(17)).expect("an id is text");
        assert_eq!(json, "\"E17\"");
        assert_eq!(serde_json::from_str::<EpisodeId>(&json).expect("the same text"), EpisodeId(17));
        assert!(serde_json::from_str::<ActionId>("\"E17\"").is_err());
    }
}
