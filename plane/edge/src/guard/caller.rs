//! Who asks, once it is known: for rate limits by claim, for the access log, for the headers that upstreams are told in.

use crate::jwt::{Claim, Verified};
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The holder of a key, by the name in the file.
    Key(Arc<str>),
    /// The bearer of a token.
    Token(Arc<Verified>),
}

impl Caller {
    /// A name for logs: that of the key, or the token's `sub`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Key(name) => Some(name),
            Self::Token(verified) => verified.subject.as_deref(),
        }
    }

    /// A claim of the token that is one text.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        match self {
            Self::Key(_) => None,
            Self::Token(verified) => match verified.claim(name)? {
                Claim::One(value) => Some(value),
                Claim::Many(_) => None,
            },
        }
    }
}
