//! The secret that opens a door.
//!
//! Never shown: not in `Debug`, not in an answer, not in a log. Compared in a time that tells its length at most, and
//! nothing of how much of a guess is right.

use std::fmt;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use crate::error::AdapterError;

/// Shorter ones can be guessed.
const BYTES_MIN: usize = 16;

/// Longer ones would fill the head of a request.
const BYTES_MAX: usize = 512;

/// A bearer token.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token of 16 to 512 printable letters without spaces.
    pub fn new(secret: impl Into<String>) -> Result<Self, AdapterError> {
        let secret = secret.into();
        let wrong = if secret.len() < BYTES_MIN {
            Some("is shorter than 16 letters and could be guessed")
        } else if secret.len() > BYTES_MAX {
            Some("is longer than 512 letters")
        } else if !secret.bytes().all(|letter| letter.is_ascii_graphic()) {
            Some("has letters that cannot be sent in a header")
        } else {
            None
        };
        wrong.map_or(Ok(Self(secret)), |reason| Err(AdapterError::Token { reason }))
    }

    /// Whether a request bears this token, and only this.
    pub(crate) fn opens(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let bearer = given.next().and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
        let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        given.next().is_none() && token.is_some_and(|token| self.0.as_bytes().ct_eq(token.as_bytes()).into())
    }

    /// The header that bears it.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value =
            HeaderValue::try_from(format!("Bearer {}", self.0)).expect("a token has only letters that a header takes");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}
