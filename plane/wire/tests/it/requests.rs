//! Good requests: what passes, in any pieces, one after the other.

use std::time::Duration;

use homeostat_wire::{Limits, Refusal};
use tokio::io::AsyncWriteExt;

use crate::server::{Server, read_to_end, read_until};

const GOOD: [(&str, &str); 9] = [
    ("GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /a?b=c x 0 "),
    ("\r\nGET / HTTP/1.1\r\nHost: x:80\r\nconnection: Close\r\n\r\n", "GET / x:80 0 "),
    ("GET http://x/a HTTP/1.1\r\nHost: X\r\nConnection: close\r\n\r\n", "GET /a X 0 "),
    ("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "OPTIONS * x 0 "),
    ("GET / HTTP/1.0\r\n\r\n", "GET / - 0 "),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", "POST / x 0 hello"),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", "GET / x 0 hello"),
    (
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n2;a=\"b;\\\"c\"\r\nhe\r\n003\r\nllo\r\n0\r\n\r\n",
        "POST / x 0 hello",
    ),
    (
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
        "POST / x 1 hello",
    ),
];

// Would break: a good request that is refused or read wrongly because of where its bytes were split.
#[tokio::test]
async fn good_requests_pass_however_they_are_split() {
    let server = Server::start(Limits::default());
    for (request, seen) in GOOD {
        for at in 0..request.len() {
            let mut stream = server.connect().await;
            stream.set_nodelay(true).unwrap();
            stream.write_all(&request.as_bytes()[..at]).await.unwrap();
            tokio::task::yield_now().await;
            stream.write_all(&request.as_bytes()[at..]).await.unwrap();
            let answer = read_to_end(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{request:?} at {at}: {answer}");
            assert!(answer.ends_with(seen), "{request:?} at {at}: {answer}");
        }
    }
    assert_eq!(server.refused(), []);
}

// Would break: pipelined requests answered out of order, or lost behind one with a body.
#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(Limits::default());
    let mut all = String::new();
    for index in 0..50 {
        all += &format!("POST /{index} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok");
        all += &format!("POST /c{index} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    }
    all += "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(all.as_bytes()).await;
    let seen: Vec<&str> = answer.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
    assert_eq!(seen.len(), 101);
    for index in 0..50 {
        assert!(seen[index * 2].ends_with(&format!("POST /{index} x 0 ok")));
        assert!(seen[index * 2 + 1].ends_with(&format!("POST /c{index} x 0 ok")));
    }
    assert!(seen[100].contains("connection: close\r\n") && seen[100].ends_with("GET /last x 0 "));
}

// Would break: a client that waits for 100 Continue for ever, or gets it when it did not ask.
#[tokio::test]
async fn continue_is_sent_when_the_body_is_wanted() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").await.unwrap();
    assert!(read_until(&mut stream, "0 ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let unread = head.replace("POST /", "POST /unread");
    let answer = server.exchange(unread.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("connection: close\r\n"), "{answer}");
}

// Would break: a handler that works on for a client that has left.
#[tokio::test]
async fn a_client_that_leaves_cancels_its_request() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect().await;
    stream.write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    while server.drain.open() == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    assert_eq!(server.drain.emptied(Duration::from_secs(20)).await, 0);
    assert_eq!(*server.mirror.cancelled.lock().unwrap(), 1);
}

/// Waits for a count of the handler.
async fn counted(count: &std::sync::Mutex<u32>, wanted: u32) {
    let all = async {
        while *count.lock().unwrap() < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("it is noticed");
}

// Would break: whoever leaves an upload that has stalled, or has sent much ahead, keeps its places until a time limit.
#[tokio::test]
async fn a_client_that_leaves_is_noticed_while_nothing_is_read_from_it() {
    let mut limits = Limits::default();
    limits.pipelined_bytes_max = 10;
    let server = Server::start(limits);
    let begins = [
        "POST /stall HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nfirst",
        "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    for (round, begin) in (1..).zip(begins) {
        let mut client = server.connect().await;
        client.write_all(begin.as_bytes()).await.unwrap();
        counted(&server.mirror.stalled, 1).await;
        client.write_all(&[b'x'; 100]).await.unwrap();
        assert_eq!(*server.mirror.cancelled.lock().unwrap(), round - 1, "it is still here");
        drop(client);
        counted(&server.mirror.cancelled, round).await;
    }
    assert_eq!(server.refused(), [Refusal::ClientGone; 2]);
}
