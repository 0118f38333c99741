//! `sticky`: what keeps a client on its side of a split.

use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What keeps a client on its side of a split: exactly one of `cookie` and `header`. When weights change, only those move who must.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sticky {
    /// A cookie of the gateway's own; a client that has none is given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<StickyCookie>,
    /// A header that says who the client is, such as `"X-User"`. Requests without it are dealt anew each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// The cookie that marks a client's side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StickyCookie {
    /// Its name.
    pub name: String,
    /// How long browsers keep it.
    pub age_max: Period,
}

impl Default for StickyCookie {
    fn default() -> Self {
        Self { name: "cohort".to_owned(), age_max: Period::seconds(30 * 24 * 3_600) }
    }
}
