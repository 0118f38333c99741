//! Keys, and what a change takes with it: no input that does not count may choose what others get.

use homeostat_cache::http::{Origin, QueryRule, invalidates, key, named_targets, query};
use http::{Method, StatusCode};

use super::head;

fn plain(scheme: &str, host: &str, target: &str) -> Option<String> {
    key(scheme, host, target, &QueryRule::AsIs)
}

#[test]
fn one_address_has_one_key() {
    // Would break: the same page kept twice, or two pages under one key.
    let home = plain("https", "shop.example", "/").unwrap();
    assert_eq!(home, "https://shop.example/");
    for same in ["SHOP.example", "shop.example:443", "shop.example:"] {
        assert_eq!(plain("https", same, "/").as_ref(), Some(&home));
    }
    let others = [
        plain("http", "shop.example", "/"),
        plain("https", "shop.example:80", "/"),
        plain("https", "shop.example", "/?"),
        plain("https", "shop.example", "//"),
        plain("https", "shop.example", "/%2f"),
        plain("https", "shop.example", "/A"),
        plain("https", "shop.example", "/a"),
        plain("https", "[::1]:8443", "/"),
    ];
    let distinct: std::collections::HashSet<_> = others.iter().flatten().chain([&home]).collect();
    assert_eq!(distinct.len(), 9);
}

#[test]
fn what_could_pass_for_another_key_is_none() {
    // Would break: an answer of the attacker's choice kept for everybody.
    let long = format!("/{}", "a".repeat(9_000));
    let refused = [
        ("https", "a b", "/"),
        ("https", "", "/"),
        ("https", "a/b", "/"),
        ("https", "user@a", "/"),
        ("https", "a:port", "/"),
        ("https", "a:99999", "/"),
        ("https", "a:1:2", "/"),
        ("https", "a\nb", "/"),
        ("https", "a", ""),
        ("https", "a", "x"),
        ("https", "a", "/\n7\nfoo:1"),
        ("https", "a", "/ "),
        ("https", "a", "/#x"),
        ("https", "a", "/\u{fc}"),
        ("file", "a", "/"),
        ("https", "a", &long),
    ];
    for (scheme, host, target) in refused {
        assert_eq!(plain(scheme, host, target), None, "{scheme} {host} {target:.20}");
    }
}

#[test]
fn queries_count_as_the_rule_says_and_are_sent_on_like_that() {
    // Would break: a parameter that is not in the key and still changes the answer.
    let with = |rule: &QueryRule, target: &str| key("https", "a", target, rule).unwrap();
    let only = QueryRule::Only(vec!["id".into(), "page".into()]);
    let without = QueryRule::Without(vec!["utm_source".into()]);
    assert_eq!(with(&QueryRule::AsIs, "/?b=1&a=2"), "https://a/?b=1&a=2");
    assert_eq!(with(&QueryRule::Sorted, "/?b=1&a=2&b=0"), "https://a/?a=2&b=1&b=0");
    assert_eq!(with(&only, "/?x=1&page=2&id=3"), "https://a/?id=3&page=2");
    assert_eq!(with(&only, "/?x=1"), "https://a/");
    assert_eq!(with(&without, "/?utm_source=x&id=1"), "https://a/?id=1");
    // A semicolon hides nothing, and an escaped name is another name: both stay in the key.
    assert_eq!(with(&without, "/?id=1;utm_source=x"), "https://a/?id=1;utm_source=x");
    assert_eq!(with(&without, "/?utm%5fsource=x"), "https://a/?utm%5fsource=x");
    assert_eq!(query("x=1&id=2", &only).as_deref(), Some("id=2"));
    assert_eq!(query(&"a&".repeat(300), &QueryRule::Sorted), None);
}

#[test]
fn changes_take_their_target_and_what_they_name_on_the_same_origin() {
    // Would break: a page that stays old after it was changed, or a neighbour whose cache anybody can empty.
    let ok = StatusCode::OK;
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert!(invalidates(&method, ok) && invalidates(&method, StatusCode::SEE_OTHER));
        assert!(
            !invalidates(&method, StatusCode::INTERNAL_SERVER_ERROR) && !invalidates(&method, StatusCode::NOT_FOUND)
        );
    }
    assert!(!invalidates(&Method::GET, ok) && !invalidates(&Method::HEAD, ok) && !invalidates(&Method::OPTIONS, ok));
    let origin = Origin { scheme: "https", authority: "a" };
    let named = |reference: &str| named_targets(origin, "/x/y?z", &head(&[&format!("location: {reference}")]));
    assert_eq!(named("/b?c#d"), ["/b?c"]);
    assert_eq!(named("b"), ["/x/b"]);
    assert_eq!(named("../b/./c/.."), ["/b/"]);
    assert_eq!(named("../../../b"), ["/b"]);
    assert_eq!(named("?q"), ["/x/y?q"]);
    assert_eq!(named(""), ["/x/y?z"]);
    assert_eq!(named("https://A:443/b"), ["/b"]);
    assert_eq!(named("//a?b"), ["/?b"]);
    for foreign in ["https://b/", "http://a/", "https://a:8443/", "//b/", "mailto:a", "https://a@b/", "https:///x"] {
        assert_eq!(named(foreign), [""; 0], "{foreign}");
    }
    let both = head(&["location: /l", "content-location: /c"]);
    assert_eq!(named_targets(origin, "/", &both), ["/l", "/c"]);
}
