//! `[gateway.auth.NAME]`: who may come in.

use super::Texts;
use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who may come in. When both ways are given, either is enough.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// By a signed token (JWT).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Jwt>,
    /// By a key that was handed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<ApiKeys>,
}

/// Tokens: `Authorization: Bearer ...`, signed by one of the keys of a JWKS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Jwt {
    /// Who must have issued it (`iss`).
    pub issuer: String,
    /// For whom (`aud`): one of these.
    pub audience: Texts,
    /// The keys, a file with a JWKS; read again when it changes. Instead of `jwks_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<String>,
    /// The keys, fetched from here, again at each interval and when a token names a key that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// How often they are fetched again.
    pub jwks_interval: Period,
    /// The signatures that are accepted. A token says itself how it is signed; it is never believed beyond this list.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How far clocks may be apart.
    pub leeway: Period,
    /// Claims that must be there, and their values: `{ role = "staff" }`. Of a list in the token, one entry must fit.
    pub claims: BTreeMap<String, String>,
    /// Claims that are passed on as headers: `{ sub = "X-User" }`. A header of that name from outside is thrown away.
    pub forward_claims: BTreeMap<String, String>,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: Texts::default(),
            jwks_file: None,
            jwks_url: None,
            jwks_interval: Period::seconds(600),
            algorithms: vec![JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa],
            leeway: Period::seconds(30),
            claims: BTreeMap::new(),
            forward_claims: BTreeMap::new(),
        }
    }
}

/// How a token is signed. Shared secrets are not among them: whoever can check such a token can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JwtAlgorithm {
    /// RSA with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Keys that were handed out. Only their hashes are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKeys {
    /// The header that carries the key.
    pub header: String,
    /// The file of who has one: each line a name, a space, and the SHA-256 of the key in hexadecimal digits. Read again when it changes.
    pub file: String,
    /// The header in which the name is passed on; one of that name from outside is thrown away. Empty for none.
    pub forward_name: String,
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self { header: "X-Api-Key".to_owned(), file: String::new(), forward_name: String::new() }
    }
}
