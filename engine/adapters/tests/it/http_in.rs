//! Events that are posted to us: what is taken in, what is refused and why, and what a client is told of it in the end.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use homeostat_adapters::http::{HttpLimits, HttpServer, PostedEvents, receive};
use homeostat_adapters::{AdapterError, Door, Token};
use homeostat_reactor::{Clock, ManualClock, Outcome};

use super::order::{Order, soon, token, until};
use super::raw::{Reply, ask, post};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

async fn open(limits: HttpLimits) -> (HttpServer<Order>, PostedEvents<Order>, SocketAddr) {
    let door = Door::local(0).path("/orders").token(token()).origin("https://console.example");
    let (server, orders) = receive(door, limits, Clock::machine()).await.unwrap();
    let address = server.address();
    (server, orders, address)
}

fn with_token(more: &str) -> String {
    format!("authorization: Bearer a-secret-of-enough-letters\r\n{more}")
}

async fn send(address: SocketAddr, kind: &str, more: &str, body: &str) -> Reply {
    ask(address, &post("/orders", kind, &with_token(more), body)).await.unwrap()
}

#[tokio::test]
async fn one_event_or_many_are_taken_in_and_given_on_the_most_urgent_first() {
    // Would break: posted events that are answered 202 and never arrive, or an alarm that waits behind the rest.
    let (server, orders, address) = open(HttpLimits::default()).await;
    let reply = send(address, JSON, "", r#"{"id":1}"#).await;
    assert_eq!((reply.status, reply.body.as_str()), (202, r#"{"accepted":1}"#));
    let batch = "{\"id\":2}\n\n {\"id\":3,\"text\":\"a\\nb\"}\r\n{\"id\":4,\"urgent\":true}";
    assert_eq!(send(address, "application/x-ndjson; charset=utf-8", "", batch).await.body, r#"{"accepted":3}"#);
    let arrived: Vec<u64> = soon(orders.take(4).map(|order| order.settle(Outcome::Done).id).collect()).await;
    assert_eq!(arrived, [4, 1, 2, 3]);
    let now = server.snapshot();
    assert_eq!((now.events, now.waiting, now.answers.get(&202)), (4, 0, Some(&2)));
}

#[tokio::test]
async fn whoever_may_not_come_in_is_told_why_and_nothing_is_taken() {
    // Would break: a web page or a program without the token that feeds events to the engine.
    let (server, mut orders, address) = open(HttpLimits::default()).await;
    let body = r#"{"id":1}"#;
    for (path, more, status) in [
        ("/orders", "", 401),
        ("/orders", "authorization: Bearer a-secret-of-enough-letterz\r\n", 401),
        ("/orders", "authorization: Bearer a-secret-of-enough-letter\r\n", 401),
        ("/orders", "authorization: Basic a-secret-of-enough-letters\r\n", 401),
        ("/orders", &with_token("authorization: Bearer other-letters-of-no-use\r\n"), 401),
        ("/orders", &with_token("origin: https://evil.example\r\n"), 403),
        ("/orders", &with_token("origin: null\r\n"), 403),
        ("/orders", &with_token("origin: https://console.example.evil.example\r\n"), 403),
        ("/other", &with_token(""), 404),
    ] {
        let reply = ask(address, &post(path, JSON, more, body)).await.unwrap();
        assert_eq!(reply.status, status, "{path} {more}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        let said: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(said["status"], status);
        assert!(!reply.body.contains("a-secret"), "a token is never said");
        assert_eq!(reply.header("www-authenticate"), (status == 401).then_some("Bearer"));
    }
    assert!(futures::poll!(orders.next()).is_pending());
    assert_eq!(server.snapshot().door.turned_away, 9);
    assert_eq!(send(address, JSON, "origin: https://console.example\r\n", body).await.status, 202);
}

#[tokio::test]
async fn a_door_for_other_machines_needs_a_token() {
    // Would break: an open door to the whole network by a changed address alone.
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = receive::<Order>(Door::at(everywhere), HttpLimits::default(), Clock::machine()).await;
    assert!(matches!(refused.map(drop), Err(AdapterError::Unguarded { .. })));
    let guarded = Door::at(everywhere).token(token());
    assert!(receive::<Order>(guarded, HttpLimits::default(), Clock::machine()).await.is_ok());
    for wrong in ["short", "with spaces in between them", "with\nline\nbreaks\nin\nit", &"x".repeat(513)] {
        assert!(Token::new(wrong).is_err());
    }
    assert!(!format!("{:?}", token()).contains("secret"));
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_the_place_and_nothing_of_it_is_taken() {
    // Would break: half a batch that is taken, or a client that cannot find its mistake.
    let limits = HttpLimits { body_bytes_max: 200, events_max: 3, ..HttpLimits::default() };
    let (server, mut orders, address) = open(limits).await;
    let long = format!("{{\"id\":1,\"text\":\"{}\"}}", "x".repeat(300));
    for (kind, body, status, says) in [
        (JSON, "", 400, "EOF"),
        (JSON, "{\"id\":", 400, "line 1 column 6"),
        (JSON, r#"{"id":1}{"id":2}"#, 400, "trailing"),
        (JSON, r#"{"id":1,"secret":2}"#, 400, "unknown field `secret`"),
        (LINES, "\n\n", 400, "no event"),
        (LINES, "{\"id\":1}\nnonsense\n", 400, "line 2"),
        (LINES, "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}", 413, "more than 3 events"),
        (JSON, &long, 413, "more than 200 bytes"),
        ("text/plain", r#"{"id":1}"#, 415, "application/json"),
        ("", r#"{"id":1}"#, 415, "application/json"),
    ] {
        let reply = send(address, kind, "", body).await;
        assert_eq!(reply.status, status, "{kind} {body}");
        assert!(reply.body.contains(says), "{}", reply.body);
    }
    let chunked = format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ntransfer-encoding: chunked\r\n{}\r\nfff\r\n{}",
        with_token(""),
        "x".repeat(4095)
    );
    assert_eq!(ask(address, &chunked).await.unwrap().status, 413);
    let get = format!("GET /orders HTTP/1.1\r\nhost: x\r\n{}\r\n", with_token(""));
    let reply = ask(address, &get).await.unwrap();
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert!(futures::poll!(orders.next()).is_pending());
    assert_eq!(server.snapshot().events, 0);
}

#[tokio::test]
async fn a_full_class_says_when_to_come_again_and_other_classes_go_on() {
    // Would break: a flood that grows memory, a batch of which half is taken, or an alarm that a flood keeps out.
    let limits = HttpLimits { capacity: 2, retry_after: Duration::from_millis(1_500), ..HttpLimits::default() };
    let (_server, mut orders, address) = open(limits).await;
    assert_eq!(send(address, LINES, "", "{\"id\":1}").await.status, 202);
    let reply = send(address, LINES, "", "{\"id\":2}\n{\"id\":3}").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("2")));
    assert!(reply.body.contains("class sense has no room"));
    assert_eq!(send(address, LINES, "", "{\"id\":2}").await.status, 202);
    assert_eq!(send(address, LINES, "", "{\"id\":3}").await.status, 429);
    assert_eq!(send(address, LINES, "", "{\"id\":9,\"urgent\":true}").await.status, 202);
    assert_eq!(send(address, LINES, "", "{\"id\":3}\n{\"id\":4}\n{\"id\":5}").await.status, 413);
    let mut arrived = Vec::new();
    for _ in 0..3 {
        arrived.push(soon(orders.next()).await.unwrap().settle(Outcome::Done).id);
    }
    assert_eq!(arrived, [9, 1, 2]);
    assert_eq!(send(address, LINES, "", "{\"id\":3}\n{\"id\":4}").await.status, 202);
}

#[tokio::test]
async fn who_wants_to_wait_hears_what_became_of_it() {
    // Would break: a client that believes in an effect that never was.
    let limits = HttpLimits { wait_max: Duration::from_millis(200), ..HttpLimits::default() };
    let (_server, mut orders, address) = open(limits).await;
    let handling = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Some(order) = orders.next().await {
            match order.id {
                1 => drop(order.settle(Outcome::Done)),
                2 => drop(order.fail("the printer is on fire")),
                3 => kept.push(order),
                _ => drop(order),
            }
        }
        kept.len()
    });
    let wait = "prefer: respond-async, wait=20\r\n";
    let done = send(address, JSON, wait, r#"{"id":1}"#).await;
    assert_eq!((done.status, done.body.as_str()), (200, r#"{"accepted":1,"outcome":"done"}"#));
    let failed = send(address, LINES, wait, "{\"id\":1}\n{\"id\":2}").await;
    assert_eq!(failed.status, 500);
    assert!(failed.body.contains("failed: the printer is on fire"));
    assert_eq!(send(address, JSON, wait, r#"{"id":3}"#).await.body, r#"{"accepted":1}"#);
    let abandoned = send(address, JSON, wait, r#"{"id":4}"#).await;
    assert_eq!((abandoned.status, abandoned.body.contains("abandoned")), (500, true));
    drop(_server);
    assert_eq!(soon(handling).await.unwrap(), 1);
}

#[tokio::test]
async fn whoever_waits_for_hours_is_answered_before_the_connection_is_cut_off() {
    // Would break: a client that waits as long as the limits allow, and loses its connection instead of getting an answer.
    let time = ManualClock::new();
    let hours = Duration::from_secs(36_000);
    let limits = HttpLimits { wait_max: hours, ..HttpLimits::default() };
    let (server, _orders) = receive::<Order>(Door::local(0).path("/orders"), limits, time.clock()).await.unwrap();
    let request = post("/orders", JSON, "prefer: wait=36000\r\n", r#"{"id":1}"#);
    let address = server.address();
    let waiting = tokio::spawn(async move { ask(address, &request).await.map(|reply| reply.status) });
    until("it to be taken in", || server.snapshot().waiting == 1).await;
    while !waiting.is_finished() {
        time.turn(Duration::from_secs(10)).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(waiting.await.unwrap(), Some(202));
}

#[tokio::test]
async fn a_repeated_request_is_taken_once() {
    // Would break: an order that is placed twice because an answer was lost on the way.
    let limits = HttpLimits { capacity: 1, wait_max: Duration::from_secs(20), ..HttpLimits::default() };
    let (server, mut orders, address) = open(limits).await;
    let key = "idempotency-key: abc\r\n";
    for _ in 0..3 {
        assert_eq!(send(address, JSON, key, r#"{"id":1}"#).await.body, r#"{"accepted":1}"#);
    }
    assert_eq!(send(address, JSON, key, r#"{"id":2}"#).await.status, 422);
    assert_eq!(send(address, JSON, "idempotency-key: \r\n", r#"{"id":2}"#).await.status, 400);
    // Refused for want of room: the same key may come again.
    let other = "idempotency-key: other\r\n";
    assert_eq!(send(address, JSON, other, r#"{"id":2}"#).await.status, 429);
    assert_eq!(soon(orders.next()).await.unwrap().settle(Outcome::Done).id, 1);
    assert_eq!(send(address, JSON, other, r#"{"id":2}"#).await.status, 202);
    let second = soon(orders.next()).await.unwrap();
    // While the first one waits to be handled, its repetition learns that it was taken.
    let waiting = "idempotency-key: third\r\nprefer: wait=20\r\n";
    let first = tokio::spawn(async move { send(address, JSON, waiting, r#"{"id":3}"#).await });
    let third = soon(orders.next()).await.unwrap();
    assert_eq!(send(address, JSON, waiting, r#"{"id":3}"#).await.status, 202);
    third.fail("no");
    assert_eq!(first.await.unwrap().status, 500);
    assert_eq!(send(address, JSON, waiting, r#"{"id":3}"#).await.status, 500);
    second.settle(Outcome::Done);
    assert_eq!(server.snapshot().events, 3);
}

#[tokio::test]
async fn without_a_reader_nothing_is_taken_and_without_a_server_what_was_taken_is_read() {
    // Would break: events that are acknowledged into nothing, or lost when the server ends.
    let (_server, orders, address) = open(HttpLimits::default()).await;
    assert_eq!(send(address, JSON, "", r#"{"id":1}"#).await.status, 202);
    drop(orders);
    let reply = send(address, JSON, "", r#"{"id":2}"#).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));

    let (server, mut orders, address) = open(HttpLimits::default()).await;
    assert_eq!(send(address, JSON, "", r#"{"id":1}"#).await.status, 202);
    drop(server);
    assert_eq!(soon(orders.next()).await.unwrap().id, 1);
    assert!(soon(orders.next()).await.is_none());
    until("the port to be closed", || std::net::TcpStream::connect(address).is_err()).await;
}
