//! Peers that are slow on purpose, under paused time: what waits for them has an end.

use std::time::Duration;

use homeostat_wire::{Body, Handler, Limits, Peer, Refusal, Request, Response};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{Server, read_to_end, read_until, start};

// Would break: a head that comes a byte at a time and holds its connection for ever.
#[tokio::test(start_paused = true)]
async fn a_slow_head_is_cut_off() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect().await;
    let mut sent = 0;
    for byte in b"GET / HTTP/1.1\r\nHost: x\r\nA: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" {
        if stream.write_all(&[*byte]).await.is_err() || !server.refused().is_empty() {
            break;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!((9..=12).contains(&sent), "{sent} bytes, one a second, against a limit of ten seconds");
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 408 "));
    assert_eq!(server.refused(), [Refusal::HeadTimeout]);
}

// Would break: idle connections that stay for ever, or that are answered with an error.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_without_a_word() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect().await;
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
    let mut used = server.connect().await;
    used.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut used, "GET / x 0").await;
    assert_eq!(used.read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert_eq!(server.refused(), []);
    assert_eq!(server.drain.open(), 0);
}

// Would break: a body that stops coming, or drips, and holds its handler for ever.
#[tokio::test(start_paused = true)]
async fn a_slow_body_is_cut_off() {
    let server = Server::start(Limits::default());
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 408 "));
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seconds = 0;
    while server.refused().len() < 2 {
        let _ = stream.write_all(b"a").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds += 1;
        assert!(seconds < 60, "a byte a second must not pass for a body");
    }
    assert_eq!(server.refused(), [Refusal::BodyTimeout, Refusal::BodyTimeout]);
}

#[derive(Clone)]
struct Large;

impl Handler for Large {
    async fn handle(&self, _: Request, _: &Arc<Peer>) -> Response {
        Response::new(Body::full(vec![b'a'; 64 * 1024 * 1024]))
    }
}

// Would break: an answer that nobody reads and that holds its memory for ever.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off() {
    let (address, drain) = start(Limits::default(), Large);
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    while drain.open() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(drain.emptied(Duration::from_secs(40)).await, 0);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert!(bytes.len() < 64 * 1024 * 1024);
}

// Would break: a drain that keeps idle connections, or takes new ones.
#[tokio::test]
async fn a_drain_closes_idle_connections_and_lets_answers_finish() {
    let server = Server::start(Limits::default());
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbe").await.unwrap();
    while server.drain.open() < 2 {
        tokio::task::yield_now().await;
    }
    // An idle connection reads the head of the busy one no sooner than its own task has begun: one exchange makes sure of both.
    let mut other = server.connect().await;
    other.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut other, "GET / x 0").await;
    server.drain.begin();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(other.read(&mut [0; 1]).await.unwrap(), 0);
    busy.write_all(b"fore").await.unwrap();
    let answer = read_to_end(&mut busy).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("POST / x 0 befo"), "{answer}");
    assert_eq!(server.drain.emptied(Duration::from_secs(20)).await, 0);
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}

// Would break: whoever connected, or asked on a kept connection, just as a listener was replaced, is cut off and not answered.
#[tokio::test]
async fn what_is_sent_as_the_drain_begins_is_answered() {
    let server = Server::start(Limits::default());
    let (mut new, mut kept) = (server.connect().await, server.connect().await);
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut kept, "GET / x 0").await;
    while server.drain.open() < 2 {
        tokio::task::yield_now().await;
    }
    server.drain.begin();
    // So that both tasks have seen that it has begun before a byte comes.
    while tokio::net::TcpStream::connect(server.address).await.is_ok() {}
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    for connection in [&mut new, &mut kept] {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let answer = read_to_end(connection).await;
        assert!(answer.contains("connection: close\r\n") && answer.ends_with("GET / x 0 "), "{answer}");
    }
    assert_eq!(server.drain.emptied(Duration::from_secs(20)).await, 0);
}

// Would break: a listener without a bound on its connections.
#[tokio::test]
async fn connections_over_the_limit_are_closed() {
    let mut limits = Limits::default();
    limits.connections_max = 2;
    let server = Server::start(limits);
    let (_first, _second) = (server.connect().await, server.connect().await);
    let mut third = server.connect().await;
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(server.refused(), [Refusal::TooManyConnections]);
}
