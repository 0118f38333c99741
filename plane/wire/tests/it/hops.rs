//! Headers of one hop: what is taken out, what stays, and what a sender cannot take away.

use homeostat_wire::strip_hop_by_hop;
use http::{HeaderMap, HeaderName, HeaderValue};

fn strip(fields: &[(&'static str, &'static str)]) -> Vec<String> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    strip_hop_by_hop(&mut map);
    let mut left: Vec<String> =
        map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    left.sort();
    left
}

// Would break: a header of one hop that reaches the next, or one that the next needs and does not get.
#[test]
fn headers_of_one_hop_are_taken_out() {
    let none: [&str; 0] = [];
    assert_eq!(
        strip(&[("connection", "x-one, X-Two"), ("x-one", "1"), ("x-two", "2"), ("x-three", "3")]),
        ["x-three: 3"]
    );
    assert_eq!(strip(&[("keep-alive", "1"), ("proxy-connection", "a"), ("transfer-encoding", "chunked")]), none);
    assert_eq!(strip(&[("proxy-authorization", "a"), ("proxy-authenticate", "a"), ("trailer", "a")]), none);
    assert_eq!(strip(&[("te", "gzip, Trailers"), ("connection", "TE")]), ["te: trailers"]);
    assert_eq!(strip(&[("te", "gzip")]), none);
    assert_eq!(strip(&[("connection", "host, x-forwarded-for"), ("host", "x"), ("x-forwarded-for", "1")]).len(), 2);
}

// Would break: a WebSocket that does not pass, or a tunnel in which requests pass every rule by.
#[test]
fn upgrades_stay_unless_they_are_http() {
    assert_eq!(
        strip(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]),
        ["connection: upgrade", "upgrade: websocket"]
    );
    let none: [&str; 0] = [];
    assert_eq!(strip(&[("upgrade", "websocket")]), none);
    assert_eq!(strip(&[("connection", "upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "a")]), none);
    assert_eq!(strip(&[("connection", "upgrade"), ("upgrade", "websocket, h2c")]), none);
    assert_eq!(strip(&[("connection", "upgrade"), ("upgrade", "HTTP/3.0")]), none);
}
