//! What the gateway has the engine know: which services are asked for, and how requests went.

use crate::bed::{Bed, Says, instance, service};
use homeostat_driver_gateway::Heard;
use homeostat_vocabulary::{ComplaintKind, Millis, Phase};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_requests_wait_for_is_wanted_of_the_engine() {
    // The first request would be held until it times out.
    let mut bed = Bed::new();
    bed.says.send_replace(Says { number: 1, wanted: vec!["cold".into(), "../etc".into()], ..Says::default() });
    let wanted = |heard| if let Heard::Wanted(name) = heard { Some(name.to_string()) } else { None };
    assert_eq!(bed.hears_what(wanted).await, "cold");
    // A gateway that comes back counts anew, and its wishes must not be taken for old ones.
    bed.kill_gateway().await;
    bed.until_seen_gone().await;
    bed.says.send_replace(Says { number: 1, wanted: vec!["other:admin".into()], ..Says::default() });
    bed.start_gateway();
    let other = |heard| wanted(heard).filter(|name| name != "cold");
    assert_eq!(bed.hears_what(other).await, "other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_that_was_lost_is_asked_for_again_while_it_rests() {
    // A start that was refused in a pause would never come, although requests wait for it after the pause.
    let mut bed = Bed::new();
    let upstream = json!({ "upstream": "cold", "source": "engine", "endpoints": [], "waiting": 2 });
    bed.show(vec![service("cold", vec![instance("cold/0", Phase::Resting, 4_000)])]);
    for batch in 1..3 {
        bed.says.send_replace(Says { batch, upstreams: vec![upstream.clone()], ..Says::default() });
        let wanted = |heard| if let Heard::Wanted(name) = heard { Some(name.to_string()) } else { None };
        assert_eq!(bed.hears_what(wanted).await, "cold");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_requests_went_is_told_of_every_service_behind_the_gateway() {
    // A service would never rest because nobody says that it is quiet, or rest in the middle of a long request.
    let mut bed = Bed::new();
    let signal = |requests, p99| json!({ "at_ms": 1, "service": "web", "span_ms": 1_000, "requests": requests, "errors": 1, "p50_ms": 1.2, "p99_ms": p99 });
    let endpoint = |name: &str| json!({ "name": name, "address": "127.0.0.1:1", "in_flight": 1 });
    let upstreams = vec![
        json!({ "upstream": "web", "source": "engine", "endpoints": [endpoint("web/0"), endpoint("web/1")], "waiting": 1 }),
        json!({ "upstream": "quiet", "source": "engine", "endpoints": [], "waiting": 0 }),
        json!({ "upstream": "front", "service": "quiet:admin", "source": "engine", "endpoints": [endpoint("quiet/0")], "waiting": 0 }),
        json!({ "upstream": "abroad", "source": "static", "endpoints": [endpoint("abroad/0")], "waiting": 0 }),
    ];
    let nonsense = json!({ "service": "abroad", "requests": 9, "errors": 9, "p50_ms": 1e300, "p99_ms": null });
    let front =
        json!({ "service": "front", "span_ms": 1_000, "requests": 7, "errors": 0, "p50_ms": null, "p99_ms": null });
    let signals = vec![signal(10, 3.5), signal(20, 2.0), nonsense, front];
    bed.says.send_replace(Says { batch: 1, signals, upstreams, ..Says::default() });
    let told =
        |heard| if let Heard::Traffic(reports) = heard { Some(reports).filter(|it| !it.is_empty()) } else { None };
    let reports = bed.hears_what(told).await;
    let names: Vec<&str> = reports.iter().map(|report| report.service.as_str()).collect();
    assert_eq!(names, ["quiet", "web"]);
    let (quiet, web) = (&reports[0].traffic, &reports[1].traffic);
    assert_eq!((quiet.requests, quiet.under_way), (7, 1), "requests under another name count: {quiet:?}");
    assert_eq!((web.requests, web.errors, web.under_way, web.span), (30, 2, 3, Millis(2_000)));
    assert_eq!((web.p50, web.p99, web.per_second()), (Millis(2), Millis(4), 15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_gateway_complains_of_is_told_until_it_was_put_right() {
    // Settings that the gateway refused would be told in its own log alone, and nobody would look there.
    let mut bed = Bed::new();
    let told = |heard| if let Heard::Complaints(complaints) = heard { Some(complaints) } else { None };
    assert_eq!(bed.hears_what(told).await, []);
    let complaint = |kind: &str, why: &str| json!({ "kind": kind, "why": why });
    let long = "é".repeat(5_000);
    let certificates = complaint("certificates_refused", "the key does not fit");
    let complaints = vec![complaint("settings_refused", &long), complaint("of tomorrow", "nobody knows"), certificates];
    bed.says.send_replace(Says { batch: 1, complaints, ..Says::default() });
    let heard = bed.hears_what(told).await;
    let kinds: Vec<_> = heard.iter().map(|complaint| complaint.kind).collect();
    assert_eq!(kinds, [ComplaintKind::SettingsRefused, ComplaintKind::CertificatesRefused]);
    assert!(heard[0].why.len() <= 1_000, "it is bounded");
    bed.says.send_replace(Says { batch: 2, ..Says::default() });
    assert_eq!(bed.hears_what(told).await, []);
}
