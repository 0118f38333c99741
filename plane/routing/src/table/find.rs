//! Asking a table: the one function that runs for each request. It allocates nothing, and it looks only at what [`Asked`] names.

use super::{Route, RouteId, Table};
use crate::pattern::{Captures, HostBuffer, plain_host};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method};

/// A request, as far as routes look at it. The path must be normal, see [`crate::normal`].
#[derive(Clone, Copy, Debug)]
pub struct Asked<'p, 'h> {
    /// The method.
    pub method: &'h Method,
    /// The host, as it was sent: with or without port.
    pub host: &'h str,
    /// The path, normal. What a route catches of it lives as long as it does, and not as the rest, which may be changed meanwhile.
    pub path: &'p str,
    /// The query, without its question mark.
    pub query: Option<&'p str>,
    /// The headers.
    pub headers: &'h HeaderMap,
}

impl<'a> From<&'a Parts> for Asked<'a, 'a> {
    /// The host is that of the target, if it names one, else that of the header.
    fn from(parts: &'a Parts) -> Self {
        let named = parts.uri.authority().map(http::uri::Authority::as_str);
        let header = || parts.headers.get(HOST).and_then(|value| value.to_str().ok());
        Self {
            method: &parts.method,
            host: named.or_else(header).unwrap_or_default(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            headers: &parts.headers,
        }
    }
}

/// The route that takes a request.
#[derive(Clone, Copy, Debug)]
pub struct Match<'t, 'p> {
    /// Its place in [`Table::routes`].
    pub id: RouteId,
    /// The route.
    pub route: &'t Route,
    /// What its path caught.
    pub captures: Captures<'p>,
}

impl Table {
    /// The route that takes a request; none when no route's conditions hold.
    #[must_use]
    pub fn find<'t, 'p>(&'t self, asked: &Asked<'p, '_>) -> Option<Match<'t, 'p>> {
        let mut buffer: HostBuffer = [0; _];
        let host = plain_host(asked.host, &mut buffer);
        let exact = self.exact_hosts.get(host).into_iter();
        // The longest name first: `b.c` before `c` for `a.b.c`.
        let names = if self.hosts_below.is_empty() { "" } else { host };
        let above = names.match_indices('.').map(|(at, _)| &host[at + 1..]);
        let below = above.filter_map(|name| self.hosts_below.get(name));
        let mut tries = exact.chain(below).chain(std::iter::once(&self.any_host));
        let (route, captures) = tries.find_map(|trie| trie.find(&self.routes, asked))?;
        Some(Match { id: RouteId(route), route: &self.routes[route], captures })
    }
}
