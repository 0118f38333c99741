//! `request_headers` and `response_headers` of a route.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is changed in headers: first `remove`, then `set`, then `add`. Values may hold `{name}`, filled in as in `rewrite.path`. Headers
/// that belong to the connection (`Connection`, `Content-Length`, `Transfer-Encoding`, ...) are not ours to change and refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderEdits {
    /// Taken out.
    pub remove: Vec<String>,
    /// Written instead of what was there.
    pub set: BTreeMap<String, String>,
    /// Written beside what was there.
    pub add: BTreeMap<String, String>,
}
