//! `compression` of a route: which answers are compressed on their way to the client, and how. What a client takes is settled per request
//! by `plane/edge`; here stands only what may be offered.

use homeostat_vocabulary::quantity::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Compresses answers that are not compressed yet, when the client takes it and the content gains by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Compression {
    /// The codings, the preferred one first.
    pub codings: Vec<Coding>,
    /// The smallest body that is compressed: below it the gain is less than the cost.
    pub body_min: Size,
    /// What is compressed: types such as `"application/json"`, or `"text/*"` for a whole family.
    pub types: Vec<String>,
}

impl Default for Compression {
    fn default() -> Self {
        let types = [
            "text/*",
            "application/json",
            "application/problem+json",
            "application/javascript",
            "application/xml",
            "application/wasm",
            "image/svg+xml",
        ];
        Self {
            codings: vec![Coding::Zstd, Coding::Brotli, Coding::Gzip],
            body_min: Size(1 << 10),
            types: types.map(str::to_owned).to_vec(),
        }
    }
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    /// What every client takes.
    Gzip,
    /// Smaller than gzip, for more processor time.
    Brotli,
    /// Smaller and faster than gzip; browsers since 2024.
    Zstd,
}
