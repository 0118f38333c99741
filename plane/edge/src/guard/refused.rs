//! Why a request may not pass, and the headers that go with the answer.

use crate::jwt::TokenFault;
use crate::problem::Code;
use crate::rate::RateReport;
use http::header::{HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

/// How long a client waits whose token's key is being fetched: a fetch takes less.
const KEYS_PENDING_S: u64 = 2;

/// Why a request may not pass.
#[derive(Debug)]
pub enum Refused {
    /// Its body is larger than the route takes.
    TooLarge,
    /// It is over a limit.
    TooMany {
        /// How it stands with the limits.
        rates: RateReport,
    },
    /// It is not known who asks, or who asks may not.
    NotAdmitted {
        /// What was wrong.
        why: NotAdmitted,
        /// What `WWW-Authenticate` says.
        challenge: &'static str,
        /// How it stands with the limits.
        rates: RateReport,
    },
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Neither key nor token was shown.
    Nothing,
    /// The key is not known.
    Key,
    /// The token is no good.
    Token(TokenFault),
}

impl Refused {
    /// The code that the answer carries.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            Self::TooMany { .. } => Code::TooMany,
            Self::NotAdmitted { why, .. } => match why {
                NotAdmitted::Nothing => Code::NoCredentials,
                NotAdmitted::Token(TokenFault::KeysPending) => Code::KeysPending,
                NotAdmitted::Token(TokenFault::Claims) => Code::NotAllowed,
                NotAdmitted::Key | NotAdmitted::Token(_) => Code::CredentialsRefused,
            },
        }
    }

    /// Writes the headers of the answer that belong to the refusal.
    pub fn write(&self, headers: &mut HeaderMap) {
        match self {
            Self::TooLarge => {}
            Self::TooMany { rates } => rates.write(headers),
            Self::NotAdmitted { why, challenge, rates } => {
                rates.write(headers);
                if *why == NotAdmitted::Token(TokenFault::KeysPending) {
                    headers.insert(RETRY_AFTER, HeaderValue::from(KEYS_PENDING_S));
                } else {
                    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
            }
        }
    }
}

impl TokenFault {
    /// The challenge of RFC 6750; it says as much as a client needs to get a better token.
    pub(super) const fn challenge(self) -> &'static str {
        match self {
            Self::Expired => "Bearer error=\"invalid_token\", error_description=\"the token has expired\"",
            Self::Claims => "Bearer error=\"insufficient_scope\"",
            _ => "Bearer error=\"invalid_token\"",
        }
    }
}
