//! Peers of an HTTP server that mean no good: they bring nothing, too much, or keep places from others.

use std::time::Duration;

use futures::StreamExt;
use homeostat_adapters::Door;
use homeostat_adapters::http::{HttpLimits, receive};
use homeostat_reactor::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::order::{Order, soon, until};
use super::raw::{ask, post, read_reply};

const BRIEF: Duration = Duration::from_millis(300);

#[tokio::test]
async fn whoever_brings_a_letter_at_a_time_is_cut_off_and_others_get_the_place() {
    // Would break: a handful of sleepy connections that keep everybody else out.
    let limits = HttpLimits { body_time_max: BRIEF, ..HttpLimits::default() };
    let door = Door::local(0).connections_max(4).head_time_max(BRIEF);
    let (server, orders) = receive::<Order>(door, limits, Clock::machine()).await.unwrap();
    let address = server.address();
    let mut sleepers = tokio::task::JoinSet::new();
    for index in 0..8 {
        sleepers.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = match index % 2 {
                0 => "POST / HTTP/1.1\r\nhost: x\r\n".to_owned(),
                _ => "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
                    .to_owned(),
            };
            let _ = stream.write_all(head.as_bytes()).await;
            // A letter now and then, for ever, until we are cut off.
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    until("the places to be taken", || server.snapshot().door.connections_open == 4).await;
    let reply = soon(ask(address, &post("/", "application/json", "", r#"{"id":1}"#))).await;
    assert_eq!(reply.unwrap().status, 202);
    soon(async { while sleepers.join_next().await.is_some() {} }).await;
    until("all to be gone", || server.snapshot().door.connections_open == 0).await;
    assert_eq!(orders.take(1).count().await, 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    // Would break: a request that holds its memory for as long as its sender likes.
    let limits = HttpLimits { body_time_max: BRIEF, ..HttpLimits::default() };
    let (server, _orders) = receive::<Order>(Door::local(0), limits, Clock::machine()).await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let reply = soon(read_reply(&mut stream)).await.unwrap();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert_eq!(soon(stream.read(&mut [0; 16])).await.unwrap_or(0), 0, "the connection is closed");
}

#[tokio::test]
async fn heads_without_end_and_bytes_without_sense_end_the_connection() {
    // Would break: memory that grows with a header, or a parser that a fuzzer brings down.
    let (server, _orders) = receive::<Order>(Door::local(0), HttpLimits::default(), Clock::machine()).await.unwrap();
    let address = server.address();
    let many: String = (0..1_000).map(|number| format!("x-{number}: y\r\n")).collect();
    for request in [
        format!("POST / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1_000_000)),
        format!("POST / HTTP/1.1\r\n{many}\r\n"),
        "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_owned(),
        "POST / HTTP/9.9\r\n\r\n".to_owned(),
    ] {
        let reply = soon(ask(address, &request)).await;
        assert!(reply.is_none_or(|reply| (400..500).contains(&reply.status)), "{}", &request[..20]);
    }
    assert_eq!(ask(address, &post("/", "application/json", "", r#"{"id":1}"#)).await.unwrap().status, 202);
}

#[tokio::test]
async fn json_of_a_thousand_floors_is_refused() {
    // Would break: a stack that a body of brackets overflows.
    let (server, _orders) = receive::<Order>(Door::local(0), HttpLimits::default(), Clock::machine()).await.unwrap();
    let deep = format!("{{\"id\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let reply = ask(server.address(), &post("/", "application/json", "", &deep)).await.unwrap();
    assert_eq!(reply.status, 400);
}
