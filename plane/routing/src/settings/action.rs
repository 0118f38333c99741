//! `rewrite`, `redirect` and `respond` of a route.
//!
//! In the texts that say so, `{name}` is filled in with what the route's `path` caught under that name, `{rest}` with what `path_prefix`
//! left over (without the slash between), and `{{` is a brace itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is changed in a request before it goes on. The query stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rewrite {
    /// The new path: `"/internal/{rest}"`. `{name}` is what the route's `path` caught under that name; of a `path_prefix`, `{rest}` is what
    /// follows it. `{{` is a brace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The new `Host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// An answer that sends the client elsewhere. What is not said stays as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Redirect {
    /// The new scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The new host, with its port if it is not the usual one. Always a fixed text, so that nobody can be sent where a request wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The new path, with `{name}` filled in as in `rewrite.path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the query goes along.
    pub keep_query: bool,
    /// The status: 301, 302, 303, 307 or 308. 308 is for ever and keeps the method.
    #[schemars(range(min = 301, max = 308))]
    pub status: u16,
}

impl Default for Redirect {
    fn default() -> Self {
        Self { scheme: None, host: None, path: None, keep_query: true, status: 308 }
    }
}

/// How a client is to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// In plain text.
    Http,
    /// Under TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Respond {
    /// The status.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// The body.
    pub body: String,
    /// What the body is.
    pub content_type: String,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
}

impl Default for Respond {
    fn default() -> Self {
        Self {
            status: 200,
            body: String::new(),
            content_type: "text/plain; charset=utf-8".to_owned(),
            headers: BTreeMap::new(),
        }
    }
}
