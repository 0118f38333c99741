//! What the owner of a route says about keeping its answers, over what its origin says.

use std::time::Duration;

use http::header::{HeaderName, SET_COOKIE};
use serde::{Deserialize, Serialize};

/// What is done with an answer that sets a cookie: given to another client, the cookie is that client's session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetCookie {
    /// It is not kept.
    #[default]
    Refuse,
    /// It is kept without the cookie.
    Strip,
}

/// Which life an answer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// As its origin says.
    #[default]
    Origin,
    /// This many seconds, whatever its origin says; but what is private or not to be stored stays so.
    OverrideS(u64),
    /// Nothing of this route is kept.
    Nothing,
}

/// The rules of one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteRules {
    /// Which life answers have.
    pub lifetime: Lifetime,
    /// At least this many seconds for what may be kept at all; by default 0.
    pub fresh_s_min: u64,
    /// At most this many; by default a week.
    pub fresh_s_max: u64,
    /// For how many seconds an answer is fresh that says nothing about it, and of which nothing can be guessed; by default it is not kept.
    pub fresh_s_default: Option<u64>,
    /// Whether an answer with a date of its last change and nothing else is fresh for a tenth of its age; by default yes.
    pub heuristics: bool,
    /// At most this many seconds by that guess; by default a day.
    pub heuristic_s_max: u64,
    /// Seconds for which 404, 405, 410, 414 and 501 are kept when their origin says nothing; by default 0, not at all. Other errors
    /// are kept only when their origin says for how long.
    pub negative_s: u64,
    /// Seconds for which an answer may be given stale while it is refreshed, when its origin says nothing; by default 0.
    pub while_revalidating_s: u64,
    /// Seconds for which it may be given stale when its origin does not answer or fails, when its origin says nothing; by default 60.
    /// Never where the origin forbids it.
    pub on_error_s: u64,
    /// Seconds for which a stale answer with a validator is kept, to ask the origin whether it has changed; by default an hour.
    pub kept_s: u64,
    /// What is done with answers that set a cookie.
    pub set_cookie: SetCookie,
    /// Whether `no-cache`, `max-age` and the like in requests are obeyed; by default yes. Without, no client can have the origin asked.
    pub obeys_requests: bool,
    /// Whether `CDN-Cache-Control` and `Surrogate-Control` stand in for `Cache-Control`; by default yes.
    pub targeted: bool,
    /// How many variants of one address are kept; by default 32.
    pub variants_max: u32,
}

impl Default for RouteRules {
    fn default() -> Self {
        Self {
            lifetime: Lifetime::Origin,
            fresh_s_min: 0,
            fresh_s_max: 7 * 86_400,
            fresh_s_default: None,
            heuristics: true,
            heuristic_s_max: 86_400,
            negative_s: 0,
            while_revalidating_s: 0,
            on_error_s: 60,
            kept_s: 3_600,
            set_cookie: SetCookie::Refuse,
            obeys_requests: true,
            targeted: true,
            variants_max: 32,
        }
    }
}

/// The fields that stand in for `Cache-Control`, the first first.
pub(crate) const TARGETED: [HeaderName; 2] =
    [HeaderName::from_static("cdn-cache-control"), HeaderName::from_static("surrogate-control")];

impl RouteRules {
    /// The fields that are taken off an answer by these rules before it is kept.
    pub(crate) fn stripped(&self) -> &'static [HeaderName] {
        const COOKIE: [HeaderName; 1] = [SET_COOKIE];
        match self.set_cookie {
            SetCookie::Strip => &COOKIE,
            SetCookie::Refuse => &[],
        }
    }

    pub(crate) fn bounded(&self, fresh: Duration) -> Duration {
        let most = Duration::from_secs(self.fresh_s_max);
        fresh.max(Duration::from_secs(self.fresh_s_min)).min(most)
    }
}
