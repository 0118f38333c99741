//! The http probe: what passes, what fails, and what a hostile answer can do to it.

use crate::server::{Manner, Server};
use crate::{Bench, eventually, http};
use homeostat_vocabulary::{Millis, ProbeFailure};
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn answer_to(manner: Manner, timeout_ms: u64) -> Option<ProbeFailure> {
    let server = Server::start(manner).await;
    let mut bench = Bench::new();
    bench.watch("web/0", server.port, http("/health"), 60_000, timeout_ms);
    bench.verdict().await
}

fn says(text: &str) -> Manner {
    Manner::Says(text.as_bytes().to_vec())
}

#[tokio::test]
async fn the_status_decides() {
    // A service that answers 500 would be called healthy, or one that redirects would be called dead.
    for (head, expected) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", None),
        ("HTTP/1.1 204 No Content\r\n\r\n", None),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", None),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", None),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", Some(ProbeFailure::Status { code: 404 })),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 5\r\n\r\nnope!", Some(ProbeFailure::Status { code: 503 })),
    ] {
        assert_eq!(answer_to(says(head), 5_000).await, expected, "{head:?}");
    }
}

#[tokio::test]
async fn garbage_is_a_failure_with_bounded_words() {
    // What a broken service sends could fill memory or the journal.
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    let long_header = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(1_000_000));
    for garbage in [
        "\0\0\0\0",
        "SSH-2.0-x\r\n",
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        &many_headers,
        &long_header,
    ] {
        match answer_to(says(garbage), 5_000).await {
            Some(ProbeFailure::Other { text }) => assert!(text.len() <= 200, "{text}"),
            other => panic!("{:?} gave {other:?}", &garbage[..garbage.len().min(40)]),
        }
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_bounded() {
    // A service that drips its head for ever would hold the probe for ever; a large body would be read whole.
    let drip = |first: &str, then: &str, pause| {
        Manner::Drips(first.as_bytes().to_vec(), then.as_bytes().to_vec(), Duration::from_millis(pause))
    };
    let timed_out = Some(ProbeFailure::TimedOut { after: Millis(300) });
    assert_eq!(answer_to(drip("HTTP/1.1 200 OK\r\n", "a", 20), 300).await, timed_out);
    let body = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(answer_to(drip(body, "1\r\nx\r\n", 20), 300).await, timed_out);
    let endless = "HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(answer_to(drip(endless, &"x".repeat(1_000), 1), 20_000).await, None);
}

#[tokio::test]
async fn a_silent_service_times_out_and_its_connections_are_closed() {
    // A hung service would collect one open connection for each probe until it, or we, run out of files.
    let server = Server::start(Manner::Silent).await;
    let mut bench = Bench::new();
    bench.watch("web/0", server.port, http("/"), 30, 100);
    for _ in 0..5 {
        assert_eq!(bench.verdict().await, Some(ProbeFailure::TimedOut { after: Millis(100) }));
    }
    bench.prober.forget(&"web/0".parse().unwrap());
    eventually("all connections are closed", || server.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn each_probe_is_a_new_connection() {
    // A kept connection would go on answering from a process that no longer accepts anybody.
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let mut bench = Bench::new();
    bench.watch("web/0", server.port, http("/"), 20, 5_000);
    for _ in 0..4 {
        assert_eq!(bench.verdict().await, None);
    }
    assert!(server.accepted() >= 4);
}

#[tokio::test]
async fn a_check_that_cannot_be_asked_fails_and_says_why() {
    // A wrong declaration would look like a check that passes.
    let mut bench = Bench::new();
    bench.watch("web/0", 1, http("{port:admin}"), 60_000, 1_000);
    let failure = bench.verdict().await;
    assert_eq!(failure, Some(ProbeFailure::other("web/0 has no port named \"admin\"")));
}
