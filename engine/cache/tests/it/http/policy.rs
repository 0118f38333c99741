//! What may be kept, and for how long.

use homeostat_cache::http::{Advice, CacheControl, Lifetime, Reason, RouteRules, SetCookie};

use super::{at, date, fresh_s, head, judge, judge_method, judge_with, now, secs};

#[test]
fn freshness_comes_from_the_most_specific_field_that_can_be_read() {
    // Would break: answers that are fresh for longer than their origin said, or never.
    let cases: [(&[&str], u64); 30] = [
        (&["cache-control: max-age=3600"], 3_600),
        (&["cache-control: MaX-aGe=3600"], 3_600),
        (&["cache-control: max-age=003600"], 3_600),
        (&["cache-control: max-age=\"3600\""], 3_600),
        (&["cache-control: foobar, max-age=60"], 60),
        (&["cache-control: max-age=99999999999"], 7 * 86_400),
        (&["cache-control: max-age=0"], 0),
        (&["cache-control: max-age=-3600"], 0),
        (&["cache-control: max-age='3600'"], 0),
        (&["cache-control: max-age=3600.5"], 0),
        (&["cache-control: max-age=3600a"], 0),
        (&["cache-control: max-age =3600"], 0),
        (&["cache-control: max-age= 3600"], 0),
        (&["cache-control: max-age"], 0),
        (&["cache-control: extension=\"max-age=3600\", max-age=1"], 1),
        (&["cache-control: max-age=1, extension=\"a, max-age=3600\""], 1),
        // Of two the smaller.
        (&["cache-control: max-age=1800, max-age=1"], 1),
        (&["cache-control: max-age=1", "cache-control: max-age=1800"], 1),
        (&["cache-control: max-age=1, s-maxage=60"], 60),
        (&["cache-control: s-maxage=1, max-age=3600"], 1),
        // A quote that does not end makes all of it unreadable.
        (&["cache-control: max-age=3600, a=\"b"], 0),
        // The dates of others.
        (&["cache-control: max-age=60", "expires: 0"], 60),
        (&["expires: Sun, 06 Nov 1994 08:50:37 GMT", "date: Sun, 06 Nov 1994 08:49:37 GMT"], 60),
        (&["expires: Sun, 06 Nov 1994 08:50:37 GMT", "date: foo"], 60),
        (&["expires: 0"], 0),
        (&["expires: Sun, 06 Nov 1994 08:50:37 GMT", "expires: Sun, 06 Nov 1994 08:50:38 GMT"], 0),
        // A tenth of the time since it changed, and at most a day.
        (&["last-modified: Sun, 06 Nov 1994 07:49:37 GMT"], 360),
        (&["last-modified: Sun, 06 Nov 1904 07:49:37 GMT", "cache-control: public"], 0),
        // Those for shared caches stand in for the others.
        (&["cdn-cache-control: max-age=60", "cache-control: no-store", "expires: 0"], 60),
        (&["surrogate-control: max-age=60", "cache-control: private"], 60),
    ];
    for (answer, expected) in cases {
        let fresh = fresh_s(answer);
        assert!(fresh == expected, "{answer:?}: {fresh} and not {expected}");
    }
}

#[test]
fn age_counts_however_it_is_said() {
    // Would break: an answer that was old when it came and is kept as if it were new.
    let cases: [(&[&str], u64); 11] = [
        (&["age: 40"], 60),
        (&["age: 200"], 0),
        (&["age: abc"], 0),
        (&["age: -1"], 0),
        (&["age: 1.0"], 0),
        (&["age: 0, 0"], 0),
        (&["age: 0, 7200"], 0),
        (&["age: 0", "age: 0"], 0),
        (&["age: 7200;foo=bar"], 0),
        (&["date: Sun, 06 Nov 1994 08:48:57 GMT"], 60),
        (&["date: Sun, 06 Nov 1994 08:59:37 GMT", "age: 30"], 70),
    ];
    for (age, expected) in cases {
        let answer: Vec<&str> = age.iter().copied().chain(["cache-control: max-age=100", "etag: \"a\""]).collect();
        let fresh = fresh_s(&answer);
        assert!(fresh == expected, "{age:?}: {fresh} and not {expected}");
    }
    let storable = judge(&["cache-control: max-age=100", "age: 30"]).unwrap();
    assert_eq!((storable.age(at(12)), storable.life(at(12)).fresh), (secs(42), secs(58)));
}

#[test]
fn what_must_not_be_kept_is_not_and_says_why() {
    // Would break: one client's answer given to another.
    let refused = |request: &[&str], status: u16, answer: &[&str]| {
        judge_with(&RouteRules::default(), request, status, answer).unwrap_err()
    };
    let fresh = "cache-control: max-age=60";
    let authorized: &[&str] = &["authorization: Basic eDp5"];
    assert_eq!(refused(&[], 200, &["cache-control: max-age=60, No-StOrE"]), Reason::NoStore);
    assert_eq!(refused(&[], 200, &["cache-control: private, max-age=60"]), Reason::Private);
    assert_eq!(refused(&[], 200, &["cache-control: max-age=60, a=\""]), Reason::NoStore);
    assert_eq!(refused(authorized, 200, &[fresh]), Reason::Authorization);
    assert_eq!(refused(&[], 200, &[fresh, "set-cookie: a=b"]), Reason::SetCookie);
    assert_eq!(refused(&[], 206, &[fresh, "content-range: bytes 0-1/2"]), Reason::Partial);
    assert_eq!(refused(&[], 304, &[fresh]), Reason::Status);
    assert_eq!(refused(&[], 200, &[fresh, "vary: a, *"]), Reason::VaryStar);
    assert_eq!(refused(&[], 200, &[]), Reason::NoLifetime);
    assert_eq!(refused(&[], 200, &["cache-control: max-age=0"]), Reason::ExpiredAtOnce);
    assert_eq!(refused(&[], 200, &["cache-control: no-cache, max-age=60"]), Reason::NoCacheWithoutValidator);
    assert_eq!(refused(&["cache-control: no-store"], 200, &[fresh]), Reason::RequestNoStore);
    assert_eq!(refused(&[], 599, &["cache-control: max-age=60, must-understand"]), Reason::Status);
    for method in ["POST", "HEAD", "PUT", "M-SEARCH"] {
        let judged = judge_method(&RouteRules::default(), method, &[], 200, &[fresh]);
        assert_eq!(judged.unwrap_err(), Reason::Method);
    }
    let of_request = |reason: &Reason| reason.is_of_request();
    assert!([Reason::Authorization, Reason::RequestNoStore, Reason::Method].iter().all(of_request));
    assert!(![Reason::NoStore, Reason::Private, Reason::SetCookie].iter().any(of_request));
    for allowed in ["public, max-age=60", "must-revalidate, max-age=60", "s-maxage=60"] {
        let allowed = format!("cache-control: {allowed}");
        assert!(judge_with(&RouteRules::default(), authorized, 200, &[&allowed]).is_ok());
    }
    let understood = judge(&["cache-control: no-store, must-understand, max-age=60"]);
    assert_eq!(understood.unwrap().lifetime, secs(60));
}

#[test]
fn each_status_is_kept_as_the_standard_says() {
    // Would break: an error page that is kept because it has a date, or a redirect that never is.
    let changed = format!("last-modified: {}", date(-86_400));
    let is_kept = |status: u16, answer: &[&str]| {
        judge_with(&RouteRules::default(), &[], status, answer).is_ok_and(|kept| !kept.lifetime.is_zero())
    };
    let guessed: Vec<u16> = (200..600).filter(|status| is_kept(*status, &[&changed])).collect();
    assert_eq!(guessed, [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
    let said: Vec<u16> = (200..600).filter(|status| !is_kept(*status, &["cache-control: max-age=60"])).collect();
    assert_eq!(said, [206, 304, 416]);
    assert!(is_kept(599, &[&changed, "cache-control: public"]));
    // A validator is no life, and an old error is no better than a new one.
    let with_tag = |status: u16| judge_with(&RouteRules::default(), &[], status, &["etag: \"a\""]);
    assert!(with_tag(200).is_ok() && with_tag(404).is_ok() && with_tag(503).is_err() && with_tag(302).is_err());
    let error = judge_with(&RouteRules::default(), &[], 503, &["cache-control: max-age=60"]).unwrap();
    assert!(error.on_error.is_zero());
    let negative = RouteRules { negative_s: 5, ..RouteRules::default() };
    let missing = judge_with(&negative, &[], 404, &[]).unwrap();
    assert!(missing.is_negative && missing.life(now()).fresh == secs(5) && missing.life(now()).is_negative);
    assert!(judge_with(&negative, &[], 503, &[]).is_err());
}

#[test]
fn stale_spans_are_what_the_origin_allows_and_never_what_it_forbids() {
    // Would break: a price given stale though its origin said that this must never happen.
    let spans = |control: &str| {
        let storable = judge(&[&format!("cache-control: {control}"), "etag: \"a\""]).unwrap();
        let life = storable.life(now());
        (life.while_revalidating.as_secs(), life.on_error.as_secs(), life.kept.as_secs())
    };
    assert_eq!(spans("max-age=1"), (0, 60, 3_600));
    assert_eq!(spans("max-age=1, stale-while-revalidate=5, stale-if-error=7"), (5, 7, 3_600));
    for forbidding in ["must-revalidate", "proxy-revalidate", "no-cache"] {
        let control = format!("max-age=1, stale-while-revalidate=5, stale-if-error=7, {forbidding}");
        assert_eq!(spans(&control), (0, 0, 3_600));
    }
    assert_eq!(spans("s-maxage=1"), (0, 0, 3_600));
    assert_eq!(spans("s-maxage=1, stale-while-revalidate=5"), (5, 0, 3_600));
}

#[test]
fn fields_that_are_named_are_left_out_and_the_rest_is_kept() {
    // Would break: a header for one client in the answers of all, or a whole answer lost for one header.
    let storable = judge(&["cache-control: no-cache=\"a, b\", private=\"set-cookie\", max-age=60", "set-cookie: a=b"]);
    let storable = storable.unwrap();
    assert_eq!(
        (storable.omitted.iter().map(|name| name.as_str()).collect::<Vec<_>>(), storable.lifetime),
        (vec!["a", "b", "set-cookie"], secs(60))
    );
    // Names that cannot be read: then all of it is meant.
    assert_eq!(judge(&["cache-control: private=\"\\\"\", max-age=60"]).unwrap_err(), Reason::Private);
    assert_eq!(CacheControl::of(&head(&["cache-control: no-cache=, max-age=60"])).max_age, Some(60));
}

#[test]
fn rules_of_a_route_change_times_but_never_privacy() {
    // Would break: an owner who asks for a minute and gets somebody's account page kept for a minute.
    let rules = RouteRules { lifetime: Lifetime::OverrideS(60), ..RouteRules::default() };
    let fresh =
        |rules: &RouteRules, answer: &[&str]| judge_with(rules, &[], 200, answer).map(|kept| kept.life(now()).fresh);
    assert_eq!(fresh(&rules, &["cache-control: max-age=1", "age: 100"]), Ok(secs(60)));
    assert_eq!(fresh(&rules, &["cache-control: private"]), Err(Reason::Private));
    let bounds = RouteRules { fresh_s_min: 10, fresh_s_max: 20, ..RouteRules::default() };
    assert_eq!(fresh(&bounds, &["cache-control: max-age=1"]), Ok(secs(10)));
    assert_eq!(fresh(&bounds, &["cache-control: max-age=100"]), Ok(secs(20)));
    let nothing = RouteRules { lifetime: Lifetime::Nothing, ..RouteRules::default() };
    assert_eq!(fresh(&nothing, &["cache-control: max-age=1"]), Err(Reason::ByRule));
    let strip = RouteRules { set_cookie: SetCookie::Strip, ..RouteRules::default() };
    let kept = judge_with(&strip, &[], 200, &["cache-control: max-age=1", "set-cookie: a=b"]).unwrap();
    assert_eq!(kept.omitted, [http::header::SET_COOKIE]);
    let deaf = RouteRules { obeys_requests: false, targeted: false, ..RouteRules::default() };
    let answer = ["cache-control: max-age=5", "cdn-cache-control: max-age=60"];
    assert_eq!(judge_with(&deaf, &["cache-control: no-store"], 200, &answer).unwrap().lifetime, secs(5));
}

#[test]
fn advice_names_what_to_change_and_is_bounded() {
    // Would break: an owner who sees a hit rate of nothing and no reason.
    let advice = Advice::default();
    (0..3).for_each(|_| advice.not_kept("shop", Reason::SetCookie));
    advice.not_kept("shop", Reason::NoStore);
    advice.kept("shop");
    let line = &advice.lines()[0];
    assert_eq!((line.route.as_str(), line.reason, line.count, line.of), ("shop", Reason::SetCookie, 3, 5));
    assert!(line.says.contains("set_cookie = \"strip\""));
    (0..1_000).for_each(|route| advice.not_kept(&route.to_string(), Reason::Vary));
    assert!(advice.lines().len() < 300 && advice.lines()[0].route == "(other)");
    let codes: std::collections::HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
}
