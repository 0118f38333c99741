//! Signed tokens (JWT, RFC 7519 over JWS, RFC 7515): `Authorization: Bearer ...`.
//!
//! The guard of a route asks [`Bearer::check`] for each request. Always holds:
//! - A token chooses neither its algorithm nor its key's kind: the settings list the algorithms, a key has one kind, and both must fit.
//!   `none` and shared secrets do not exist here, so that no public key can be taken for a secret.
//! - A token without `exp` is refused: it would be good for ever.
//! - What cannot be understood (`crit`, two dots too many, loose base64) is refused and not guessed.
//! - The last good set of keys stays until there is a better one.
//!
//! A token is verified at most about once a minute: what was found is kept, and dropped when its time is over or the keys change.

mod claims;
mod keys;
mod seen;
mod token;

pub use self::claims::{Claim, Verified};
pub(crate) use self::keys::JWKS_BYTES_MAX;
pub use self::keys::{JwksError, KeySet};
pub use self::token::Token;

use self::claims::Expected;
use self::seen::SeenTokens;
use crate::source::{Sought, Source};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homeostat_routing::settings::{Jwt, JwtAlgorithm};
use homeostat_vocabulary::Timestamp;
use std::sync::Arc;

/// How long a verified token is believed without another look, at most: what revokes a key or turns a clock is seen after this.
const BELIEVED_MS_MAX: u64 = 60_000;

/// Why a token was refused. Told to clients in general words; none of them holds a part of the token.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenFault {
    /// It is no token, or too long, or its parts cannot be read.
    #[error("the token cannot be read")]
    Malformed,
    /// It is signed in a way that is not accepted here, or asks for what is not understood.
    #[error("the token is signed in a way that is not accepted here")]
    Algorithm,
    /// No key of the set fits.
    #[error("the token is signed with a key that is not known")]
    UnknownKey,
    /// No key fits, and a fresh set is on its way; or there is none yet.
    #[error("the keys that tokens are checked with are being fetched")]
    KeysPending,
    /// The signature is wrong.
    #[error("the signature of the token is wrong")]
    Signature,
    /// It has expired, or never says when it does.
    #[error("the token has expired")]
    Expired,
    /// It is not good yet.
    #[error("the token is not valid yet")]
    NotYet,
    /// It comes from another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// It is meant for somebody else.
    #[error("the token is meant for another audience")]
    Audience,
    /// It is good, and lacks a claim that is asked for here.
    #[error("the token does not allow this")]
    Claims,
}

/// `jwt` of `[gateway.auth.NAME]`, ready for use.
pub struct Bearer {
    settings: Jwt,
    expected: Expected,
    keys: Arc<Source<KeySet>>,
    seen: SeenTokens,
}

impl Bearer {
    pub(crate) fn new(settings: &Jwt, keys: Arc<Source<KeySet>>) -> Result<Self, http::Error> {
        Ok(Self { expected: Expected::compile(settings)?, settings: settings.clone(), keys, seen: SeenTokens::new() })
    }

    /// Whether it was made of the same settings and the same keys, so that what it has seen stays good.
    pub(crate) fn is_of(&self, settings: &Jwt, keys: &Arc<Source<KeySet>>) -> bool {
        self.settings == *settings && Arc::ptr_eq(&self.keys, keys)
    }

    /// The names of the headers that claims are passed on in.
    pub(crate) fn forwarded(&self) -> impl Iterator<Item = &http::HeaderName> {
        self.expected.forward.iter().map(|(_, header)| header)
    }

    /// Checks a token, without its `Bearer`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, text: &[u8], wall: Timestamp) -> Result<Arc<Verified>, TokenFault> {
        let generation = self.keys.generation();
        if let Some(verified) = self.seen.find(text, generation, wall) {
            return Ok(verified);
        }
        let verified = Arc::new(self.verify(text, wall)?);
        // The leeway is the clocks' and not the token's: at the end of its own time it is looked at once more.
        let until = wall.0.saturating_add(BELIEVED_MS_MAX).min(verified.expires_ms.max(wall.0));
        self.seen.keep(text, generation, Timestamp(until), &verified);
        Ok(verified)
    }

    fn verify(&self, text: &[u8], wall: Timestamp) -> Result<Verified, TokenFault> {
        let token = Token::parse(text).ok_or(TokenFault::Malformed)?;
        let algorithm = token.algorithm.filter(|algorithm| self.settings.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(TokenFault::Algorithm)?;
        let Some(keys) = self.keys.current() else {
            return Err(TokenFault::KeysPending);
        };
        let Some(key) = keys.find(token.key_id.as_deref(), algorithm) else {
            return Err(self.missing(&keys, token.key_id.as_deref(), wall));
        };
        key.verify(algorithm, token.signed, &token.signature).map_err(|_| TokenFault::Signature)?;
        self.expected.judge(&token.payload, wall)
    }

    /// What is wrong with a token for which there is no key. Only a name that nobody has heard of is a reason to look for newer keys.
    fn missing(&self, keys: &KeySet, id: Option<&str>, wall: Timestamp) -> TokenFault {
        match id {
            None => TokenFault::UnknownKey,
            Some(id) if keys.knows(id) => TokenFault::Algorithm,
            Some(_) => match self.keys.seek_again(wall) {
                Sought::OnItsWay => TokenFault::KeysPending,
                Sought::TooSoon => TokenFault::UnknownKey,
            },
        }
    }
}

/// Base64 for URLs, without padding and without bits that belong to no byte: a text has one meaning and a meaning one text.
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The name of an algorithm in a token's header, exactly.
fn algorithm_named(name: &str) -> Option<JwtAlgorithm> {
    Some(match name {
        "RS256" => JwtAlgorithm::Rs256,
        "RS384" => JwtAlgorithm::Rs384,
        "RS512" => JwtAlgorithm::Rs512,
        "PS256" => JwtAlgorithm::Ps256,
        "ES256" => JwtAlgorithm::Es256,
        "ES384" => JwtAlgorithm::Es384,
        // RFC 9864 gives Ed25519 a name of its own; `EdDSA` is what everybody writes. The key decides that it is this curve.
        "EdDSA" | "Ed25519" => JwtAlgorithm::EdDsa,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::base64url;

    #[test]
    fn one_text_has_one_meaning() {
        // Would break: a token that was refused comes back in other letters, or a signature is read with bits missing.
        assert_eq!(base64url(b"").as_deref(), Some(&b""[..]));
        assert_eq!(base64url(b"Zm9vYg").as_deref(), Some(&b"foob"[..]));
        assert_eq!(base64url(b"-_8").as_deref(), Some(&b"\xfb\xff"[..]));
        for bad in ["Z", "Zh", "Zm9=", "Zg==", "Z g", "+/8", "Zm9vYmFyZ", "Zg\n"] {
            assert_eq!(base64url(bad.as_bytes()), None, "{bad:?} passed");
        }
    }
}
