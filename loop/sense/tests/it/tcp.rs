//! The tcp probe, and what holds for every check: signals carry their life, watching again replaces, forgetting ends.

use crate::server::{Manner, Server};
use crate::{Bench, eventually, tcp};
use homeostat_vocabulary::{ProbeFailure, SignalKind, Timestamp};
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_closed_port_is_refused_and_an_open_one_passes() {
    // A service whose port is closed would be called hung, and the wrong cause would be suspected.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut bench = Bench::new();
    bench.watch("web/0", free, tcp(), 50, 1_000);
    assert_eq!(bench.verdict().await, Some(ProbeFailure::Refused));
    let _listener = TcpListener::bind(("127.0.0.1", free)).await.unwrap();
    while bench.verdict().await.is_some() {}
}

#[tokio::test]
async fn a_name_is_looked_up() {
    // A check of `localhost` would fail on a machine where it resolves to IPv6 first and the service listens on IPv4.
    let server = Server::start(Manner::Silent).await;
    let mut bench = Bench::new();
    let probe = homeostat_vocabulary::Probe::Tcp { address: "localhost:{port}".to_owned() };
    bench.watch("web/0", server.port, probe, 1_000, 5_000);
    assert_eq!(bench.verdict().await, None);
}

#[tokio::test]
async fn signals_bear_the_life_the_time_and_the_subject() {
    // A signal about an earlier life would be taken for one about the present life.
    let server = Server::start(Manner::Silent).await;
    let mut bench = Bench::new();
    bench.watch("web/7", server.port, tcp(), 1_000, 5_000);
    let signal = bench.next().await;
    assert_eq!(
        (signal.subject.to_string(), signal.run.as_str(), signal.at),
        ("web/7".to_owned(), "run-web-7", Timestamp(7))
    );
    assert!(matches!(signal.kind, SignalKind::ProbePassed { .. }));
}

#[tokio::test]
async fn forgetting_really_stops() {
    // A stopped service would be probed for ever, and each watch of a restarted one would add another loop.
    let server = Server::start(Manner::Silent).await;
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.watch("web/0", server.port, tcp(), 10, 5_000);
    }
    assert_eq!(bench.prober.watched(), 1);
    bench.next().await;
    bench.prober.forget(&"web/0".parse().unwrap());
    assert_eq!(bench.prober.watched(), 0);
    // One probe may have been under way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    while bench.signals.try_recv().is_ok() {}
    let before = server.accepted();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.accepted(), before);
    assert!(bench.signals.try_recv().is_err());
}

#[tokio::test]
async fn a_full_queue_loses_results_and_holds_up_nobody() {
    // A slow engine would stop the checks, and their results would come late instead of not at all.
    let server = Server::start(Manner::Silent).await;
    let mut bench = Bench::with_queue(2);
    bench.watch("web/0", server.port, tcp(), 5, 5_000);
    eventually("probes go on while nobody reads", || server.accepted() > 20).await;
    eventually("losses are counted", || bench.prober.dropped() > 10).await;
    drop(bench.prober);
    let mut kept = 0;
    while bench.signals.recv().await.is_some() {
        kept += 1;
    }
    assert_eq!(kept, 2);
}
