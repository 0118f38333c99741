//! Who asks: fields on the lines of the input. A stranger's word about itself counts for nothing; what a client writes to the left of
//! what trusted hops wrote changes nothing; and what goes to the upstream says it once.

use std::net::IpAddr;

use homeostat_edge::{Client, TrustedHops};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fields::{fields, lines};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const CLAIMS: [&str; 5] = ["forwarded", "x-real-ip", "x_forwarded_for", "true-client-ip", "x-forwarded-server"];

/// Checks one input.
pub fn check(input: &[u8]) {
    let headers = fields(lines(input));
    let trusted = TrustedHops::parse(&["10.0.0.0/8", "fd00::/8"]).expect("networks");
    let (stranger, hop) = (IpAddr::from([192, 0, 2, 9]), IpAddr::from([10, 0, 0, 1]));
    let alone = Client::of(&trusted, stranger, stranger, false, &headers);
    assert!(alone.address == stranger && !alone.via_trusted, "a stranger was believed");
    let named = Client::of(&trusted, hop, stranger, false, &headers);
    assert!(named.address == stranger && !named.via_trusted, "a stranger behind a balancer was believed");
    let client = Client::of(&trusted, hop, hop, false, &headers);
    if !trusted.contains(client.address) {
        let forged = with_more_on_the_left(&headers);
        let same = Client::of(&trusted, hop, hop, false, &forged);
        assert_eq!(same.address, client.address, "what a client wrote on the left was believed");
    }
    let mut sent = headers;
    client.write_forwarded(&mut sent);
    assert_eq!(sent.get_all(X_FORWARDED_FOR).iter().count(), 1);
    assert_eq!(sent[X_FORWARDED_FOR].as_bytes(), client.address.to_string().as_bytes());
    assert!(!CLAIMS.iter().any(|claim| sent.contains_key(*claim)), "a claim goes on: {sent:?}");
    let again = Client::of(&trusted, hop, hop, false, &sent);
    assert_eq!((again.address, again.scheme), (client.address, client.scheme), "the next hop of ours sees another");
}

/// The same headers with entries in front of the first of each chain.
fn with_more_on_the_left(headers: &HeaderMap) -> HeaderMap {
    let mut forged = headers.clone();
    let name = if headers.contains_key(X_FORWARDED_FOR) { "x-forwarded-for" } else { "forwarded" };
    let lines: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    if lines.is_empty() {
        return forged;
    }
    let entry = if name == "forwarded" { "for=203.0.113.66" } else { "203.0.113.66, 10.9.9.9" };
    forged.remove(name);
    for line in std::iter::once(HeaderValue::from_static(entry)).chain(lines) {
        forged.append(name, line);
    }
    forged
}
