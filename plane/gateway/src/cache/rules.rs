//! What a route says about keeping its answers, in the terms of the rules of HTTP.

use homeostat_cache::http::{Lifetime, QueryRule, RouteRules};
use homeostat_routing::settings::RouteCache;

/// The rules of one route.
#[derive(Debug, Clone)]
pub struct CacheRules {
    /// For how long, and what.
    pub rules: RouteRules,
    /// Which part of the query makes another answer.
    pub query: QueryRule,
    /// Tags of every answer.
    pub tags: Vec<String>,
    /// Whether bodies are kept compressed.
    pub is_compressed: bool,
    /// Whether one fetches for all.
    pub single_flight: bool,
    /// Whether clients are told what was kept.
    pub status_header: bool,
}

impl CacheRules {
    /// As the settings of a route say; `None` where nothing is kept.
    pub fn of(settings: Option<&RouteCache>) -> Option<Self> {
        let settings = settings.filter(|settings| settings.enabled)?;
        let seconds = |period: homeostat_vocabulary::quantity::Period| std::time::Duration::from(period.0).as_secs();
        let usual = RouteRules::default();
        let rules = RouteRules {
            lifetime: settings.fresh_override.map_or(Lifetime::Origin, |period| Lifetime::OverrideS(seconds(period))),
            fresh_s_default: settings.fresh_default.map(seconds),
            negative_s: seconds(settings.negative),
            while_revalidating_s: seconds(settings.stale_while_revalidate),
            on_error_s: seconds(settings.stale_if_error),
            ..usual
        };
        let texts = |texts: &homeostat_routing::settings::Texts| texts.0.clone();
        let query = match &settings.query_only {
            Some(only) => QueryRule::Only(texts(only)),
            None if settings.query_without.is_empty() => QueryRule::AsIs,
            None => QueryRule::Without(texts(&settings.query_without)),
        };
        Some(Self {
            rules,
            query,
            tags: texts(&settings.tags),
            is_compressed: settings.store_as.is_some(),
            single_flight: settings.single_flight,
            status_header: settings.status_header,
        })
    }
}
