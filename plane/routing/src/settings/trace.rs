//! `[gateway.trace]`: ids and traces of requests.

use homeostat_vocabulary::quantity::Share;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ids and traces of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trace {
    /// The header with the id of a request, sent to the upstream and back to the client; empty for none.
    pub request_id_header: String,
    /// Whether an id that comes in is kept. Only from `gateway.trusted_hops`; others get a new one.
    pub keep_request_id: bool,
    /// Whether `traceparent` (W3C) is passed on, and begun where there is none.
    pub propagate: bool,
    /// The share of the traces begun here that are sampled. One begun elsewhere has decided that for itself.
    pub sample: Share,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            request_id_header: "X-Request-Id".to_owned(),
            keep_request_id: true,
            propagate: true,
            sample: Share(10_000),
        }
    }
}
