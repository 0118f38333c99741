//! The event stream: each record once whatever is cut, bounded whatever the client does.

use crate::{Fixture, PATIENCE, eventually, facts, token_of};
use homeostat_store::{Commit, Retention};
use homeostat_vocabulary::{Chance, CommandReply};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn records(count: usize, payload_bytes: usize) -> Commit {
    let mut record = facts::record(&facts::policy_applied(), 1);
    if payload_bytes > 0 {
        record.payload = format!("\"{}\"", "x".repeat(payload_bytes)).into_bytes();
    }
    Commit { records: vec![record; count], ..Commit::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cut_at_random_sees_every_record_exactly_once() {
    // The console's timeline would miss an action, or show it twice, after each lost connection.
    const RECORDS: u64 = 2_000;
    let fixture = Fixture::open().await;
    fixture.journal.commit(records(500, 0)).await.unwrap();
    let journal = fixture.journal.clone();
    let writer = tokio::spawn(async move {
        for count in 1..=(RECORDS - 500) {
            journal.commit(records(1, 0)).await.unwrap();
            if count % 100 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let mut chance = Chance::from_seed(17);
    let mut seen: Vec<u64> = Vec::new();
    let mut cuts = 0;
    while seen.last() != Some(&RECORDS) {
        let client = if chance.happens(500) { fixture.tcp() } else { fixture.local() };
        let client = match seen.last() {
            Some(last) => client.with("last-event-id", &last.to_string()),
            None => client,
        };
        let mut stream = client.stream("/v1/events?after=0").await.ok().unwrap();
        for _ in 0..1 + chance.below(120) {
            if seen.last() == Some(&RECORDS) {
                break;
            }
            seen.push(stream.next().await.unwrap().0);
        }
        cuts += 1;
    }
    tokio::time::timeout(PATIENCE, writer).await.unwrap().unwrap();
    assert_eq!(seen, (1..=RECORDS).collect::<Vec<_>>());
    assert!(cuts > 10);
}

#[tokio::test]
async fn a_stream_without_a_beginning_tells_what_comes_from_now_on() {
    // A console that opens would first have to swallow the whole past.
    let fixture = Fixture::open().await;
    fixture.journal.commit(records(100, 0)).await.unwrap();
    let mut stream = fixture.local().stream("/v1/events").await.ok().unwrap();
    let mut empty_id = fixture.local().with("last-event-id", "").stream("/v1/events").await.ok().unwrap();
    fixture.journal.commit(records(1, 0)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().0, 101);
    assert_eq!(empty_id.next().await.unwrap().0, 101);
    let mut behind = fixture.local().stream("/v1/events?after=99").await.ok().unwrap();
    assert_eq!(behind.next().await.unwrap().0, 100);
}

#[tokio::test]
async fn going_on_where_records_are_missing_is_refused() {
    // A client would believe that it has seen everything.
    let fixture = Fixture::open().await;
    fixture.journal.commit(records(100, 0)).await.unwrap();
    let retention = Retention { age_max: None, records_max: Some(10), records_min: 1 };
    fixture.journal.prune(retention, 1).await.unwrap();
    let local = fixture.local();
    for path in ["/v1/events?after=5", "/v1/events?after=101"] {
        let reply = local.get(path).await;
        assert_eq!((reply.status, reply.code().as_str()), (410, "H0428"), "{path}");
    }
    assert_eq!(local.clone().with("last-event-id", "x").get("/v1/events").await.code(), "H0420");
    let mut all_that_is_kept = local.stream("/v1/events?after=0").await.ok().unwrap();
    assert_eq!(all_that_is_kept.next().await.unwrap().0, 91);
}

#[tokio::test]
async fn streams_beyond_the_bound_are_refused_and_places_come_free() {
    // Somebody who opens streams for ever would use up memory and descriptors.
    let fixture = Fixture::open().await;
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..200 {
        match fixture.tcp().stream("/v1/events").await {
            Ok(stream) => open.push(stream),
            Err(status) => {
                assert_eq!(status, 429);
                refused += 1;
            }
        }
    }
    assert_eq!((open.len(), refused), (64, 136));
    assert_eq!(fixture.tcp().get("/v1/events").await.code(), "H0431");
    assert_eq!(fixture.tcp().get("/v1/status").await.status, 200);
    open.clear();
    eventually("a place is free again", || async { fixture.tcp().stream("/v1/events").await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_is_disconnected() {
    // One stopped browser tab would hold a stream, a task and its buffers for ever.
    let adjust = |options: &mut homeostat_api::Options| {
        // Long enough that the stream is seen while it is there, on a loaded machine too.
        options.write_wait_max = Duration::from_secs(2);
        options.streams_max = 1;
    };
    let fixture = Fixture::with(adjust, |_| Ok(CommandReply::Done)).await;
    for _ in 0..8 {
        fixture.journal.commit(records(200, 20_000)).await.unwrap();
    }
    let address = fixture.bound().tcp.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let token = token_of(&fixture.data_folder);
    let request =
        format!("GET /v1/events?after=0 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    silent.write_all(request.as_bytes()).await.unwrap();
    eventually("the stream has begun", || async { fixture.local().stream("/v1/events").await.err() == Some(429) })
        .await;
    eventually("the stream is given up", || async { fixture.local().stream("/v1/events").await.is_ok() }).await;
    drop(silent);
}

#[tokio::test]
async fn a_stream_ends_with_the_interface() {
    // `homeostat down` would wait for every open console.
    let mut fixture = Fixture::open().await;
    let mut stream = fixture.tcp().stream("/v1/events").await.ok().unwrap();
    fixture.close().await;
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_can_be_read_with_plain_tools() {
    // `curl -N` shows events as they come: headers, then lines.
    let mut fixture = Fixture::open().await;
    fixture.record([facts::policy_applied()]).await;
    let token = token_of(&fixture.data_folder);
    let request =
        format!("GET /v1/events?after=0 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut stream = TcpStream::connect(fixture.bound().tcp.unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let first_event = async {
        while !String::from_utf8_lossy(&read).contains("\ndata: {") {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "it ended");
        }
    };
    tokio::time::timeout(PATIENCE, first_event).await.expect("the event comes");
    fixture.close().await;
    let text = String::from_utf8_lossy(&read);
    assert!(text.contains("content-type: text/event-stream") && text.contains("cache-control: no-store"), "{text}");
    assert!(text.contains("retry: 1000\n\n") && text.contains("id: 1\ndata: {\"seq\":1,"), "{text}");
}
