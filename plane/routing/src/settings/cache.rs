//! `[gateway.cache]`, the memory for kept answers, and `cache` of a route, what is kept.

use super::{Coding, Texts};
use homeostat_vocabulary::quantity::{Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The memory for answers that are kept, shared by all routes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheStore {
    /// All answers together, with what it costs to find them.
    pub memory_max: Size,
    /// The largest answer that is kept.
    pub answer_max: Size,
    /// Paths that are asked for after a start, so that the first visitors find them.
    pub warm: Vec<String>,
    /// How many of them are asked for a second.
    #[schemars(range(min = 1, max = 10_000))]
    pub warm_per_s: u32,
}

impl Default for CacheStore {
    fn default() -> Self {
        Self { memory_max: Size(64 << 20), answer_max: Size(1 << 20), warm: Vec::new(), warm_per_s: 20 }
    }
}

/// Keeps answers to GET and HEAD, by the rules of HTTP: what `Cache-Control` and `Vary` say is done. Answers with `Set-Cookie`, and those to
/// requests with `Authorization`, are kept only where the upstream says that they are public.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteCache {
    /// Whether answers are kept.
    pub enabled: bool,
    /// How long an answer is fresh that does not say so itself. Without it, such an answer is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh_default: Option<Period>,
    /// How long an answer is fresh, whatever it says itself, unless that is `no-store` or `private`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh_override: Option<Period>,
    /// How long "not found" and "gone" (404, 410) are kept when they do not say so; `"0s"` for not at all.
    pub negative: Period,
    /// How long after its time an answer is still given, while a new one is fetched behind it.
    pub stale_while_revalidate: Period,
    /// How long after its time an answer is still given when the upstream fails.
    pub stale_if_error: Period,
    /// The parameters of the query that make another answer; all of them when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_only: Option<Texts>,
    /// Parameters of the query that make no other answer, such as `["utm_source"]`.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub query_without: Texts,
    /// Tags of every answer of this route, beside those that the upstream names.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub tags: Texts,
    /// Whether one request fetches what several ask for at once, and the others wait for it.
    pub single_flight: bool,
    /// How kept bodies are compressed in memory; without it as they came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_as: Option<Coding>,
    /// Whether `Cache-Status` tells the client what was kept, and for how long.
    pub status_header: bool,
}

impl Default for RouteCache {
    fn default() -> Self {
        Self {
            enabled: true,
            fresh_default: None,
            fresh_override: None,
            negative: Period::seconds(0),
            stale_while_revalidate: Period::seconds(0),
            stale_if_error: Period::seconds(0),
            query_only: None,
            query_without: Texts::default(),
            tags: Texts::default(),
            single_flight: true,
            store_as: None,
            status_header: true,
        }
    }
}
