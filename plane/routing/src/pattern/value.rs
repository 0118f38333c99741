//! Values of headers and of the query: one text, what begins so, or anything.

use crate::say;
use homeostat_vocabulary::Sentence;

/// Which values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePattern {
    /// This one.
    Exact(Box<str>),
    /// What begins so.
    Begins(Box<str>),
    /// Any.
    Any,
}

impl ValuePattern {
    /// Reads a value as it is written in a route: a star at the end stands for anything.
    pub fn parse(text: &str) -> Result<Self, Sentence> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::Any),
            Some(begin) if begin.contains('*') => Err(say::star_at_end()),
            Some(begin) => Ok(Self::Begins(begin.into())),
            None if text.contains('*') => Err(say::star_at_end()),
            None => Ok(Self::Exact(text.into())),
        }
    }

    /// Whether a value is one of them.
    pub fn fits(&self, mut value: impl Iterator<Item = u8>) -> bool {
        match self {
            Self::Any => true,
            Self::Begins(begin) => begin.bytes().all(|byte| value.next() == Some(byte)),
            Self::Exact(text) => text.bytes().all(|byte| value.next() == Some(byte)) && value.next().is_none(),
        }
    }

    /// Whether every value of `other` is one of these.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Exact(ours), Self::Exact(theirs)) => ours == theirs,
            (Self::Begins(ours), Self::Exact(theirs) | Self::Begins(theirs)) => theirs.starts_with(&**ours),
            (Self::Exact(_), _) | (Self::Begins(_), Self::Any) => false,
        }
    }
}
