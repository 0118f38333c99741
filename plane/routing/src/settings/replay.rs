//! `replay` and `whole_answer` of a route: what may be asked twice.

use homeostat_vocabulary::quantity::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which requests may be made twice: those whose method says that twice is as good as once (GET, HEAD, OPTIONS, PUT, DELETE, TRACE), and
/// those that carry a key by which the upstream knows them again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replay {
    /// Whether any is. Off, each request is made once, whatever its method.
    pub enabled: bool,
    /// The largest body that is kept to be sent again. A request with a larger one is made once.
    pub body_max: Size,
    /// The header with such a key; empty for none.
    pub idempotency_header: String,
}

impl Default for Replay {
    fn default() -> Self {
        Self { enabled: true, body_max: Size(64 << 10), idempotency_header: "Idempotency-Key".to_owned() }
    }
}

/// Reads answers to their end before any of them goes to the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WholeAnswer {
    /// The largest answer that is read so; what is larger is passed on as it comes.
    pub body_max: Size,
    /// Whether an answer with a `Content-Digest` (sha-256 or sha-512) that does not fit counts as failed.
    pub digest: bool,
}

impl Default for WholeAnswer {
    fn default() -> Self {
        Self { body_max: Size(64 << 10), digest: true }
    }
}
