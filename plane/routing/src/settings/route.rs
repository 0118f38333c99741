//! `[gateway.routes.NAME]`: which requests, and what is done with them.

use super::{
    Compression, Cors, EdgeRate, GatewayFallback, HeaderEdits, Redirect, Replay, Respond, Rewrite, RouteCache, Sticky,
    Texts, WholeAnswer,
};
use homeostat_resilience::{Priority, StackSettings};
use homeostat_vocabulary::quantity::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which requests, and what is done with them: exactly one of `to`, `split`, `redirect` and `respond`. A route without conditions takes
/// every request that no other takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// The hosts, without port: `"shop.example.org"`, or `"*.example.org"` for every name below it. One, or a list.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub host: Texts,
    /// The whole path: `"/cart"`. `{name}` stands for one segment, and `{rest..}` at the end for whatever follows, slashes too. Written
    /// in the normal form, see above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The path and everything below it: `"/api"` takes `/api` and `/api/users`, and not `/apis`. Instead of `path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// The methods: `["GET", "HEAD"]`. One, or a list; any when nothing is said.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub methods: Texts,
    /// Headers that must be there, and what must be in them: `"blue"` exactly, `"blue*"` what begins so, `"*"` anything.
    pub headers: BTreeMap<String, String>,
    /// Parameters of the query that must be there, and their values, written like those of `headers`.
    pub query: BTreeMap<String, String>,
    /// Among routes with the same host and path the highest is asked first.
    #[schemars(range(min = -1000, max = 1000))]
    pub precedence: i32,

    /// Where it goes: an upstream, or a service of this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where it goes, in shares: `{ api = 90, api-next = 10 }`. The numbers are weights, they need not add up to anything.
    pub split: BTreeMap<String, u32>,
    /// What keeps a client on its side of a `split`. Without it every request is dealt anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// An answer that sends the client elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// An answer of the gateway's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond: Option<Respond>,

    /// What is changed in the request's path and host before it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Rewrite>,
    /// What is changed in the request's headers before it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<HeaderEdits>,
    /// What is changed in the answer's headers before it goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<HeaderEdits>,

    /// How important its requests are; when there is too much to do, the least important make way first: among the requests of this
    /// route and of those that share its policies (`policies_of`).
    pub priority: Priority,
    /// Another route whose policies around calls these requests go through too: its `resilience`, what it has learned of each endpoint,
    /// one budget, breaker and limit for both. For requests that differ in importance and go to the same upstream. Without it a
    /// route learns for itself, since a search and a health page of one service have little in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies_of: Option<String>,
    /// How calls are made, instead of `gateway.resilience`. Keys that are not written have their usual defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resilience: Option<StackSettings>,
    /// Which requests may be made twice: retried, or hedged.
    pub replay: Replay,
    /// Whether requests that are equal and under way at the same time are made once, and the answer goes to all of them; nothing is kept.
    /// Equal are GET and HEAD with the same address and headers, without `Authorization`, `Cookie`, `Range` and conditions, and not of a
    /// known caller. An answer with `Set-Cookie`, `private` or `no-store`, a stream, and one larger than `gateway.cache.answer_max` are
    /// for the one who asked. The upstream sees the address of one client only. For routes without `cache`, which does the same.
    pub coalesce: bool,
    /// The largest body of a request, instead of `gateway.limits.request_body_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body_max: Option<Size>,
    /// Reads an answer to its end before any of it goes to the client, so that one that breaks off or is damaged can be asked for again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_answer: Option<WholeAnswer>,
    /// What the client gets when no upstream gives a good answer; without it the gateway's own error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<GatewayFallback>,

    /// Keeps answers, by the rules of HTTP. Without it nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<RouteCache>,
    /// How much each client may ask for, by name: all of them must allow a request.
    pub rate_limits: BTreeMap<String, EdgeRate>,
    /// Who may come in: one of `gateway.auth`. Without it everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// Which pages of other origins may call it from a browser. Without it the upstream's own answer to that is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Compresses answers that are not compressed yet. Without it they are left as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
}
