//! `cors` of a route: what browsers are told about pages of other origins. Carried out by `plane/edge`; the defaults let no other origin in.

use super::Texts;
use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which pages of other origins may call a route from a browser. What the upstream says of it is replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// The origins: `"https://app.example.org"`, `"https://*.example.org"`, or `"*"` for all.
    pub origins: Texts,
    /// The methods they may use.
    pub methods: Texts,
    /// The headers they may send.
    pub headers: Texts,
    /// The headers of an answer that they may read, beside the few that they always may.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub expose: Texts,
    /// Whether cookies and authorization go along. Not with the origin `"*"`.
    pub credentials: bool,
    /// How long a browser remembers the answer.
    pub age_max: Period,
}

impl Default for Cors {
    fn default() -> Self {
        let texts = |all: &[&str]| Texts(all.iter().map(|text| (*text).to_owned()).collect());
        Self {
            origins: Texts::default(),
            methods: texts(&["GET", "HEAD", "POST"]),
            headers: texts(&["Content-Type"]),
            expose: Texts::default(),
            credentials: false,
            age_max: Period::seconds(600),
        }
    }
}
