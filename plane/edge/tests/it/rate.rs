//! Rate limits: how many pass, who is told apart, what clients are told.

use crate::{direct, headers, now, text};
use homeostat_edge::guard::GuardError;
use homeostat_edge::rate::{Limit, Table};
use homeostat_edge::{Guards, RouteGuard};
use homeostat_reactor::Moment;
use homeostat_routing::settings::{EdgeRate, Gateway, Route};
use homeostat_vocabulary::quantity::Period;
use http::header::HeaderMap;
use proptest::prelude::*;
use std::sync::Arc;

fn rate(per: &str, requests: u32, window_s: u64, burst: Option<u32>) -> EdgeRate {
    EdgeRate { per: per.to_owned(), requests, window: Period::seconds(window_s), burst, keys_max: 100 }
}

fn route(limits: &[(&str, EdgeRate)]) -> Route {
    Route {
        rate_limits: limits.iter().map(|(name, rate)| ((*name).to_owned(), rate.clone())).collect(),
        ..Route::default()
    }
}

fn guard(guards: &Guards, limits: &[(&str, EdgeRate)]) -> RouteGuard {
    RouteGuard::compile(guards, &Gateway::default(), "shop", &route(limits)).unwrap()
}

/// Whether a request passes, and what its answer says.
fn ask(guard: &RouteGuard, address: &str, fields: &[(&str, &str)], at_ms: u64) -> (bool, HeaderMap) {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.headers = headers(fields);
    let mut answer = HeaderMap::new();
    let passed = match guard.check(&mut head, &direct(address), now(at_ms)) {
        Ok(passed) => {
            passed.rates.write(&mut answer);
            true
        }
        Err(refused) => {
            refused.write(&mut answer);
            false
        }
    };
    (passed, answer)
}

#[test]
fn a_client_gets_its_burst_then_its_pace_and_is_told_so() {
    // Would break: clients are refused too early, or not at all, or not told when to come again.
    let guard = guard(&Guards::new(), &[("fair", rate("address", 10, 10, Some(3)))]);
    let outcomes: Vec<bool> = (0..5).map(|_| ask(&guard, "192.0.2.1", &[], 0).0).collect();
    assert_eq!(outcomes, [true, true, true, false, false]);
    let (_, answer) = ask(&guard, "192.0.2.1", &[], 100);
    assert_eq!(text(&answer, "retry-after"), Some("1"));
    assert_eq!(text(&answer, "ratelimit-policy"), Some("\"fair\";q=10;w=10"));
    assert_eq!(text(&answer, "ratelimit"), Some("\"fair\";r=0;t=3"));
    let (passed, answer) = ask(&guard, "192.0.2.1", &[], 2_000);
    assert!(passed && text(&answer, "ratelimit") == Some("\"fair\";r=1;t=2") && !answer.contains_key("retry-after"));
    assert!(ask(&guard, "192.0.2.2", &[], 2_000).0, "another client has its own count");
}

#[test]
fn clients_are_told_apart_as_the_settings_say() {
    // Would break: whoever has an IPv6 network has as many limits as addresses; a header stands for somebody's address.
    let one = |per: &str| guard(&Guards::new(), &[("fair", rate(per, 1, 60, None))]);
    let by_address = one("address");
    assert!(ask(&by_address, "2001:db8:1:2::1", &[], 0).0);
    assert!(!ask(&by_address, "2001:db8:1:2:ffff::9", &[], 0).0);
    assert!(ask(&by_address, "2001:db8:1:3::1", &[], 0).0);
    assert!(ask(&by_address, "192.0.2.1", &[], 0).0 && !ask(&by_address, "::ffff:192.0.2.1", &[], 0).0);
    let by_header = one("header:X-User");
    assert!(
        ask(&by_header, "192.0.2.1", &[("x-user", "a")], 0).0 && !ask(&by_header, "192.0.2.2", &[("x-user", "a")], 0).0
    );
    assert!(ask(&by_header, "192.0.2.1", &[("x-user", "b")], 0).0);
    assert!(ask(&by_header, "192.0.2.1", &[], 0).0 && !ask(&by_header, "192.0.2.1", &[], 0).0);
    let for_all = one("everyone");
    assert!(ask(&for_all, "192.0.2.1", &[], 0).0 && !ask(&for_all, "192.0.2.2", &[], 0).0);
}

#[test]
fn counts_stay_over_a_reload_and_go_with_the_last_guard() {
    // Would break: every change of the settings gives all clients their burst anew; or counts of routes long gone stay for ever.
    let guards = Guards::new();
    let limits = [("fair", rate("address", 1, 60, None))];
    let first = guard(&guards, &limits);
    assert!(ask(&first, "192.0.2.1", &[], 0).0);
    let second = guard(&guards, &limits);
    drop(first);
    assert!(!ask(&second, "192.0.2.1", &[], 0).0);
    drop(second);
    assert!(ask(&guard(&guards, &limits), "192.0.2.1", &[], 0).0);
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    // Would break: a slip of the pen closes a route, or leaves it open.
    for bad in [
        rate("adress", 1, 1, None),
        rate("header:a b", 1, 1, None),
        rate("claim:", 1, 1, None),
        rate("address", 0, 1, None),
        rate("address", 1, 0, None),
        rate("address", 1, 1, Some(0)),
    ] {
        let compiled =
            RouteGuard::compile(&Guards::new(), &Gateway::default(), "shop", &route(&[("fair", bad.clone())]));
        assert!(matches!(compiled, Err(GuardError::Rate { .. })), "{bad:?} passed");
    }
    let named = RouteGuard::compile(
        &Guards::new(),
        &Gateway::default(),
        "shop",
        &route(&[("a\"b", rate("address", 1, 1, None))]),
    );
    assert!(matches!(named, Err(GuardError::Rate { .. })));
}

#[test]
fn a_flood_of_clients_stays_within_bounds_and_does_not_free_a_busy_one() {
    // Would break: made-up addresses fill the memory, or wash out the count of the one that is over its limit.
    let table = Arc::new(Table::new(1_000));
    let limit = Limit::compile("fair", &rate("address", 100, 100, None), |_| table.clone()).unwrap();
    let busy = u128::from(u64::MAX);
    while limit.ask(busy, Moment::from_millis(1)).allowed {}
    for key in 0..200_000 {
        let _ = limit.ask(key, Moment::from_millis(2));
    }
    assert!(!limit.ask(busy, Moment::from_millis(3)).allowed);
    assert!(table.busy(0) <= 2_048, "{}", table.busy(0));
}

proptest! {
    #[test]
    fn no_span_of_time_holds_more_than_its_share(
        requests in 1_u32..50, window_s in 1_u64..20, burst in 1_u32..20,
        gaps in proptest::collection::vec(0_u64..3_000, 1..200),
    ) {
        // Would break: somewhere between two moments more requests pass than burst and pace together allow.
        let limit = Limit::compile("fair", &rate("address", requests, window_s, Some(burst)), |_| Arc::new(Table::new(10))).unwrap();
        let mut at_ms = 0;
        let mut passed = Vec::new();
        for gap in gaps {
            at_ms += gap;
            let standing = limit.ask(1, Moment::from_millis(at_ms + 1));
            if standing.allowed {
                passed.push(at_ms);
            } else {
                let wait = u64::try_from(standing.retry_in.as_nanos()).unwrap();
                let at = Moment(Moment::from_millis(at_ms + 1).0 + wait);
                let fresh = limit.clone();
                prop_assert!(wait > 0 && !fresh.ask(1, Moment(at.0 - 1)).allowed);
            }
        }
        for (first, from) in passed.iter().enumerate() {
            for (last, to) in passed.iter().enumerate().skip(first) {
                let share = f64::from(burst) + (to - from) as f64 * f64::from(requests) / (window_s as f64 * 1_000.0);
                prop_assert!((last - first + 1) as f64 <= share + 1e-3);
            }
        }
    }
}
