//! Who asks: what is believed of a client, and what upstreams are told.

use crate::{headers, text};
use homeostat_edge::client::{Scheme, remove_lookalikes};
use homeostat_edge::{Client, TrustedHops};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const BALANCER: &str = "10.0.0.1";
const STRANGER: &str = "203.0.113.9";

fn hops() -> TrustedHops {
    TrustedHops::parse(&["10.0.0.0/8", "2001:db8:aaaa::/48"]).unwrap()
}

fn of(hop: &str, address: &str, fields: &[(&str, &str)]) -> Client {
    Client::of(&hops(), hop.parse().unwrap(), address.parse().unwrap(), false, &headers(fields))
}

fn address_behind(fields: &[(&str, &str)]) -> String {
    of(BALANCER, BALANCER, fields).address.to_string()
}

#[test]
fn a_stranger_says_nothing_about_itself() {
    // Would break: anybody picks the address that limits and logs see, by one header.
    let lies = [
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1;proto=https;host=bank.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "bank.example"),
        ("x-real-ip", "192.0.2.1"),
        ("host", "shop.example"),
    ];
    let client = of(STRANGER, STRANGER, &lies);
    assert_eq!(
        (client.address.to_string().as_str(), client.scheme, client.via_trusted),
        (STRANGER, Scheme::Http, false)
    );
    assert_eq!(client.host.unwrap(), "shop.example");
    // Behind a balancer that speaks the PROXY protocol the headers are the stranger's own as well.
    let client = of(BALANCER, STRANGER, &lies);
    assert_eq!((client.address.to_string().as_str(), client.via_trusted), (STRANGER, false));
    // An address from the PROXY protocol counts only when a trusted hop said it.
    assert_eq!(of(STRANGER, "192.0.2.1", &[]).address.to_string(), STRANGER);
}

#[test]
fn forwarded_for_is_read_from_the_right_and_garbage_ends_the_walk() {
    // Would break: what a client writes in front of the chain, or instead of an address, becomes its address.
    for (value, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:aaaa::1", "2001:db8:aaaa::1"),
        ("6.6.6.6, unknown", BALANCER),
        ("6.6.6.6, unknown, 10.1.1.1", "10.1.1.1"),
        ("6.6.6.6,", BALANCER),
        ("6.6.6.6, 192.0.2.1 ; x", BALANCER),
        ("192.0.2.1.", BALANCER),
        ("0x7f.1", BALANCER),
        ("192.0.2.01", BALANCER),
        ("1, 2, 3", BALANCER),
        ("", BALANCER),
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("fe80::1%eth0", BALANCER),
    ] {
        assert_eq!(address_behind(&[("x-forwarded-for", value)]), expected, "{value:?}");
    }
    let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1, 10.1.1.1")];
    assert_eq!(address_behind(&two), "192.0.2.1");
    let raw = of(BALANCER, BALANCER, &[("x-forwarded-for", "6.6.6.6, \u{fc}")]);
    assert_eq!(raw.address.to_string(), BALANCER);
    // A chain without end is walked for a bounded while.
    let long = format!("6.6.6.6, {}", vec!["10.0.0.2"; 10_000].join(", "));
    assert_eq!(address_behind(&[("x-forwarded-for", &long)]), "10.0.0.2");
}

#[test]
fn forwarded_is_read_by_its_grammar() {
    // Would break: a comma or a quote inside a value cuts the chain where a client wants it.
    for (value, expected) in [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=\"[2001:db8::7]:80\";proto=https", "2001:db8::7"),
        ("for=6.6.6.6, for=192.0.2.1;by=10.0.0.1", "192.0.2.1"),
        ("for=6.6.6.6;host=\"a,b\", for=192.0.2.1, for=10.9.9.9", "192.0.2.1"),
        ("for=\"6.6.6.6\\\", for=10.1.1.1\"", BALANCER),
        ("for=6.6.6.6, for=unknown", BALANCER),
        ("for=6.6.6.6, for=_hidden", BALANCER),
        ("for=6.6.6.6, proto=https", BALANCER),
        ("for=6.6.6.6;for=192.0.2.1", BALANCER),
        ("for=\"192.0.2.1", BALANCER),
        ("for=192.0.2.1:80", "192.0.2.1"),
        ("for", BALANCER),
        ("=;,=", BALANCER),
    ] {
        assert_eq!(address_behind(&[("forwarded", value)]), expected, "{value:?}");
    }
    let client = of(
        BALANCER,
        BALANCER,
        &[("forwarded", "for=192.0.2.1;proto=https;host=shop.example, for=10.2.2.2;proto=http")],
    );
    assert_eq!((client.scheme, client.host.unwrap()), (Scheme::Https, HeaderValue::from_static("shop.example")));
    // The header that most proxies append to wins over the one that they pass on unseen.
    let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.1")];
    assert_eq!(address_behind(&both), "192.0.2.1");
}

#[test]
fn the_scheme_and_the_host_come_from_the_nearest_trusted_hop() {
    // Would break: a client behind a proxy makes links and redirects point to where it wants.
    let said = |proto: &str, host: &str| {
        let client =
            of(BALANCER, BALANCER, &[("x-forwarded-proto", proto), ("x-forwarded-host", host), ("host", "inner")]);
        (client.scheme, client.host.unwrap().to_str().unwrap().to_owned())
    };
    assert_eq!(said("https", "shop.example"), (Scheme::Https, "shop.example".to_owned()));
    assert_eq!(said("http, https", "evil.example, shop.example:8443"), (Scheme::Https, "shop.example:8443".to_owned()));
    assert_eq!(said("gopher", "a b"), (Scheme::Http, "inner".to_owned()));
    assert_eq!(said("", "x/../y"), (Scheme::Http, "inner".to_owned()));
}

#[test]
fn upstreams_are_told_one_address_and_nothing_a_client_wrote() {
    // Would break: an upstream that believes another header, or another spelling of it, still believes the client.
    let mut sent = headers(&[
        ("x-forwarded-for", "6.6.6.6"),
        ("X-Forwarded-Prefix", "/admin"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x-forwarded_host", "evil"),
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("x_real_ip", "6.6.6.6"),
        ("true-client-ip", "6.6.6.6"),
        ("cf-connecting-ip", "6.6.6.6"),
        ("x-forward", "kept"),
        ("accept", "kept"),
        ("host", "shop.example"),
    ]);
    let client = of(STRANGER, STRANGER, &[("host", "shop.example")]);
    client.write_forwarded(&mut sent);
    let names: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(text(&sent, "x-forwarded-for"), Some(STRANGER));
    assert_eq!(text(&sent, "x-forwarded-proto"), Some("http"));
    assert_eq!(text(&sent, "x-forwarded-host"), Some("shop.example"));
    assert!(["x-forward", "accept", "host"].iter().all(|kept| sent.contains_key(*kept)));
}

#[test]
fn lookalikes_of_a_header_go_with_it() {
    // Would break: `X_User: admin` reaches a WSGI application beside our own `X-User`.
    let mut sent =
        headers(&[("x-user", "a"), ("x_user", "b"), ("x-user", "c"), ("x-users", "kept"), ("y_user", "kept")]);
    remove_lookalikes(&mut sent, &HeaderName::from_static("x-user"));
    assert_eq!(sent.keys().map(HeaderName::as_str).collect::<Vec<_>>().len(), 2);
    assert!(sent.contains_key("x-users") && sent.contains_key("y_user"));
}

fn trusted() -> impl Strategy<Value = IpAddr> {
    any::<[u8; 3]>().prop_map(|[a, b, c]| Ipv4Addr::new(10, a, b, c).into())
}

fn stranger() -> impl Strategy<Value = IpAddr> {
    any::<u32>()
        .prop_map(|bits| Ipv4Addr::from(bits).into())
        .prop_filter("not ours", |address: &IpAddr| !hops().contains(*address))
}

fn value() -> impl Strategy<Value = HeaderValue> {
    proptest::collection::vec(any::<u8>(), 0..200)
        .prop_filter_map("a value", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

proptest! {
    #[test]
    fn nothing_that_a_client_writes_moves_its_address(
        lies in proptest::collection::vec(value(), 0..4),
        client in stranger(),
        between in proptest::collection::vec(trusted(), 0..6),
    ) {
        // Would break: the address that a trusted hop saw is not the one that is used, whatever the client sent along.
        let mut sent = HeaderMap::new();
        for lie in lies {
            sent.append("x-forwarded-for", lie.clone());
            sent.append("forwarded", lie.clone());
            sent.append("x-real-ip", lie);
        }
        let seen: Vec<String> = std::iter::once(client).chain(between).map(|address| address.to_string()).collect();
        sent.append("x-forwarded-for", HeaderValue::from_str(&seen.join(", ")).unwrap());
        let hop: IpAddr = BALANCER.parse().unwrap();
        let found = Client::of(&hops(), hop, hop, true, &sent);
        prop_assert_eq!(found.address, client);
        found.write_forwarded(&mut sent);
        let told = client.to_string();
        prop_assert_eq!(text(&sent, "x-forwarded-for"), Some(told.as_str()));
        prop_assert!(!sent.contains_key("forwarded") && !sent.contains_key("x-real-ip"));
    }

    #[test]
    fn what_hops_and_clients_write_is_read_without_a_panic(
        fields in proptest::collection::vec((0_usize..4, value()), 0..6),
        entry in ".{0,40}",
    ) {
        // Would break: one request with odd bytes ends a worker.
        let names = ["x-forwarded-for", "forwarded", "x-forwarded-proto", "x-forwarded-host"];
        let mut sent = HeaderMap::new();
        for (name, value) in fields {
            sent.append(names[name], value);
        }
        let hop: IpAddr = BALANCER.parse().unwrap();
        let found = Client::of(&hops(), hop, hop, false, &sent);
        found.write_forwarded(&mut sent);
        let _ = TrustedHops::parse(&[entry]);
    }
}
