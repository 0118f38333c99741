//! Why a request takes the route that it takes: what every route says to it.
//!
//! Called by `homeostat gateway routes --try`, never for a request. Each route is judged by itself, without the tree that
//! [`Table::find`] walks, so that the two can be held against each other in tests.

use super::conditions::Miss;
use super::order::rank;
use super::{Asked, Route, Table};
use crate::pattern::{HostBuffer, HostPattern, PathPattern, Segment, Tail, plain_host};

/// What a route says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes it.
    Takes,
    /// It would, and another is asked before it.
    Later,
    /// It is for other hosts.
    OtherHost,
    /// It is for other paths.
    OtherPath,
    /// It is for other methods.
    OtherMethod,
    /// This header is missing, or holds something else.
    Header(String),
    /// This parameter of the query is missing, or holds something else.
    Query(String),
}

/// A route and what it says.
#[derive(Clone, Debug)]
pub struct Explained<'t> {
    /// The route.
    pub route: &'t Route,
    /// What it says.
    pub verdict: Verdict,
}

impl Table {
    /// What every route says to a request, in the order in which they are asked.
    #[must_use]
    pub fn explain(&self, asked: &Asked<'_, '_>) -> Vec<Explained<'_>> {
        let taker = self.find(asked).map(|found| &found.route.name);
        let judge = |route| {
            let verdict = match refusal(route, asked) {
                Some(verdict) => verdict,
                None if taker == Some(&route.name) => Verdict::Takes,
                None => Verdict::Later,
            };
            Explained { route, verdict }
        };
        let mut buffer: HostBuffer = [0; _];
        let host = plain_host(asked.host, &mut buffer);
        let mut all: Vec<Explained<'_>> = self.routes.iter().map(judge).collect();
        // A route with several hosts stands where the one that was asked for does.
        all.sort_by_cached_key(|one| rank(one.route, |pattern| takes_host(pattern, host)));
        all
    }
}

fn refusal(route: &Route, asked: &Asked<'_, '_>) -> Option<Verdict> {
    let mut buffer: HostBuffer = [0; _];
    let host = plain_host(asked.host, &mut buffer);
    if !route.hosts.is_empty() && !route.hosts.iter().any(|pattern| takes_host(pattern, host)) {
        return Some(Verdict::OtherHost);
    }
    if !takes_path(&route.path, asked.path) {
        return Some(Verdict::OtherPath);
    }
    route.conditions.miss(asked).map(|miss| match miss {
        Miss::Method => Verdict::OtherMethod,
        Miss::Header(name) => Verdict::Header(name.to_string()),
        Miss::Query(name) => Verdict::Query(name.to_owned()),
    })
}

fn takes_host(pattern: &HostPattern, host: &str) -> bool {
    match pattern {
        HostPattern::Exact(name) => **name == *host,
        HostPattern::Below(name) => host.strip_suffix(&**name).is_some_and(|before| before.ends_with('.')),
    }
}

fn takes_path(pattern: &PathPattern, path: &str) -> bool {
    let mut left = path.strip_prefix('/');
    for segment in &pattern.segments {
        let Some(text) = left else { return false };
        let (part, further) = text.split_once('/').map_or((text, None), |(part, further)| (part, Some(further)));
        let fits = match segment {
            Segment::Text(expected) => **expected == *part,
            Segment::Capture(_) => !part.is_empty(),
        };
        if !fits {
            return false;
        }
        left = further;
    }
    match pattern.tail {
        Tail::End => left.is_none(),
        Tail::Rest(_) => left.is_some(),
        Tail::Below => true,
    }
}
