//! The order in which routes are asked, as a list: what a person sees of the tree that [`Table::find`] walks.
//!
//! Called for people and never for a request. Always holds: of the routes that would take a request, [`Table::explain`] has first the one
//! that takes it (a test holds the two against each other).

use super::{Route, Table};
use crate::pattern::{HostPattern, PathPattern, Segment, Tail};
use std::cmp::Reverse;

/// Sorts as routes are asked: the most specific first.
pub(super) type Rank<'t> = ((u8, Reverse<usize>, &'t str), Vec<(u8, &'t str)>);

impl Table {
    /// Every route in the order in which they are asked, the most specific first; one with several hosts stands where the most specific
    /// of them does.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Route> {
        let mut all: Vec<&Route> = self.routes.iter().collect();
        // Stable: of the same host and path the table's own order decides.
        all.sort_by_cached_key(|route| rank(route, |_| true));
        all
    }
}

/// The rank of a route, as far as it is about hosts that count; of all its hosts, if none of them does.
pub(super) fn rank<'t>(route: &'t Route, counts: impl Fn(&HostPattern) -> bool) -> Rank<'t> {
    let of = |host: &'t HostPattern| match host {
        HostPattern::Exact(name) => (0, Reverse(0), &**name),
        HostPattern::Below(name) => (1, Reverse(name.len()), &**name),
    };
    let best = route.hosts.iter().filter(|host| counts(host)).map(of).min();
    let host = best.or_else(|| route.hosts.iter().map(of).min()).unwrap_or((2, Reverse(0), ""));
    (host, path(&route.path))
}

/// Segment by segment from the left: an end, a text, a capture, and only then what takes any rest.
fn path(pattern: &PathPattern) -> Vec<(u8, &str)> {
    let segments = pattern.segments.iter().map(|segment| match segment {
        Segment::Text(text) => (1, &**text),
        Segment::Capture(_) => (2, ""),
    });
    let tail = match pattern.tail {
        Tail::End => 0,
        Tail::Rest(_) => 3,
        Tail::Below => 4,
    };
    segments.chain([(tail, "")]).collect()
}
