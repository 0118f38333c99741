//! Tests of the edge: what a gateway would hand in, and what hostile clients would.

#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod answers;
mod client;
mod compress;
mod cors;
mod guard;
mod keys;
mod log;
mod rate;
mod refresh;
mod signer;
mod tokens;
mod tracing;

use homeostat_edge::{Client, Now, TrustedHops};
use homeostat_reactor::Moment;
use homeostat_vocabulary::Timestamp;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;

/// A time of the tests: 2025-06-15, in milliseconds.
const WALL_MS: u64 = 1_750_000_000_000;

/// So many milliseconds after the beginning of a test.
fn now(ms: u64) -> Now {
    Now { at: Moment::from_millis(ms + 1), wall: Timestamp(WALL_MS + ms) }
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// A client that speaks to the gateway directly.
fn direct(address: &str) -> Client {
    let address: IpAddr = address.parse().unwrap();
    Client::of(&TrustedHops::default(), address, address, false, &HeaderMap::new())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}
