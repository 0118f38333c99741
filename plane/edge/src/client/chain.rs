//! The chain of addresses that trusted hops wrote, walked from the nearest to the client.

use super::forwarded::Element;
use super::{
    Scheme, TrustedHops, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, forwarded, is_host, scheme_named,
};
use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, SocketAddr};

/// The most entries that are looked at: a request passes a handful of proxies, and the rest is a client's own text.
const ENTRIES_MAX: usize = 32;

/// What trusted hops said.
pub(super) struct Found {
    pub address: IpAddr,
    pub scheme: Option<Scheme>,
    pub host: Option<HeaderValue>,
}

impl Found {
    /// Reads the headers of a request that `nearest`, a trusted address, passed on.
    pub fn in_headers(trusted: &TrustedHops, nearest: IpAddr, headers: &HeaderMap) -> Self {
        if headers.contains_key(X_FORWARDED_FOR) || !headers.contains_key(FORWARDED) {
            return Self::in_family(trusted, nearest, headers);
        }
        Self::in_forwarded(trusted, nearest, headers)
    }

    fn in_family(trusted: &TrustedHops, nearest: IpAddr, headers: &HeaderMap) -> Self {
        let entries = from_the_right(headers, X_FORWARDED_FOR).map(read_address);
        let scheme = last(headers, &X_FORWARDED_PROTO).and_then(scheme_named);
        let host = last(headers, &X_FORWARDED_HOST).filter(|host| is_host(host));
        Self {
            address: walk(trusted, nearest, entries).0,
            scheme,
            host: host.and_then(|host| HeaderValue::from_str(host).ok()),
        }
    }

    fn in_forwarded(trusted: &TrustedHops, nearest: IpAddr, headers: &HeaderMap) -> Self {
        let elements = forwarded::elements(headers.get_all(FORWARDED).iter().map(HeaderValue::as_bytes));
        let addresses = elements.iter().rev().map(|element| element.as_ref().and_then(|element| element.address));
        let (address, depth) = walk(trusted, nearest, addresses.take(ENTRIES_MAX));
        // The hop that named the client also says how the client spoke.
        let told: Option<&Element> = depth.and_then(|depth| elements.iter().rev().nth(depth)).and_then(Option::as_ref);
        let host = told.and_then(|element| element.host.as_deref()).filter(|host| is_host(host));
        Self {
            address,
            scheme: told.and_then(|element| element.scheme),
            host: host.and_then(|host| HeaderValue::from_str(host).ok()),
        }
    }
}

/// The first address that is not trusted, or the last one that was passed before something could not be read; and how deep it stood.
fn walk(
    trusted: &TrustedHops,
    nearest: IpAddr,
    entries: impl Iterator<Item = Option<IpAddr>>,
) -> (IpAddr, Option<usize>) {
    let mut found = (nearest, None);
    for (depth, entry) in entries.enumerate() {
        let Some(address) = entry else { break };
        found = (address, Some(depth));
        if !trusted.contains(address) {
            break;
        }
    }
    found
}

/// The entries of a list header over all its lines, the last first. A line that is no text counts as one that cannot be read.
fn from_the_right(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().rev().map(|line| line.to_str().unwrap_or("?"));
    lines.flat_map(|line| line.rsplit(',')).map(|entry| entry.trim_matches([' ', '\t'])).take(ENTRIES_MAX)
}

fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get_all(name).into_iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(|entry| entry.trim_matches([' ', '\t']))
}

/// An address with or without a port and brackets, as proxies write it.
pub(super) fn read_address(text: &str) -> Option<IpAddr> {
    let bare = || text.parse::<IpAddr>().ok();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare().or_else(bracketed).or_else(with_port).map(|address| address.to_canonical())
}
