//! Pages of other origins: which may call, and what caches and browsers are told of it.

use crate::{headers, text};
use homeostat_edge::Cors;
use homeostat_edge::cors::CorsError;
use homeostat_routing::settings::{self, Texts};
use http::header::HeaderMap;
use http::{Method, StatusCode};

fn settings(origins: &[&str], credentials: bool) -> settings::Cors {
    let texts = |all: &[&str]| Texts(all.iter().map(|text| (*text).to_owned()).collect());
    settings::Cors {
        origins: texts(origins),
        expose: texts(&["X-Request-Id"]),
        credentials,
        ..settings::Cors::default()
    }
}

fn preflight(origin: &str) -> HeaderMap {
    headers(&[
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ])
}

#[test]
fn a_preflight_is_answered_for_those_who_may() {
    // Would break: a page that may call is stopped by its browser, or one that may not gets through.
    let cors = Cors::compile(&settings(&["https://app.example", "https://*.shop.example:8443"], true)).unwrap();
    for good in ["https://app.example", "https://a.shop.example:8443", "https://a.b.shop.example:8443"] {
        let answer = cors.preflight(&Method::OPTIONS, &preflight(good)).unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let told = answer.headers();
        assert_eq!(text(told, "access-control-allow-origin"), Some(good));
        assert_eq!(text(told, "access-control-allow-methods"), Some("GET, HEAD, POST"));
        assert_eq!(text(told, "access-control-allow-headers"), Some("Content-Type"));
        assert_eq!(text(told, "access-control-allow-credentials"), Some("true"));
        assert_eq!(text(told, "access-control-max-age"), Some("600"));
        assert!(told.get_all("vary").iter().any(|vary| vary == "origin"));
    }
    for bad in [
        "https://app.example.evil.example",
        "https://evil-app.example",
        "http://app.example",
        "https://app.example:443",
        "https://app.example/",
        "https://APP.example",
        "https://shop.example:8443",
        "https://a.shop.example",
        "https://evil.example/.shop.example:8443",
        "https://evil.example#.shop.example:8443",
        "https://user@.shop.example:8443",
        "https://.shop.example:8443",
        "null",
        "*",
        "",
    ] {
        let answer = cors.preflight(&Method::OPTIONS, &preflight(bad)).unwrap();
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control-")), "{bad:?} passed");
    }
    let mut two = preflight("https://app.example");
    two.append("origin", "https://evil.example".parse().unwrap());
    assert!(!cors.preflight(&Method::OPTIONS, &two).unwrap().headers().contains_key("access-control-allow-origin"));
}

#[test]
fn only_a_preflight_is_answered_here() {
    // Would break: an application's own OPTIONS never reaches it.
    let cors = Cors::compile(&settings(&["*"], false)).unwrap();
    assert!(cors.preflight(&Method::GET, &preflight("https://a.example")).is_none());
    assert!(cors.preflight(&Method::OPTIONS, &headers(&[("origin", "https://a.example")])).is_none());
    assert!(cors.preflight(&Method::OPTIONS, &headers(&[("access-control-request-method", "POST")])).is_none());
}

#[test]
fn answers_are_marked_for_one_origin_and_say_that_they_differ() {
    // Would break: a cache hands the answer for one page to another, or what the upstream allows counts beside the settings.
    let cors = Cors::compile(&settings(&["https://app.example"], true)).unwrap();
    let upstream = || {
        headers(&[
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "*"),
            ("vary", "Accept"),
        ])
    };
    let mut answer = upstream();
    cors.write(&headers(&[("origin", "https://app.example")]), &mut answer);
    assert_eq!(text(&answer, "access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(text(&answer, "access-control-expose-headers"), Some("X-Request-Id"));
    for request in [headers(&[("origin", "https://evil.example")]), HeaderMap::new()] {
        let mut answer = upstream();
        cors.write(&request, &mut answer);
        assert!(!answer.keys().any(|name| name.as_str().starts_with("access-control-")));
        assert!(answer.get_all("vary").iter().any(|vary| vary == "origin"));
    }
    let everyone = Cors::compile(&settings(&["*"], false)).unwrap();
    let mut answer = HeaderMap::new();
    everyone.write(&headers(&[("origin", "https://any.example")]), &mut answer);
    assert_eq!(text(&answer, "access-control-allow-origin"), Some("*"));
    assert!(!answer.contains_key("access-control-allow-credentials") && !answer.contains_key("vary"));
}

#[test]
fn settings_that_open_too_much_are_refused() {
    // Would break: every page of the web acts as its visitor.
    assert_eq!(Cors::compile(&settings(&["*"], true)).err(), Some(CorsError::CredentialsForAll));
    assert_eq!(Cors::compile(&settings(&["https://a.example", "*"], true)).err(), Some(CorsError::CredentialsForAll));
    for bad in [
        "null",
        "a.example",
        "https://",
        "https://*",
        "https://*.",
        "https://a*.example",
        "https://a.example/",
        "https://A.example",
        "https://a.example:0443",
        "https://a..example",
        "https://[::g]",
        "https://*.[::1]",
    ] {
        assert_eq!(Cors::compile(&settings(&[bad], false)).err(), Some(CorsError::NoOrigin(bad.to_owned())));
    }
    assert!(
        Cors::compile(&settings(&["http://localhost:5173", "https://[::1]:8443", "capacitor://localhost"], true))
            .is_ok()
    );
}
