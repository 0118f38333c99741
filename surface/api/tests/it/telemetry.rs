//! How the engine itself does, as a console and a scraper read it.

use crate::Fixture;
use homeostat_api::ReactorView;
use homeostat_reactor::{Class, Reactor, events};
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Beat;
events! {
    #[derive(Debug)]
    enum Heard { Beat }

    fn class(&self) -> Class {
        Class::Bulk
    }
}

/// A look at a reactor that has heard one event and has a reader who has not taken it.
pub fn view() -> ReactorView {
    let reactor = Reactor::<Heard>::builder().start();
    let unread = reactor.on::<Beat>().named("a \"quoted\" name").events();
    reactor.emitter().try_emit(Beat).unwrap();
    let observer = reactor.observer();
    Arc::new(move || {
        let _kept = (&reactor, &unread);
        observer.snapshot()
    })
}

#[tokio::test]
async fn the_event_path_can_be_looked_at() {
    // A console would show an engine whose queues it cannot see.
    let fixture = Fixture::open().await;
    let answer = fixture.tcp().get("/v1/reactor").await;
    assert_eq!(answer.status, 200);
    let seen = answer.json();
    assert_eq!(
        (seen["classes"][4]["class"].as_str(), seen["classes"][4]["lane"]["taken"].as_u64()),
        (Some("bulk"), Some(1))
    );
    assert_eq!(seen["classes"][0]["lane"]["lane"]["overflow"], "block");
    assert_eq!(seen["handlers"][0]["state"], "running");
}

#[tokio::test]
async fn metrics_are_open_metrics_and_need_the_token() {
    // A scraper would refuse the page, or a stranger would read it.
    let fixture = Fixture::open().await;
    let answer = fixture.tcp().get("/metrics").await;
    let expected = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status, &*answer.media), (200, expected));
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "homeostat_build_info{version=\"1.2.3\"} 1",
        "homeostat_reactor_events_let_in_total{class=\"bulk\"} 1",
        "homeostat_reactor_handler_up{handler=\"a \\\"quoted\\\" name\"} 1",
        "homeostat_reactor_handler_seconds_bucket{le=\"+Inf\",class=\"critical\"} 0",
        "# TYPE homeostat_reactor_queue_age_seconds gauge",
        "# EOF",
    ] {
        assert!(text.lines().any(|written| written == line), "{line}\nin\n{text}");
    }
    assert_eq!(fixture.stranger().get("/metrics").await.status, 401);
}
