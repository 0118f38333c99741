//! Both sides joined as a proxy joins them, with raw bytes at either end: streaming, early answers, trailers and tunnels.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use homeostat_wire::client::{ClientLimits, Connection, Shelf};
use homeostat_wire::{Body, Handler, Limits, Peer, Request, Response, strip_hop_by_hop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::Kept;
use crate::server::{read_to_end, read_until, start};

#[derive(Clone)]
struct Forward {
    upstream: SocketAddr,
    kept: Arc<Kept>,
    tunnelled: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Handler for Forward {
    async fn handle(&self, mut request: Request, _: &Arc<Peer>) -> Response {
        strip_hop_by_hop(request.headers_mut());
        let connection = Connection::open(self.upstream, None, ClientLimits::default()).await.unwrap();
        match connection.send(request, Arc::clone(&self.kept) as Arc<dyn Shelf>).await {
            Ok(mut answer) => {
                strip_hop_by_hop(answer.headers_mut());
                answer
            }
            Err(error) => {
                let mut answer = Response::new(Body::full(error.to_string()));
                *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
                answer
            }
        }
    }

    fn tunnel_ended(&self, up_bytes: u64, down_bytes: u64, _: &Arc<Peer>) {
        self.tunnelled.lock().unwrap().push((up_bytes, down_bytes));
    }
}

/// A client connected through the proxy to an upstream that this test plays itself.
async fn joined() -> (TcpStream, TcpListener, Arc<Kept>) {
    let (client, upstream, forward) = joined_with(Limits::default()).await;
    (client, upstream, forward.kept)
}

async fn joined_with(limits: Limits) -> (TcpStream, TcpListener, Forward) {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forward = Forward {
        upstream: upstream.local_addr().unwrap(),
        kept: Arc::new(Kept::default()),
        tunnelled: Arc::default(),
    };
    let (address, _) = start(limits, forward.clone());
    (TcpStream::connect(address).await.unwrap(), upstream, forward)
}

// Would break: a stream that is held back until it is whole, in either direction.
#[tokio::test]
async fn bodies_stream_both_ways_with_trailers() {
    let (mut client, upstream, kept) = joined().await;
    client
        .write_all(b"POST /s HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let (mut server, _) = upstream.accept().await.unwrap();
    let head = read_until(&mut server, "\r\n\r\n").await;
    assert!(head.starts_with("POST /s HTTP/1.1\r\nhost: x\r\n") && head.contains("te: trailers\r\n"), "{head}");
    server.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    for round in 0..3 {
        client.write_all(format!("5\r\nup {round}!\r\n").as_bytes()).await.unwrap();
        read_until(&mut server, &format!("5\r\nup {round}!\r\n")).await;
        server.write_all(format!("7\r\ndown {round}!\r\n").as_bytes()).await.unwrap();
        read_until(&mut client, &format!("7\r\ndown {round}!\r\n")).await;
    }
    client.write_all(b"0\r\nx-sum: up\r\n\r\n").await.unwrap();
    assert!(read_until(&mut server, "\r\n\r\n").await.contains("0\r\nx-sum: up\r\n\r\n"));
    server.write_all(b"0\r\ngrpc-status: 0\r\n\r\n").await.unwrap();
    assert!(read_until(&mut client, "\r\n\r\n").await.contains("0\r\ngrpc-status: 0\r\n\r\n"));
    assert_eq!(kept.count(), 1);
    // The client's connection goes on too.
    client.write_all(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    upstream.accept().await.unwrap();
}

// Would break: an early answer that waits for the whole request, or a connection kept with half a request on it.
#[tokio::test]
async fn an_early_answer_passes_while_the_body_still_comes() {
    let (mut client, upstream, kept) = joined().await;
    client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbegin").await.unwrap();
    let (mut server, _) = upstream.accept().await.unwrap();
    read_until(&mut server, "begin").await;
    server.write_all(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nno!").await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("no!"), "{answer}");
    assert!(answer.contains("connection: close\r\n"));
    assert_eq!(kept.count(), 0);
}

// Would break: an answer that breaks off and looks whole.
#[tokio::test]
async fn a_broken_answer_is_not_made_whole() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "half"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "4\r\nhalf\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nx", "4\r\nhalf\r\n"),
    ] {
        let (mut client, upstream, kept) = joined().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let (mut server, _) = upstream.accept().await.unwrap();
        read_until(&mut server, "\r\n\r\n").await;
        server.write_all(answer.as_bytes()).await.unwrap();
        drop(server);
        let mut bytes = Vec::new();
        let _ = client.read_to_end(&mut bytes).await;
        let seen = String::from_utf8(bytes).unwrap();
        assert!(seen.ends_with(expected), "{answer:?}: {seen}");
        assert_eq!(kept.count(), 0);
    }
}

// Would break: answers that somebody could put between two others.
#[tokio::test]
async fn malformed_answers_are_a_bad_gateway() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "",
    ] {
        let (mut client, upstream, kept) = joined().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let (mut server, _) = upstream.accept().await.unwrap();
        read_until(&mut server, "\r\n\r\n").await;
        server.write_all(answer.as_bytes()).await.unwrap();
        drop(server);
        let seen = read_to_end(&mut client).await;
        assert!(seen.starts_with("HTTP/1.1 502 "), "{answer:?}: {seen}");
        assert_eq!(kept.count(), 0);
    }
}

// Would break: a WebSocket that does not open, loses what was sent ahead, or does not learn that one side has ended.
#[tokio::test]
async fn an_upgrade_becomes_a_tunnel_with_half_close() {
    let (mut client, upstream, forward) = joined_with(Limits::default()).await;
    let ask = b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all(ask).await.unwrap();
    let (mut server, _) = upstream.accept().await.unwrap();
    let head = read_until(&mut server, "\r\n\r\n").await;
    assert!(head.contains("upgrade: websocket\r\n") && head.contains("connection: upgrade\r\n"), "{head}");
    server
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nahead")
        .await
        .unwrap();
    let head = read_until(&mut client, "ahead").await;
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n") && head.contains("connection: upgrade\r\n"),
        "{head}"
    );
    let large = "a".repeat(1_000_000);
    let (mut client_read, mut client_write) = client.into_split();
    let (mut server_read, mut server_write) = server.into_split();
    let up = async {
        client_write.write_all(large.as_bytes()).await.unwrap();
        client_write.shutdown().await.unwrap();
    };
    let mut seen = String::new();
    let (_, taken) = tokio::join!(up, server_read.read_to_string(&mut seen));
    assert_eq!(taken.unwrap(), large.len());
    // The client has ended its side; the other one is still open.
    server_write.write_all(b"goodbye").await.unwrap();
    server_write.shutdown().await.unwrap();
    let mut last = String::new();
    client_read.read_to_string(&mut last).await.unwrap();
    assert_eq!(last, "goodbye");
    while forward.tunnelled.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*forward.tunnelled.lock().unwrap(), [(1_000_000, 12)]);
}

// Would break: large bodies that come out changed, through buffers that are used again.
#[tokio::test]
async fn large_bodies_pass_unchanged() {
    let (mut client, upstream, kept) = joined().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|index| (index % 251) as u8).collect();
    let echo = async {
        let (mut server, _) = upstream.accept().await.unwrap();
        let (mut read, mut write) = server.split();
        let mut head = vec![0; 4096];
        let taken = read.read(&mut head).await.unwrap();
        let start = head[..taken].windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        write.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n").await.unwrap();
        write.write_all(&head[start..taken]).await.unwrap();
        let mut left = 3_000_000 - (taken - start);
        let mut buffer = vec![0; 100_000];
        while left > 0 {
            let taken = read.read(&mut buffer).await.unwrap();
            write.write_all(&buffer[..taken]).await.unwrap();
            left -= taken;
        }
        server
    };
    let talk = async {
        let (mut read, mut write) = client.split();
        let send = async {
            write.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n").await.unwrap();
            write.write_all(&body).await.unwrap();
        };
        let receive = async {
            let mut seen = Vec::new();
            let mut buffer = vec![0; 64 * 1024];
            // Counted, not looked for: the body repeats itself, and its last bytes come up long before its end.
            let whole = |seen: &[u8]| {
                let head = seen.windows(4).take(4096).position(|end| end == b"\r\n\r\n");
                head.is_some_and(|head| seen.len() >= head + 4 + 3_000_000)
            };
            while !whole(&seen) {
                let taken = read.read(&mut buffer).await.unwrap();
                assert!(taken > 0);
                seen.extend_from_slice(&buffer[..taken]);
            }
            seen
        };
        tokio::join!(send, receive).1
    };
    let (_server, seen) = tokio::join!(echo, talk);
    assert!(seen[seen.len() - body.len()..] == body[..]);
    assert_eq!(kept.count(), 1);
}

// Would break: a client that reads only when all it sends is taken, against an upstream that answers before it has read all.
#[tokio::test]
async fn an_answer_that_nobody_reads_yet_does_not_hold_up_the_request() {
    const BYTES: usize = 20_000_000;
    let (mut client, upstream, kept) = joined().await;
    client
        .write_all(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {BYTES}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let answer = async {
        let (mut server, _) = upstream.accept().await.unwrap();
        let head = read_until(&mut server, "\r\n\r\n").await;
        let came_with_it = head.split_once("\r\n\r\n").unwrap().1.len();
        let (mut read, mut write) = server.split();
        let send = async {
            write.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n").as_bytes()).await.unwrap();
            write.write_all(&vec![b'd'; BYTES]).await.unwrap();
        };
        let receive = async {
            let (mut left, mut buffer) = (BYTES - came_with_it, vec![0; 64 * 1024]);
            while left > 0 {
                let taken = read.read(&mut buffer).await.unwrap();
                assert!(taken > 0, "{left} bytes never came");
                left -= taken;
            }
        };
        tokio::join!(send, receive);
        server
    };
    let talk = async {
        client.write_all(&vec![b'u'; BYTES]).await.unwrap();
        let (mut left, mut buffer) = (BYTES, vec![0; 64 * 1024]);
        while left > 0 {
            let taken = client.read(&mut buffer).await.unwrap();
            assert!(taken > 0, "{left} bytes never came");
            left = left.saturating_sub(buffer[..taken].iter().filter(|byte| **byte == b'd').count());
        }
    };
    let both = async { tokio::join!(answer, talk).0 };
    let _server = tokio::time::timeout(std::time::Duration::from_secs(60), both).await.expect("nobody waits for ever");
    drop(kept);
}
