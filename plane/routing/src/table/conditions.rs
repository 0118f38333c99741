//! What a request must have beside its host and path.

use super::Asked;
use crate::pattern::ValuePattern;
use crate::query;
use http::{HeaderName, Method};

/// The further conditions of a route; all of them must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    pub methods: Box<[Method]>,
    pub headers: Box<[(HeaderName, ValuePattern)]>,
    pub query: Box<[(Box<str>, ValuePattern)]>,
}

/// A condition that does not hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Miss<'c> {
    Method,
    Header(&'c HeaderName),
    Query(&'c str),
}

impl Conditions {
    /// How many they are; of two routes the one with more is asked first.
    pub fn count(&self) -> usize {
        usize::from(!self.methods.is_empty()) + self.headers.len() + self.query.len()
    }

    /// Whether they hold. Of a header or parameter that comes several times, one value must fit.
    pub fn hold(&self, asked: &Asked<'_, '_>) -> bool {
        self.miss(asked).is_none()
    }

    /// The first that does not hold.
    pub fn miss(&self, asked: &Asked<'_, '_>) -> Option<Miss<'_>> {
        if !self.methods.is_empty() && !self.methods.contains(asked.method) {
            return Some(Miss::Method);
        }
        let has = |name: &HeaderName, pattern: &ValuePattern| {
            asked.headers.get_all(name).iter().any(|value| pattern.fits(value.as_bytes().iter().copied()))
        };
        if let Some((name, _)) = self.headers.iter().find(|(name, pattern)| !has(name, pattern)) {
            return Some(Miss::Header(name));
        }
        let query = asked.query.unwrap_or_default();
        let asks = |name: &str, pattern: &ValuePattern| query::any_value(query, name, |value| pattern.fits(value));
        self.query.iter().find(|(name, pattern)| !asks(name, pattern)).map(|(name, _)| Miss::Query(name))
    }

    /// Whether they hold whenever those of `other` do.
    pub fn cover(&self, other: &Self) -> bool {
        let methods = self.methods.is_empty()
            || (!other.methods.is_empty() && other.methods.iter().all(|method| self.methods.contains(method)));
        methods && covered(&self.headers, &other.headers) && covered(&self.query, &other.query)
    }
}

fn covered<N: PartialEq>(ours: &[(N, ValuePattern)], theirs: &[(N, ValuePattern)]) -> bool {
    ours.iter().all(|(name, pattern)| theirs.iter().any(|(other, value)| name == other && pattern.covers(value)))
}
