//! Answers that are kept: the rules of HTTP over the store of `engine/cache`.
//!
//! Called by the front for routes that keep answers. Always holds: what must not be shared is not; of many who ask for what is not
//! there, one fetches; an upstream that fails costs those who ask something stale, where the rules allow it; a fetch that nobody finished
//! leaves nothing behind.

mod errand;
mod fill;
mod keep;
mod rules;
mod serve;
mod stored;
mod together;
mod warm;

use std::sync::Arc;
use std::time::Duration;

use homeostat_cache::http::{Advice, AdviceLine, invalidates, key, named_targets};
use homeostat_cache::{Cache, CacheSettings, CacheSnapshot, Pattern};
use homeostat_reactor::Clock;
use homeostat_routing::settings::CacheStore;
use homeostat_routing::{RouteId, UpstreamId};
use homeostat_wire::Response;
use http::Method;

pub use self::errand::Errand;
use self::fill::Ahead;
pub use self::rules::CacheRules;
pub use self::serve::pass_by;
pub use self::stored::From;
use self::stored::Stored;
pub use self::together::may_be_together;
pub use self::warm::warm;
use crate::plan::Plan;

/// How often what is dead is tidied away.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// A key: scheme, host and target, then route and upstream, and for variants what tells them apart; a line each.
type Key = Arc<str>;

/// The memory for answers, shared by all routes.
#[derive(Debug)]
pub struct Answers {
    store: Cache<Key, Stored>,
    advice: Advice,
    /// What is read ahead of clients.
    ahead: Arc<Ahead>,
    /// What it was made from.
    settings: CacheStore,
}

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// All answers with this tag.
    Tag(String),
    /// All whose address fits: `https://shop.example.org/articles/*`.
    Pattern(String),
    /// Everything.
    All,
}

impl Answers {
    /// An empty one.
    ///
    /// # Errors
    /// When the settings make no memory.
    pub fn new(settings: &CacheStore, clock: Clock) -> Result<Self, String> {
        let store = CacheSettings {
            bytes_max: settings.memory_max.0,
            entry_bytes_max: settings.answer_max.0.saturating_add(ANSWER_HEAD_BYTES),
            // Each waits for as long as its route allows, and at most so long.
            wait_ms_max: WAIT_MAX_MS,
            ..CacheSettings::default()
        };
        let store = Cache::new(store, clock).map_err(|error| error.to_string())?;
        let ahead = Ahead::new(usize::try_from(settings.memory_max.0).unwrap_or(usize::MAX));
        Ok(Self { store, advice: Advice::default(), ahead, settings: settings.clone() })
    }

    /// What it was made from.
    pub const fn settings(&self) -> &CacheStore {
        &self.settings
    }

    fn answer_bytes_max(&self) -> usize {
        usize::try_from(self.settings.answer_max.0).unwrap_or(usize::MAX)
    }

    /// Its numbers.
    pub fn snapshot(&self) -> CacheSnapshot {
        self.store.snapshot()
    }

    /// Why answers were not kept, and what would change it.
    pub fn advice(&self) -> Vec<AdviceLine> {
        self.advice.lines()
    }

    /// Forgets answers, at once.
    ///
    /// # Errors
    /// When the pattern is none, or too many purges wait to be worked off.
    pub fn purge(&self, purge: &Purge) -> Result<(), String> {
        match purge {
            Purge::Tag(tag) => self.store.purge_tag(tag),
            Purge::All => self.store.purge_all(),
            Purge::Pattern(pattern) => {
                let pattern = Pattern::glob(pattern).map_err(|error| error.to_string())?;
                // A variant's key goes on behind its address.
                self.store
                    .purge_where(move |key: &Key| pattern.matches(key.split('\n').next().unwrap_or_default()))
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// A request that changes something has succeeded: what was kept of its target is out of date, on every route of its upstream,
    /// because reading and writing are often two routes.
    pub fn changed(&self, errand: &Errand, asked: &Target<'_>, method: &Method, response: &Response) {
        if !invalidates(method, response.status()) {
            return;
        }
        let plan = &errand.plan;
        for (place, route) in plan.routes.iter().enumerate().filter(|(_, route)| route.way(errand.upstream).is_some()) {
            let Some(rules) = &route.cache else { continue };
            let Some(authority) = authority_of(asked, rules) else { return };
            let origin = homeostat_cache::http::Origin { scheme: asked.scheme, authority: &authority };
            let named = named_targets(origin, asked.target, response.headers());
            for target in named.iter().map(String::as_str).chain([asked.target]) {
                let target = Target { target, ..*asked };
                for upstream in route.upstreams() {
                    if let Some(key) = key_of(plan, RouteId(place), upstream, rules, &target) {
                        self.store.purge(&key);
                    }
                }
            }
        }
    }

    /// Tidies away what is dead, until it is dropped.
    pub async fn tidy(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TIDY_EVERY).await;
            self.store.sweep_round().await;
        }
    }
}

/// What a request is for, as the gateway routes it and the client meant it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host, with its port if it had one.
    pub host: &'a str,
    /// Path and query.
    pub target: &'a str,
}

/// The key of a request. Behind its address stand the route and the upstream: two of them may answer the same address differently, and
/// a request must find only what it could have been answered itself.
fn key_of(plan: &Plan, route: RouteId, upstream: UpstreamId, rules: &CacheRules, asked: &Target<'_>) -> Option<Key> {
    let mut key = key(asked.scheme, asked.host, asked.target, &rules.query)?;
    for part in ["\n", &plan.table.routes()[route.0].name, ">", &plan.table.upstream(upstream).name] {
        key.push_str(part);
    }
    Some(key.into())
}

/// The authority in the form that it has in keys.
fn authority_of(asked: &Target<'_>, rules: &CacheRules) -> Option<String> {
    key(asked.scheme, asked.host, "/", &rules.query)?.split('/').nth(2).map(str::to_owned)
}

/// How long anybody waits for another's fetch, however long its route allows: as long as a fetch is joined by newcomers.
const WAIT_MAX_MS: u64 = 30_000;

/// What the head of an answer may weigh beside its body.
const ANSWER_HEAD_BYTES: u64 = 64 << 10;
