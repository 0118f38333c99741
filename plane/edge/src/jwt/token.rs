//! The three parts of a token, taken apart and not yet believed.
//!
//! Pure; never panics, whatever the bytes.

use super::{algorithm_named, base64url};
use homeostat_routing::settings::JwtAlgorithm;
use serde::Deserialize;

/// The longest token: the head of a request has hardly more room.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// The longest name of a key.
const KEY_ID_BYTES_MAX: usize = 256;

/// A token whose signature was not looked at yet.
#[derive(Debug)]
pub struct Token<'a> {
    /// How it says that it is signed; none when that is no way that is known here.
    pub algorithm: Option<JwtAlgorithm>,
    /// Which key it says that it is signed with.
    pub key_id: Option<String>,
    /// What is signed: its first two parts with the dot between.
    pub signed: &'a [u8],
    /// The claims, as JSON.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What is read of a header. `jwk`, `jku`, `x5u` and `x5c` are not: a token does not bring its own key.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
    /// RFC 7797: the payload is not encoded. Not for tokens.
    b64: Option<serde::de::IgnoredAny>,
    /// The payload is encrypted: not understood.
    enc: Option<serde::de::IgnoredAny>,
    zip: Option<serde::de::IgnoredAny>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || signature.is_empty() {
            return None;
        }
        let signed = &text[..header.len() + 1 + payload.len()];
        // As text first: what is passed over in it would else not be looked at, and others refuse what is no UTF-8.
        let header = String::from_utf8(base64url(header)?).ok()?;
        let header: Header = serde_json::from_str(&header).ok()?;
        let unusual = header.crit.is_some() || header.b64.is_some() || header.enc.is_some() || header.zip.is_some();
        if header.kid.as_ref().is_some_and(|id| id.len() > KEY_ID_BYTES_MAX) {
            return None;
        }
        Some(Self {
            algorithm: algorithm_named(&header.alg).filter(|_| !unusual),
            key_id: header.kid,
            signed,
            payload: base64url(payload)?,
            signature: base64url(signature)?,
        })
    }
}
