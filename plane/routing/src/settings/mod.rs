//! `[gateway]` as types, one struct and one file a section. The doc comments are the manual: they become the schema that editors read
//! and the reference in `docs/configuration.md`.
//!
//! Used by `surface/config`, which embeds [`Gateway`] in the configuration, and by every crate of the plane. Always holds: unknown keys are
//! refused, every key has a default, and the defaults let nobody in but this machine. What values mean together is judged elsewhere,
//! see [`check`](crate::check).

mod access_log;
mod action;
mod auth;
mod cache;
mod compression;
mod control;
mod cors;
mod edit;
mod fallback;
mod files;
mod health;
mod limits;
mod listener;
mod rate;
mod replay;
mod route;
mod split;
mod texts;
mod trace;
mod upstream;

pub use access_log::AccessLog;
pub use action::{Redirect, Respond, Rewrite, Scheme};
pub use auth::{ApiKeys, Auth, Jwt, JwtAlgorithm};
pub use cache::{CacheStore, RouteCache};
pub use compression::{Coding, Compression};
pub use control::Control;
pub use cors::Cors;
pub use edit::HeaderEdits;
pub use fallback::GatewayFallback;
pub use files::STANDARD_OUTPUT;
pub use health::UpstreamHealth;
pub use limits::GatewayLimits;
pub use listener::{ClientCertificates, Listener, ListenerTls, ServerCertificate};
pub use rate::EdgeRate;
pub use replay::{Replay, WholeAnswer};
pub use route::Route;
pub use split::{Sticky, StickyCookie};
pub use texts::Texts;
pub use trace::Trace;
pub use upstream::{Activation, HostHeader, Protocol, Upstream, UpstreamTls};

use homeostat_resilience::StackSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the gateway listens when nothing is said: on this machine alone.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// The name that the listener of the key `listen` has in metrics and logs.
pub const LISTENER_DEFAULT_NAME: &str = "main";

/// The gateway: where users' requests come in, and where each of them goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// The address it listens on, without TLS; `"127.0.0.1:8080"` when neither this nor `listeners` says anything. Port 0 takes any free one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Further addresses, by name: with TLS, or behind a balancer that speaks the PROXY protocol.
    pub listeners: BTreeMap<String, Listener>,
    /// Whether it may listen on addresses that other machines can reach. An open door is said twice, so that none is left open by a slip.
    pub public: bool,
    /// How many threads serve requests; without it the processor's cores, 8 at most.
    #[schemars(range(min = 1, max = 64))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u16>,
    /// What is done with which requests, by name: `[gateway.routes.shop]` with `to = "shop"` sends everything to the service `shop`.
    ///
    /// Of the routes whose conditions all hold, the most specific takes the request: first by `host` (a name, then the longest
    /// `*.suffix`, then none), then by path (segment by segment: text before `{name}` before what takes any rest), then by
    /// `precedence`, then by the number of further conditions (`methods`, `headers`, `query`), then by the alphabet.
    ///
    /// A path is brought into its normal form first, and that is what routes, the cache and upstreams see: `%41` becomes `A` where both mean the
    /// same (letters, digits, `-._~`), other escapes stay, `.` and `..` are resolved, `//` stays, and an escaped slash stays
    /// escaped. What could be read in two ways (`..%2F`, `..;x`, `%00`, a climb above the root) is refused with 400.
    pub routes: BTreeMap<String, Route>,
    /// Where requests can go, by name. A service of this file needs no entry: it is an upstream by its own name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Who may come in, by name; a route asks for one of them with `auth`.
    pub auth: BTreeMap<String, Auth>,
    /// How calls to upstreams are made; a route and an upstream can say otherwise.
    pub resilience: StackSettings,
    /// The memory for answers that are kept.
    pub cache: CacheStore,
    /// Bounds of what a client may send, and how long it may take.
    pub limits: GatewayLimits,
    /// Proxies in front of the gateway, as addresses or networks such as `"10.0.0.0/8"`: what they say of the client's address
    /// (`Forwarded`, `X-Forwarded-For`, the PROXY protocol) is believed. From all others it is thrown away.
    pub trusted_hops: Vec<String>,
    /// The log of requests.
    pub access_log: AccessLog,
    /// Ids and traces of requests.
    pub trace: Trace,
    /// Where the running gateway takes orders: new settings, drain, questions.
    pub control: Control,
}

impl Gateway {
    /// Every listener with its name; never none.
    #[must_use]
    pub fn all_listeners(&self) -> Vec<(String, Listener)> {
        let plain = |address: &str| (LISTENER_DEFAULT_NAME.to_owned(), Listener::plain(address));
        let mut all: Vec<(String, Listener)> = self.listen.iter().map(|address| plain(address)).collect();
        all.extend(self.listeners.iter().map(|(name, listener)| (name.clone(), listener.clone())));
        if all.is_empty() {
            all.push(plain(LISTEN_DEFAULT));
        }
        all
    }

    /// How calls of a route to an upstream are made: what the route says, else what the upstream says, else what holds for all.
    #[must_use]
    pub fn resilience_of(&self, route: &str, upstream: &str) -> StackSettings {
        let by_route = self.routes.get(route).and_then(|route| route.resilience);
        let by_upstream = || self.upstreams.get(upstream).and_then(|upstream| upstream.resilience);
        by_route.or_else(by_upstream).unwrap_or(self.resilience)
    }
}
