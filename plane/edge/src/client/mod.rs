//! Who asks: the client's address, scheme and host, and which of the headers about that are believed.
//!
//! The gateway calls [`Client::of`] once for each request, before anything else looks at headers, and [`Client::write_forwarded`] before
//! the request goes on. Always holds: nothing that a client outside [`TrustedHops`] wrote decides who it is, and nothing of it reaches
//! an upstream.
//!
//! Headers are read only when both the TCP peer and the address that the PROXY protocol names are trusted: behind a balancer that
//! speaks it, headers are the client's own words. `X-Forwarded-For` is read from the right; trusted addresses are skipped, the first
//! other one is the client, and what stands left of it is not looked at. What cannot be read ends the walk at the hop that passed it
//! on. `Forwarded` (RFC 7239) is read only where there is no `X-Forwarded-For`: most proxies append to the latter and pass the former
//! on as it came, so of the two it is the easier to forge.

mod chain;
mod forwarded;
mod hops;
mod lookalike;

pub use self::hops::{HopError, TrustedHops};
pub use self::lookalike::remove_lookalikes;
pub use homeostat_routing::settings::Scheme;

use self::chain::Found;
use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};
use std::io::Write;
use std::net::IpAddr;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The longest host that is believed: a name of the DNS has at most 253 letters, and a port five digits.
const HOST_BYTES_MAX: usize = 260;

/// The scheme that a header names.
fn scheme_named(text: &str) -> Option<Scheme> {
    match text {
        _ if text.eq_ignore_ascii_case("https") || text.eq_ignore_ascii_case("wss") => Some(Scheme::Https),
        _ if text.eq_ignore_ascii_case("http") || text.eq_ignore_ascii_case("ws") => Some(Scheme::Http),
        _ => None,
    }
}

/// Who asks, as far as trusted hops say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's address; an IPv4 address in IPv6 clothes is shown as IPv4.
    pub address: IpAddr,
    /// How the client speaks to the outermost hop that we trust.
    pub scheme: Scheme,
    /// The host that the client asked for, as it was written.
    pub host: Option<HeaderValue>,
    /// Whether the request came from a trusted hop, so that its headers about the client, its request id and its sampling are believed.
    pub via_trusted: bool,
}

impl Client {
    /// Who asks: `hop` is the TCP peer, `address` what the PROXY protocol said (the same where none is spoken), `tls` whether this
    /// connection is under TLS.
    #[must_use]
    pub fn of(trusted: &TrustedHops, hop: IpAddr, address: IpAddr, tls: bool, headers: &HeaderMap) -> Self {
        let (hop, address) = (hop.to_canonical(), address.to_canonical());
        let scheme = if tls { Scheme::Https } else { Scheme::Http };
        let host = || headers.get(HOST).cloned();
        if trusted.is_empty() || !trusted.contains(hop) {
            return Self { address: hop, scheme, host: host(), via_trusted: false };
        }
        if !trusted.contains(address) {
            return Self { address, scheme, host: host(), via_trusted: false };
        }
        let found = Found::in_headers(trusted, address, headers);
        Self {
            address: found.address,
            scheme: found.scheme.unwrap_or(scheme),
            host: found.host.or_else(host),
            via_trusted: true,
        }
    }

    /// Writes what is known of the client into the headers that go to the upstream, in place of everything of that kind that came in.
    /// `X-Forwarded-For` holds the client's address alone, so that an upstream finds the same whichever end it reads.
    pub fn write_forwarded(&self, headers: &mut HeaderMap) {
        remove_claims(headers);
        headers.insert(X_FORWARDED_FOR, address_value(self.address));
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(self.scheme.as_str()));
        if let Some(host) = &self.host {
            headers.insert(X_FORWARDED_HOST, host.clone());
        }
    }
}

/// Headers in which proxies and content networks name the client, beside `Forwarded` and `X-Forwarded-*`.
const OTHER_CLAIMS: [&str; 6] =
    ["cf-connecting-ip", "fastly-client-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "x-real-ip"];
const FORWARDED_FAMILY: &str = "x-forwarded-";

/// Takes out every header about the client, and those that some upstreams would take for one (`X_Forwarded_For`).
fn remove_claims(headers: &mut HeaderMap) {
    // Most requests have none: one look at the names is cheaper than a search for each.
    if !headers.keys().any(|name| is_claim(name.as_str())) {
        return;
    }
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

fn is_claim(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'c' | b'f' | b't' | b'x') => {}
        _ => return false,
    }
    let family = lookalike::same_start(name, FORWARDED_FAMILY);
    family || name == FORWARDED.as_str() || OTHER_CLAIMS.iter().any(|claim| lookalike::same(name, claim))
}

fn address_value(address: IpAddr) -> HeaderValue {
    // The longest IPv6 address has 39 letters.
    let mut text = [0_u8; 48];
    let length = match address {
        IpAddr::V4(address) => write_octets(address.octets(), &mut text),
        IpAddr::V6(_) => {
            let mut rest = &mut text[..];
            write!(rest, "{address}").expect("an address has fewer than 48 letters");
            48 - rest.len()
        }
    };
    HeaderValue::from_bytes(&text[..length]).expect("an address is made of visible letters")
}

/// Numbers with dots between them, and how long that is. Formatting them costs ten times as much, for every request.
fn write_octets(octets: [u8; 4], text: &mut [u8]) -> usize {
    let mut length = 0;
    let mut push = |letter: u8| {
        text[length] = letter;
        length += 1;
    };
    for (place, octet) in octets.into_iter().enumerate() {
        if place > 0 {
            push(b'.');
        }
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
    }
    length
}

/// A host as a client may write it: letters, digits, dots, hyphens, and a port; or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= HOST_BYTES_MAX && text.bytes().all(fits)
}
