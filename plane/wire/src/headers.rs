//! Headers that belong to one hop: who may name them, and how they are taken out. The gateway calls [`strip_hop_by_hop`] on what
//! passes in either direction.
//!
//! What always holds: `Connection` cannot take away what a request means. A request whose `Connection` names an essential header is
//! refused by the parser; in an answer such a name is ignored.

use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const TRAILERS: &str = "trailers";

/// Headers that a hop must pass on or use itself: without one of them a request means something else at the origin.
const ESSENTIAL: [&str; 16] = [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "max-forwards",
    "origin",
    "range",
    "set-cookie",
    "transfer-encoding",
    "x-real-ip",
];

fn is_essential(name: &str) -> bool {
    let is = |essential: &&str| name.eq_ignore_ascii_case(essential);
    let forwarded = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    ESSENTIAL.iter().any(is) || forwarded("x-forwarded-")
}

/// The members of a list header, over all its lines; what is no text is no token.
pub fn tokens<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = fields.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(|token| token.trim_matches([' ', '\t']))
        .filter(|token| !token.is_empty())
}

/// Whether a list header has this member, in any case.
pub fn has_token(fields: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(fields, name).any(|member| member.eq_ignore_ascii_case(token))
}

/// Whether `Connection` names a header that no hop may take away.
pub fn names_essential(fields: &HeaderMap) -> bool {
    tokens(fields, &CONNECTION).any(is_essential)
}

/// Whether a request asks for, or an answer grants, another protocol on this connection. Another version of HTTP, or TLS, is none:
/// requests inside such a tunnel would pass every rule by.
pub fn is_upgrade(fields: &HeaderMap) -> bool {
    let is_http = |protocol: &str| {
        let protocol = protocol.to_ascii_lowercase();
        ["h2", "http", "tls"].iter().any(|start| protocol.starts_with(start))
    };
    fields.contains_key(UPGRADE) && has_token(fields, &CONNECTION, "upgrade") && !tokens(fields, &UPGRADE).any(is_http)
}

/// Takes out what belongs to the hop before: `Connection` and what it names, `Keep-Alive`, `Proxy-*`, `TE` except `trailers`,
/// `Trailer`, `Transfer-Encoding` and, unless the message upgrades, `Upgrade`. An upgrade keeps `Connection: upgrade`.
pub fn strip_hop_by_hop(fields: &mut HeaderMap) {
    // Most messages have none: one look at the names is cheaper than a search for each.
    if !fields.keys().any(is_of_hop) {
        return;
    }
    if fields.contains_key(CONNECTION) {
        strip_connection(fields);
    } else {
        fields.remove(UPGRADE);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TRAILER, TRANSFER_ENCODING] {
        fields.remove(name);
    }
    if fields.contains_key(TE) {
        let trailers = has_token(fields, &TE, TRAILERS);
        fields.remove(TE);
        if trailers {
            fields.insert(TE, HeaderValue::from_static(TRAILERS));
        }
    }
}

fn is_of_hop(name: &HeaderName) -> bool {
    match *name {
        CONNECTION | PROXY_AUTHENTICATE | PROXY_AUTHORIZATION | TE | TRAILER | TRANSFER_ENCODING | UPGRADE => true,
        _ => *name == KEEP_ALIVE || *name == PROXY_CONNECTION,
    }
}

fn strip_connection(fields: &mut HeaderMap) {
    let upgrade = is_upgrade(fields);
    let keeps = |token: &str| token.eq_ignore_ascii_case("te") || (upgrade && token.eq_ignore_ascii_case("upgrade"));
    let named = tokens(fields, &CONNECTION).filter(|token| !keeps(token) && !is_essential(token));
    let named: Vec<HeaderName> = named.filter_map(|token| token.parse().ok()).collect();
    for name in named {
        fields.remove(name);
    }
    fields.remove(CONNECTION);
    if upgrade {
        fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    } else {
        fields.remove(UPGRADE);
    }
}
