//! What a token says of its bearer, and what the settings ask of it.

use super::TokenFault;
use homeostat_routing::settings::Jwt;
use homeostat_vocabulary::Timestamp;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The largest value that is passed on in a header.
const FORWARDED_BYTES_MAX: usize = 1_024;
const MILLIS: f64 = 1_000.0;

/// What a good token says.
#[derive(Debug)]
pub struct Verified {
    /// Its `sub`: who it is.
    pub subject: Option<Arc<str>>,
    /// Until when it is good, in milliseconds since the epoch.
    pub(super) expires_ms: u64,
    claims: Vec<(Box<str>, Claim)>,
    /// The headers that go to the upstream.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The value of a claim; objects within are left out.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// A text, or a number or truth value as it is written.
    One(Box<str>),
    /// A list of such.
    Many(Vec<Box<str>>),
}

impl Verified {
    /// A claim by its name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Claim> {
        self.claims.iter().find(|(known, _)| &**known == name).map(|(_, claim)| claim)
    }
}

impl Claim {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Array(all) => Some(Self::Many(all.into_iter().filter_map(plain).collect())),
            one => plain(one).map(Self::One),
        }
    }

    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(value) => &**value == wanted,
            Self::Many(all) => all.iter().any(|value| &**value == wanted),
        }
    }

    /// As a header: a list with commas between. A list in which one entry has a comma itself would say something else, and is not sent.
    fn value(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::One(value) => value.to_string(),
            Self::Many(all) if all.iter().any(|value| value.contains(',')) => return None,
            Self::Many(all) => all.join(","),
        };
        // Letters beyond ASCII go as UTF-8; control letters are refused by the type.
        if text.len() > FORWARDED_BYTES_MAX { None } else { HeaderValue::from_bytes(text.as_bytes()).ok() }
    }
}

fn plain(value: Value) -> Option<Box<str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(truth) => Some(truth.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What is asked of every token.
pub(super) struct Expected {
    issuer: String,
    audience: Vec<String>,
    leeway_ms: u64,
    claims: Vec<(String, String)>,
    pub forward: Vec<(String, HeaderName)>,
}

impl Expected {
    pub fn compile(settings: &Jwt) -> Result<Self, http::Error> {
        let forward = settings.forward_claims.iter();
        let forward = forward.map(|(claim, header)| Ok((claim.clone(), header.parse::<HeaderName>()?)));
        Ok(Self {
            issuer: settings.issuer.clone(),
            audience: settings.audience.0.clone(),
            leeway_ms: settings.leeway.0.0,
            claims: settings.claims.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            forward: forward.collect::<Result<_, http::Error>>()?,
        })
    }

    /// Judges the claims of a token whose signature is right.
    pub fn judge(&self, payload: &[u8], wall: Timestamp) -> Result<Verified, TokenFault> {
        let mut given: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| TokenFault::Malformed)?;
        let expires_ms = given.get("exp").and_then(millis).ok_or(TokenFault::Expired)?;
        if wall.0 >= expires_ms.saturating_add(self.leeway_ms) {
            return Err(TokenFault::Expired);
        }
        if let Some(begins) = given.get("nbf") {
            let begins_ms = millis(begins).ok_or(TokenFault::NotYet)?;
            if begins_ms > wall.0.saturating_add(self.leeway_ms) {
                return Err(TokenFault::NotYet);
            }
        }
        if given.get("iss").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(TokenFault::Issuer);
        }
        if !given.get("aud").is_some_and(|audience| self.is_meant(audience)) {
            return Err(TokenFault::Audience);
        }
        let subject = given.get("sub").and_then(Value::as_str).map(Arc::from);
        let claims = std::mem::take(&mut given).into_iter();
        let claims: Vec<(Box<str>, Claim)> =
            claims.filter_map(|(name, value)| Some((name.into_boxed_str(), Claim::of(value)?))).collect();
        let mut verified = Verified { subject, expires_ms, claims, headers: Vec::new() };
        let has = |(name, wanted): &(String, String)| verified.claim(name).is_some_and(|claim| claim.has(wanted));
        if !self.claims.iter().all(has) {
            return Err(TokenFault::Claims);
        }
        let forwarded =
            self.forward.iter().filter_map(|(claim, header)| Some((header.clone(), verified.claim(claim)?.value()?)));
        verified.headers = forwarded.collect();
        Ok(verified)
    }

    fn is_meant(&self, audience: &Value) -> bool {
        let is_ours =
            |value: &Value| value.as_str().is_some_and(|value| self.audience.iter().any(|ours| ours == value));
        match audience {
            Value::Array(all) => all.iter().any(is_ours),
            one => is_ours(one),
        }
    }
}

/// A time of a token: seconds since the epoch, with or without a fraction. What is no such number is none.
fn millis(value: &Value) -> Option<u64> {
    if let Some(seconds) = value.as_u64() {
        return Some(seconds.saturating_mul(1_000));
    }
    // Casting a float saturates; times before the epoch become zero, which has expired.
    value.as_f64().filter(|seconds| seconds.is_finite()).map(|seconds| (seconds * MILLIS) as u64)
}
