//! The rules as data: what a person writes in a file, and what a console shows again.
//!
//! Read by serde from TOML or JSON; unknown keys are refused. Nothing here is judged beyond its shape: whether the names exist and
//! the patterns make sense is said by [`compile`](super::compile), all problems at once.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::class::Class;

/// All rules of a router.
///
/// ```toml
/// choose = "first"            # or "all"
/// default = ["archive"]       # where events go that no rule wants; nowhere when left out
///
/// [[rule]]
/// name = "big orders"
/// to = ["billing", "journal"]
/// sample = 10                 # one in ten; all when left out
/// limit = { per_second = 100, burst = 20 }
/// [rule.when]
/// kind = "Order*"
/// subject = "shop.orders.**"
/// classes = ["act", "critical"]
/// attributes = { region = "eu", tier = { in = ["gold", "silver"] }, test = { exists = false }, tenant = { not = "demo" } }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Whether the first rule that matches decides, or all that match.
    #[serde(default)]
    pub choose: Choose,
    /// Targets of events that no rule matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default: Vec<String>,
    /// The rules, in the order in which they are asked.
    #[serde(default, rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// Which of several matching rules count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// The first one alone, even if it then withholds the event.
    #[default]
    First,
    /// All of them; a target that several name gets the event once.
    All,
}

/// Which events go where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in counts, pictures and messages.
    pub name: String,
    /// What an event must be like; everything matches when nothing is asked.
    #[serde(default)]
    pub when: When,
    /// The names of the targets.
    pub to: Vec<String>,
    /// Only one in this many of the matching events goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<NonZeroU32>,
    /// No more than so many of the matching events go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// How many events a second a rule lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// On average.
    pub per_second: NonZeroU32,
    /// At once, after a silence; as many as a second brings when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
}

/// What an event must be like: everything that is asked must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// A pattern for its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A pattern for its subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The classes it may have; any when none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// What must hold of each attribute.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Condition>,
}

/// What must hold of one attribute: `"eu"`, `{ in = ["eu", "us"] }`, `{ exists = true }`, `{ not = .. }` of any of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Condition {
    /// It is there and is this.
    Equal(String),
    /// It is there and is one of these.
    In {
        /// The values.
        r#in: Vec<String>,
    },
    /// It is there, or it is not.
    Exists {
        /// Which of the two.
        exists: bool,
    },
    /// The other does not hold; so an attribute that is missing is `not` equal to anything.
    Not {
        /// The other.
        not: Box<Condition>,
    },
}

impl Condition {
    /// Whether it holds of a value, or of its absence.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Equal(wanted) => value == Some(wanted),
            Self::In { r#in } => value.is_some_and(|value| r#in.iter().any(|wanted| wanted == value)),
            Self::Exists { exists } => value.is_some() == *exists,
            Self::Not { not } => !not.holds(value),
        }
    }
}

/// By hand, because the derived error of an untagged enum says only that nothing fits.
impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionVisitor)
    }
}

struct ConditionVisitor;

impl<'de> Visitor<'de> for ConditionVisitor {
    type Value = Condition;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value, or a table with one of `in`, `exists` and `not`")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Condition, E> {
        Ok(Condition::Equal(value.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Condition, E> {
        Ok(Condition::Equal(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Condition, E> {
        Ok(Condition::Equal(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Condition, E> {
        Ok(Condition::Equal(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Condition, A::Error> {
        let nothing = || de::Error::custom("the condition is empty; it takes one of `in`, `exists` and `not`");
        let key: String = map.next_key()?.ok_or_else(nothing)?;
        let condition = match key.as_str() {
            "in" => Condition::In { r#in: map.next_value()? },
            "exists" => Condition::Exists { exists: map.next_value()? },
            "not" => Condition::Not { not: map.next_value()? },
            other => return Err(de::Error::unknown_field(other, &["in", "exists", "not"])),
        };
        match map.next_key::<String>()? {
            None => Ok(condition),
            Some(second) => Err(de::Error::custom(format!(
                "the condition has `{key}` and `{second}`; it takes one of `in`, `exists` and `not`"
            ))),
        }
    }
}
