//! Why answers were not kept, and what would change it: counted by route, told in words.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// How many routes are told apart; those beyond count as one.
const ROUTES_MAX: usize = 256;

/// The route that counts for those beyond.
const OTHER_ROUTES: &str = "(other)";

macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident, $code:literal, $advice:literal;)*) => {
        /// Why a response was not kept.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($(#[$meta])* $variant,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// A short name, for metrics and headers.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, and what to change if it should be otherwise.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

reasons! {
    /// Not a GET.
    Method, "method", "only answers to GET are kept; make reads GET if they should be";
    /// A rule of the route.
    ByRule, "by_rule", "the rules of this route keep nothing; take `lifetime = \"nothing\"` out if that was not meant";
    /// The client asked for nothing to be kept.
    RequestNoStore, "request_no_store", "the client said `no-store`; set `obeys_requests = false` if clients should have no say";
    /// The request was made in somebody's name.
    Authorization, "authorization", "the request carried `Authorization`, and the answer does not say that it is for everybody; send `Cache-Control: public` or `s-maxage` where it is";
    /// The origin forbids it.
    NoStore, "no_store", "the origin sends `no-store`, or a `Cache-Control` that cannot be read; let it send `max-age` where the answer is the same for all";
    /// Meant for one client.
    Private, "private", "the origin sends `private`; let it send `public, max-age` where the answer is the same for all";
    /// It sets a cookie.
    SetCookie, "set_cookie", "the answer sets a cookie; set it on another path, or keep the answer without it with `set_cookie = \"strip\"`";
    /// It is a part.
    Partial, "partial", "the answer is a part of something; whole answers are kept, and parts are cut from them";
    /// A status that cannot be kept, or not understood.
    Status, "status", "answers with this status are never kept";
    /// It depends on everything.
    VaryStar, "vary_star", "the origin sends `Vary: *`, so no two requests are equal; let it name the fields that count";
    /// It depends on too much, or on what cannot be read.
    Vary, "vary", "the answer has a `Vary` that cannot be read, or with more than 16 fields; let the origin name fewer";
    /// Too many variants, or one with a value too long for a key.
    Variants, "variants", "there are too many variants of one address; take fields with many values, such as `Cookie` or `User-Agent`, out of `Vary`";
    /// Nobody says for how long.
    NoLifetime, "no_lifetime", "the origin says neither how long the answer is good nor when it changed; let it send `max-age`, or set `lifetime = { override_s = 60 }`";
    /// It had expired when it came.
    ExpiredAtOnce, "expired_at_once", "the answer expires at once and has no validator; let the origin send a longer `max-age`, or an `ETag`";
    /// It would have to be revalidated, and cannot be.
    NoCacheWithoutValidator, "no_cache", "the origin sends `no-cache` without an `ETag` or `Last-Modified`; with one the answer is kept and only asked about";
    /// The body broke off.
    Truncated, "truncated", "the body did not come whole; see why the origin breaks off";
    /// Too large.
    TooLarge, "too_large", "the answer is larger than `entry_bytes_max`; raise it, or leave such files to another server";
    /// The key cannot be made.
    Key, "key", "the address is too long or cannot be a key";
}

impl Reason {
    /// Whether it lies in the request and not in the answer: another client's request for the same may well be kept. The fetch is then
    /// dropped, so that somebody else leads, and not ended as [`not_storable`](crate::Fetch::not_storable): one client must not be able
    /// to have everybody fetch for himself.
    pub const fn is_of_request(self) -> bool {
        matches!(self, Self::Method | Self::RequestNoStore | Self::Authorization | Self::Key)
    }
}

/// Counts of one route and reason, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdviceLine {
    /// The route.
    pub route: String,
    /// Why.
    pub reason: Reason,
    /// How often.
    pub count: u64,
    /// How many answers of the route were looked at in all.
    pub of: u64,
    /// What it means and what to change.
    pub says: &'static str,
}

/// Why the answers of each route were not kept. Looked at once an answer, off the way of hits.
#[derive(Debug, Default)]
pub struct Advice(Mutex<BTreeMap<Box<str>, Counts>>);

#[derive(Debug, Default)]
struct Counts {
    kept: u64,
    reasons: BTreeMap<Reason, u64>,
}

impl Advice {
    /// An answer of this route was kept.
    pub fn kept(&self, route: &str) {
        self.with(route, |counts| counts.kept += 1);
    }

    /// An answer of this route was not kept.
    pub fn not_kept(&self, route: &str, reason: Reason) {
        self.with(route, |counts| *counts.reasons.entry(reason).or_default() += 1);
    }

    /// All counts, the largest first.
    pub fn lines(&self) -> Vec<AdviceLine> {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<AdviceLine> = Vec::new();
        for (route, counts) in &*routes {
            let of = counts.kept + counts.reasons.values().sum::<u64>();
            lines.extend(counts.reasons.iter().map(|(reason, count)| AdviceLine {
                route: route.to_string(),
                reason: *reason,
                count: *count,
                of,
                says: reason.advice(),
            }));
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.count));
        lines
    }

    fn with(&self, route: &str, change: impl FnOnce(&mut Counts)) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let route = if routes.contains_key(route) || routes.len() < ROUTES_MAX { route } else { OTHER_ROUTES };
        match routes.get_mut(route) {
            Some(counts) => change(counts),
            None => change(routes.entry(route.into()).or_default()),
        }
    }
}
