//! Heads of any bytes: nothing panics, nothing grows without bound, and what is decided holds together.

use homeostat_cache::http::{Part, QueryRule, RequestControl, RouteRules, Vary, is_not_modified, key, named_targets};
use http::{HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use super::{head, judge, judge_with, now};

fn value() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "max-age",
        "s-maxage",
        "no-cache",
        "private",
        "no-store",
        "=",
        "\"",
        ",",
        " ",
        "\t",
        "0",
        "60",
        "-",
        "*",
        "W/",
        "bytes",
        "a",
        "\\",
        ";",
        "q=",
        "/",
        "..",
        "%",
        ":",
        "?",
        "#",
        "&",
        "99999999999999999999",
    ]);
    prop::collection::vec(piece, 0..12)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("a field value", |text| HeaderValue::from_str(text).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_head_breaks_anything(values in prop::collection::vec(value(), 8), length in 0_u64..100) {
        // Would break: a worker that dies of a header.
        let line = |name: &str, at: usize| format!("{name}: {}", values[at]);
        let lines = [line("cache-control", 0), line("cache-control", 1), line("expires", 2), line("age", 3), line("vary", 4), line("etag", 5), line("date", 6), line("cdn-cache-control", 7)];
        let answer: Vec<&str> = lines.iter().map(String::as_str).collect();
        if let Ok(storable) = judge(&answer) {
            prop_assert!(storable.lifetime.as_secs() <= RouteRules::default().fresh_s_max);
            prop_assert!(!storable.must_revalidate || (storable.on_error.is_zero() && storable.while_revalidating.is_zero()));
            let _ = storable.reuse(true, &RequestControl::of(&head(&[&line("cache-control", 0)])), now());
        }
        let asked = [line("range", 0), line("if-range", 1), line("if-none-match", 2), line("accept-language", 3), line("if-modified-since", 4)];
        let asked = head(&asked.iter().map(String::as_str).collect::<Vec<_>>());
        if let Part::Bytes(range) = Part::of(&Method::GET, &asked, StatusCode::OK, &head(&answer), length) {
            prop_assert!(range.start < range.end && range.end <= length);
        }
        is_not_modified(&Method::GET, &asked, StatusCode::OK, &head(&answer), now());
        if let Ok(vary) = Vary::of(&head(&["vary: accept-language, if-none-match"])) {
            prop_assert!(vary.secondary(&asked).unwrap().matches('\n').count() == 2);
        }
        let origin = homeostat_cache::http::Origin { scheme: "https", authority: "a" };
        for target in named_targets(origin, "/a/b?c", &head(&[&line("location", 5), &line("content-location", 6)])) {
            prop_assert!(target.starts_with('/'));
        }
    }

    #[test]
    fn no_store_and_private_are_found_wherever_they_stand(before in value(), after in value(), word in prop::sample::select(vec!["no-store", "private", "PRIVATE"])) {
        // Would break: somebody's page kept because of what stood before the word.
        let plain = |text: String| text.replace(['"', '\\'], "");
        let (before, after) = (plain(before), plain(after));
        let control = format!("cache-control: {before},{word},{after}");
        let rules = RouteRules { targeted: false, ..RouteRules::default() };
        let judged = judge_with(&rules, &[], 200, &[&control, "etag: \"a\""]);
        prop_assert!(judged.is_err(), "{control}");
    }

    #[test]
    fn different_addresses_have_different_keys(one in "[a-z/?&=]{0,8}", other in "[a-z/?&=]{0,8}", host in "[a-z.]{1,5}", neighbour in "[a-z.]{1,5}") {
        // Would break: two pages under one key.
        let make = |host: &str, target: &str| key("https", host, &format!("/{target}"), &QueryRule::AsIs);
        prop_assert_eq!(make(&host, &one) == make(&neighbour, &other), host == neighbour && one == other);
    }
}
