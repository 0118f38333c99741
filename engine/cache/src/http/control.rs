//! `Cache-Control`, of responses and of requests, and the fields that stand in for it before shared caches.
//!
//! Strict, and careful where a sender contradicts itself: of two numbers the smaller counts, and one that is no number means no time
//! at all, because "stale" is the only mistake that nobody notices.

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName};

use super::list::{is_token, members, seconds, split, trim, unquoted};

/// What a response allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// `max-age`, in seconds.
    pub max_age: Option<u64>,
    /// `s-maxage`: the same for shared caches.
    pub shared_max_age: Option<u64>,
    /// `stale-while-revalidate`.
    pub while_revalidating: Option<u64>,
    /// `stale-if-error`.
    pub on_error: Option<u64>,
    /// `no-store`.
    pub no_store: bool,
    /// `no-cache` without a list of fields.
    pub no_cache: bool,
    /// `private` without a list of fields.
    pub private: bool,
    /// `public`.
    pub public: bool,
    /// `must-revalidate`.
    pub must_revalidate: bool,
    /// `proxy-revalidate`.
    pub proxy_revalidate: bool,
    /// `must-understand`.
    pub must_understand: bool,
    /// Fields named by `no-cache` or `private`: not to be kept.
    pub omitted: Vec<HeaderName>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// `no-cache`: ask the origin.
    pub no_cache: bool,
    /// `no-store`: keep nothing of it.
    pub no_store: bool,
    /// `only-if-cached`: do not ask the origin.
    pub only_if_cached: bool,
    /// `max-age`: no older than this.
    pub max_age: Option<u64>,
    /// `min-fresh`: fresh for at least so long.
    pub min_fresh: Option<u64>,
    /// `max-stale`: stale for at most so long; without a number, however long.
    pub max_stale: Option<u64>,
}

impl CacheControl {
    /// Of a response's `Cache-Control`. One that cannot be read at all allows nothing.
    pub fn of(headers: &HeaderMap) -> Self {
        Self::read(headers, CACHE_CONTROL).unwrap_or(Self { no_store: true, ..Self::default() })
    }

    /// Of the first of these fields that is there and can be read: RFC 9213 has it stand in for `Cache-Control` and `Expires`.
    pub fn targeted(headers: &HeaderMap, fields: &[HeaderName]) -> Option<Self> {
        let present = fields.iter().filter(|field| headers.contains_key(*field));
        present.filter_map(|field| Self::read(headers, field)).find(|control| *control != Self::default())
    }

    fn read(headers: &HeaderMap, field: impl http::header::AsHeaderName) -> Option<Self> {
        let mut control = Self::default();
        for member in members(headers, field)? {
            let (name, value) = directive(member);
            control.take(&name, value);
        }
        Some(control)
    }

    fn take(&mut self, name: &str, value: Option<&str>) {
        match name {
            "max-age" => keep_least(&mut self.max_age, delta(value)),
            "s-maxage" => keep_least(&mut self.shared_max_age, delta(value)),
            "stale-while-revalidate" => keep_least(&mut self.while_revalidating, delta(value)),
            "stale-if-error" => keep_least(&mut self.on_error, delta(value)),
            "no-store" => self.no_store = true,
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "no-cache" => match fields(value) {
                Some(fields) => self.omitted.extend(fields),
                None => self.no_cache = true,
            },
            "private" => match fields(value) {
                Some(fields) => self.omitted.extend(fields),
                None => self.private = true,
            },
            _ => {}
        }
    }
}

impl RequestControl {
    /// Of a request. What cannot be read asks for nothing: it must not be a way to get at the origin. `Pragma` is ignored, as RFC 9111
    /// allows: no client that is still in use has nothing better.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        if !headers.contains_key(CACHE_CONTROL) {
            return control;
        }
        for member in members(headers, CACHE_CONTROL).unwrap_or_default() {
            let (name, value) = directive(member);
            let number = value.and_then(unquoted).and_then(seconds);
            match name.as_str() {
                "no-cache" => control.no_cache = true,
                "no-store" => control.no_store = true,
                "only-if-cached" => control.only_if_cached = true,
                "max-age" => keep_least(&mut control.max_age, number.unwrap_or(0)),
                "min-fresh" => control.min_fresh = control.min_fresh.max(number),
                "max-stale" if value.is_none() => control.max_stale = Some(super::list::SECONDS_MAX),
                "max-stale" => keep_least(&mut control.max_stale, number.unwrap_or(0)),
                _ => {}
            }
        }
        control
    }
}

/// The name in small letters, and the value. A name that is no token is no name: `max-age =1` is not `max-age`, but it is not nothing
/// either, and counts as one without a number.
fn directive(member: &str) -> (String, Option<&str>) {
    let Some((name, value)) = member.split_once('=') else { return (member.to_ascii_lowercase(), None) };
    let value = if is_token(name) { value } else { "" };
    (trim(name).to_ascii_lowercase(), Some(value))
}

/// A number of seconds; what is none is zero.
fn delta(value: Option<&str>) -> u64 {
    value.and_then(unquoted).and_then(seconds).unwrap_or(0)
}

fn keep_least(kept: &mut Option<u64>, new: u64) {
    *kept = Some(kept.map_or(new, |kept| kept.min(new)));
}

/// The fields that a directive names; `None` when it names none that can be read, and so means the whole response.
fn fields(value: Option<&str>) -> Option<Vec<HeaderName>> {
    let list = unquoted(value?)?;
    let mut names = Vec::new();
    split(list, &mut names)?;
    let names: Option<Vec<_>> = names.into_iter().map(|name| name.parse().ok()).collect();
    names.filter(|names| !names.is_empty())
}
