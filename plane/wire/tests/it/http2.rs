//! HTTP/2 in clear text: both ends of ours together, and floods in hand-written frames.

use std::time::Duration;

use homeostat_wire::client::{Multiplexed, MultiplexedSettings};
use homeostat_wire::{Body, Limits, Refusal};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::Server;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS_AND_STREAM: u8 = 0x5;
const END_HEADERS: u8 = 0x4;
const ACK: u8 = 0x1;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// `:method GET`, `:scheme http`, `:path` as given, `:authority x`, without a dynamic table.
fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(&[0x01, 1, b'x']);
    block
}

/// Sends frames until the server closes; true if it did, within a bound of what an attacker may send.
async fn is_closed_by(server: &Server, mut next: impl FnMut(u32) -> Vec<u8>) -> bool {
    const FRAMES_MAX: u32 = 200_000;
    let stream = server.connect().await;
    let (mut read, mut write) = stream.into_split();
    let drained = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while read.read(&mut buffer).await.is_ok_and(|taken| taken > 0) {}
    });
    write.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    for index in 0..FRAMES_MAX {
        if write.write_all(&next(index)).await.is_err() || drained.is_finished() {
            return true;
        }
        if index % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(write);
    false
}

// Would break: requests, bodies or trailers that HTTP/2 carries otherwise than HTTP/1.1 does.
#[tokio::test]
async fn both_ends_speak_http2_by_prior_knowledge() {
    let server = Server::start(Limits::default());
    let upstream = Multiplexed::open(server.address, None, &MultiplexedSettings::default()).await.unwrap();
    let ask = async |index: usize| {
        let body = Body::full(format!("hello {index}"));
        let request = http::Request::post("/a?b").header("host", "x").body(body).unwrap();
        upstream.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes()
    };
    let answers = tokio::join!(ask(1), ask(2), ask(3));
    assert_eq!(answers.0, "POST /a?b x 0 hello 1");
    assert_eq!(answers.1, "POST /a?b x 0 hello 2");
    assert_eq!(answers.2, "POST /a?b x 0 hello 3");
    assert_eq!(upstream.under_way(), 0);
}

// Would break: a drain that cuts requests over HTTP/2, or lets new ones in.
#[tokio::test]
async fn a_drain_says_goaway_and_lets_requests_finish() {
    let server = Server::start(Limits::default());
    let upstream = Multiplexed::open(server.address, None, &MultiplexedSettings::default()).await.unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<_, std::io::Error>>(1);
    let body = Body::boxed(http_body_util::StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver)));
    let request = http::Request::post("/").header("host", "x").body(body).unwrap();
    let sending = {
        let upstream = upstream.clone();
        tokio::spawn(async move { upstream.send(request).await.unwrap().into_body().collect().await.unwrap() })
    };
    sender.send(Ok(http_body::Frame::data("be".into()))).await.unwrap();
    while upstream.under_way() == 0 {
        tokio::task::yield_now().await;
    }
    // The request must have come before the drain begins; the server has no other sign of it than its answer to another one.
    let other = http::Request::get("/unread").header("host", "x").body(Body::empty()).unwrap();
    upstream.send(other).await.unwrap();
    server.drain.begin();
    // Until GOAWAY is here requests may still pass; from then on they come back untouched.
    let refused = async {
        loop {
            let late = http::Request::get("/unread").header("host", "x").body(Body::empty()).unwrap();
            if let Err(error) = upstream.send(late).await {
                return error;
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(20), refused).await.expect("the drain is heard of");
    assert!(!refused.may_have_begun && refused.body.is_some() && !upstream.is_usable(), "{refused}");
    sender.send(Ok(http_body::Frame::data("fore".into()))).await.unwrap();
    drop(sender);
    assert_eq!(sending.await.unwrap().to_bytes(), "POST / x 0 before");
    assert_eq!(server.drain.emptied(Duration::from_secs(20)).await, 0);
}

// Would break: a client that makes the server work for requests that it never lets finish.
#[tokio::test]
async fn rapid_reset_ends_the_connection() {
    let server = Server::start(Limits::default());
    let closed = is_closed_by(&server, |index| {
        let stream = index * 2 + 1;
        let open = frame(HEADERS, END_HEADERS_AND_STREAM, stream, &get("/hang"));
        [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    assert!(closed.await);
}

// Would break: a header block without end that fills the memory.
#[tokio::test]
async fn a_continuation_flood_ends_the_connection() {
    let server = Server::start(Limits::default());
    let closed = is_closed_by(&server, |index| match index {
        0 => frame(HEADERS, 0, 1, &get("/")),
        // A header that is not indexed, with an empty value: small on the wire, and more of them than any list holds.
        _ => frame(CONTINUATION, 0, 1, &[0x00, 1, b'a', 0].repeat(100)),
    });
    assert!(closed.await);
}

// Would break: answers to control frames that pile up for a client that reads none of them.
#[tokio::test]
async fn floods_of_settings_and_pings_do_not_pile_up() {
    for flood in [frame(SETTINGS, 0, 0, &[]), frame(PING, 0, 0, &[0; 8])] {
        let server = Server::start(Limits::default());
        let mut stream = server.connect().await;
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
        let flood = flood.repeat(1000);
        // Nothing is read: once the answers fill the socket, the server stops reading too, or closes.
        let mut sent = 0_usize;
        loop {
            match tokio::time::timeout(Duration::from_secs(1), stream.write(&flood)).await {
                Ok(Ok(taken)) => sent += taken,
                Ok(Err(_)) | Err(_) => break,
            }
            assert!(sent < 256 * 1024 * 1024, "the server takes control frames without end");
        }
    }
}

// Would break: a request over HTTP/2 that escapes the rules of HTTP/1.1.
#[tokio::test]
async fn requests_over_http2_obey_the_same_rules() {
    let server = Server::start(Limits::default());
    let upstream = Multiplexed::open(server.address, None, &MultiplexedSettings::default()).await.unwrap();
    let request = http::Request::get("/").header("host", "a,b").body(Body::empty()).unwrap();
    assert_eq!(upstream.send(request).await.unwrap().status(), 400);
    assert_eq!(server.refused(), [Refusal::Host]);
}

// Would break: a body over HTTP/2 without a bound, or cookies that an origin over HTTP/1.1 sees only in part.
#[tokio::test]
async fn bodies_and_cookies_over_http2_have_the_form_of_http1() {
    let mut limits = Limits::default();
    limits.body_bytes_max = 10;
    let server = Server::start(limits);
    let upstream = Multiplexed::open(server.address, None, &MultiplexedSettings::default()).await.unwrap();
    let declared = http::Request::post("/").header("host", "x").body(Body::full("eleven byte")).unwrap();
    assert_eq!(upstream.send(declared).await.unwrap().status(), 413);
    let frames = ["eleven", " byte"].map(|text| Ok::<_, std::io::Error>(http_body::Frame::data(text.into())));
    let streamed = Body::boxed(http_body_util::StreamBody::new(tokio_stream::iter(frames)));
    let streamed = http::Request::post("/").header("host", "x").body(streamed).unwrap();
    assert_eq!(upstream.send(streamed).await.unwrap().status(), 502, "the handler saw the body break off");
    let cookies = http::Request::get("/cookies").header("host", "x").header("cookie", "a=1").header("cookie", "b=2");
    let answer = upstream.send(cookies.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers().get_all("x-cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
}

/// Sends bytes, in two pieces, and gives what comes back until the server closes or has said this.
async fn said_to(server: &Server, bytes: &[u8], split_at: usize, wanted: &str) -> String {
    let mut stream = server.connect().await;
    stream.set_nodelay(true).unwrap();
    let mut seen = Vec::new();
    let talk = async {
        stream.write_all(&bytes[..split_at]).await.unwrap();
        tokio::task::yield_now().await;
        // It may have closed by now.
        let _ = stream.write_all(&bytes[split_at..]).await;
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await {
                Ok(taken) if taken > 0 => seen.extend_from_slice(&buffer[..taken]),
                _ => break,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), talk).await.expect("an answer, or the end");
    String::from_utf8_lossy(&seen).into_owned()
}

// Would break: a client that is served although its preface is none, in one piece or in two.
#[tokio::test]
async fn the_first_frame_is_one_of_settings() {
    let request = frame(HEADERS, END_HEADERS_AND_STREAM, 1, &get("/"));
    let good = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &request].concat();
    for (kind, flags, payload) in [(PING, 0, &[0_u8; 8][..]), (SETTINGS, 1, &[]), (HEADERS, 5, &get("/"))] {
        let server = Server::start(Limits::default());
        let bad = [PREFACE, &frame(kind, flags, u32::from(kind == HEADERS), payload), &good[PREFACE.len()..]].concat();
        for at in 0..PREFACE.len() + 10 {
            let seen = said_to(&server, &bad, at, "GET / x 0").await;
            assert!(!seen.contains("GET / x 0"), "a frame of kind {kind} came first, split at {at}: {seen:?}");
            assert_eq!(server.refused().len(), at + 1, "nobody was told of kind {kind}, split at {at}");
            let seen = said_to(&server, &good, at, "GET / x 0").await;
            assert!(seen.contains("GET / x 0"), "split at {at}: {seen:?}");
        }
    }
}

// Would break: a second path, or a second host, that comes after the body and is believed by somebody behind us.
#[tokio::test]
async fn what_belongs_to_a_head_is_taken_out_of_trailers() {
    let server = Server::start(Limits::default());
    let post = [&[0x83, 0x86, 0x84, 0x01, 1, b'x'][..]].concat();
    let trailers = [&[0x04, 2, b'/', b'b', 0x01, 1, b'y'][..], &[0x00, 1, b'a', 1, b'b'][..]].concat();
    let bytes = [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[]),
        &frame(HEADERS, 4, 1, &post),
        &frame(HEADERS, END_HEADERS_AND_STREAM, 1, &trailers),
    ];
    let seen = said_to(&server, &bytes.concat(), PREFACE.len(), "POST / x 1 ").await;
    assert!(seen.contains("POST / x 1 "), "one trailer, and the head as it was: {seen:?}");
}

/// What the server lets the client send on all streams together, from its frames up to the first that is wanted.
async fn credit_until(stream: &mut tokio::net::TcpStream, wanted: impl Fn(u8, u8) -> bool) -> u32 {
    let mut credit = 0;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == WINDOW_UPDATE && head[5..] == [0; 4] {
            credit += u32::from_be_bytes(payload.try_into().unwrap());
        }
        if wanted(head[3], head[4]) {
            return credit;
        }
    }
}

// Would break: a client whose requests wait fills the memory with bodies that nobody reads yet, on one stream after the other.
#[tokio::test]
async fn all_streams_of_a_connection_send_ahead_a_mebibyte_at_most() {
    const AHEAD_BYTES_MAX: u32 = 1024 * 1024;
    const FRAME_BYTES: usize = 16 * 1024;
    let server = Server::start(Limits::default());
    let mut stream = server.connect().await;
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    let first = credit_until(&mut stream, |kind, _| kind == WINDOW_UPDATE).await;
    // What the standard gives every connection, and what the server adds to it.
    assert_eq!(u32::from(u16::MAX) + first, AHEAD_BYTES_MAX);
    for id in [1, 3, 5, 7] {
        stream.write_all(&frame(HEADERS, END_HEADERS, id, &get("/hang"))).await.unwrap();
        for _ in 0..16 {
            stream.write_all(&frame(DATA, 0, id, &[0; FRAME_BYTES])).await.unwrap();
        }
    }
    stream.write_all(&frame(PING, 0, 0, &[0; 8])).await.unwrap();
    let more = credit_until(&mut stream, |kind, flags| kind == PING && flags == ACK).await;
    assert_eq!(more, 0, "nobody has read any of it");
}
