//! What must be refused, each with its status, byte for byte as an attacker would send it.

use homeostat_wire::Limits;
use tokio::io::AsyncWriteExt;

use crate::server::{Server, read_to_end};

const HOST: &str = "Host: x\r\n";

/// Request line or whole lines, and the status. `{}` stands for a valid Host line.
const BAD: [(&str, u16); 84] = [
    // Framing.
    ("POST / HTTP/1.1\r\n{}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 5, 5\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: +5\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: -5\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 0x5\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 5_0\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 5 5\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: \r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 18446744073709551616\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Content-Length: 99999999999999999999999\r\n\r\nhello", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: identity\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked, identity\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: gzip\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: xchunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: \"chunked\"\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: chunked;q=1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: ,chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Transfer-Encoding:\r\n\r\n", 400),
    ("POST / HTTP/1.0\r\n{}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    // Lines.
    ("GET / HTTP/1.1\n{}\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r{}\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A: b\r\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A: b\r\n c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A: b\r\n\tc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
    ("\r\n\r\nGET / HTTP/1.1\r\n{}\r\n", 400),
    ("\nGET / HTTP/1.1\r\n{}\r\n", 400),
    // Names and values.
    ("GET / HTTP/1.1\r\n{}A : b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A B: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A\x00: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}(A): b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A: b\x00c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A: b\x01c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}A: b\x7fc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}\u{e4}: b\r\n\r\n", 400),
    // Hosts.
    ("GET / HTTP/1.1\r\nA: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    ("GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x:99999\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x:\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x,y\r\n\r\n", 400),
    // Targets.
    ("GET http://y/ HTTP/1.1\r\n{}\r\n", 400),
    ("GET http://u@x/ HTTP/1.1\r\n{}\r\n", 400),
    ("GET ftp://x/ HTTP/1.1\r\n{}\r\n", 400),
    ("GET /a#b HTTP/1.1\r\n{}\r\n", 400),
    ("GET /a b HTTP/1.1\r\n{}\r\n", 400),
    ("GET /\u{e4} HTTP/1.1\r\n{}\r\n", 400),
    ("GET /\x01 HTTP/1.1\r\n{}\r\n", 400),
    ("GET a HTTP/1.1\r\n{}\r\n", 400),
    ("GET * HTTP/1.1\r\n{}\r\n", 400),
    ("GET \\a HTTP/1.1\r\n{}\r\n", 400),
    ("CONNECT x:443 HTTP/1.1\r\n{}\r\n", 501),
    // Request lines.
    ("GET  / HTTP/1.1\r\n{}\r\n", 400),
    ("GET /  HTTP/1.1\r\n{}\r\n", 400),
    ("GET / HTTP/1.1 \r\n{}\r\n", 400),
    (" GET / HTTP/1.1\r\n{}\r\n", 400),
    ("GET /\r\n{}\r\n", 400),
    ("G@T / HTTP/1.1\r\n{}\r\n", 400),
    ("GET / http/1.1\r\n{}\r\n", 400),
    ("GET / HTTP/1.10\r\n{}\r\n", 400),
    ("GET / HTTP/2.0\r\n{}\r\n", 505),
    ("GET / HTTP/0.9\r\n{}\r\n", 505),
    ("AVERYLONGMETHODTHATNOBODYHASEVERHEARDOF / HTTP/1.1\r\n{}\r\n", 501),
    // Connection and Expect.
    ("GET / HTTP/1.1\r\n{}Connection: close, Host\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n{}Connection: content-length\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n{}Expect: 200-maybe\r\n\r\n", 417),
];

fn expand(request: &str) -> String {
    request.replace("{}", HOST)
}

fn assert_refused(answer: &str, status: u16, request: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answer}");
    assert!(answer.contains("connection: close\r\n") && answer.contains("application/problem+json"), "{answer}");
}

// Would break: a request with two readings that reaches the handler, and so an upstream.
#[tokio::test]
async fn what_is_malformed_is_refused_and_closed() {
    let server = Server::start(Limits::default());
    for (request, status) in BAD {
        let request = expand(request);
        // What follows would be smuggled if the connection went on.
        let answer = server.exchange(format!("{request}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert_refused(&answer, status, &request);
    }
    assert_eq!(server.refused().len(), BAD.len());
}

// Would break: a refusal that depends on where the bytes were split.
#[tokio::test]
async fn what_is_malformed_is_refused_however_it_is_split() {
    let server = Server::start(Limits::default());
    for (request, status) in BAD.into_iter().step_by(7) {
        let request = expand(request);
        for at in 1..request.len() {
            let mut stream = server.connect().await;
            stream.set_nodelay(true).unwrap();
            stream.write_all(&request.as_bytes()[..at]).await.unwrap();
            tokio::task::yield_now().await;
            // The server may have refused, and closed, already.
            let _ = stream.write_all(&request.as_bytes()[at..]).await;
            assert_refused(&read_to_end(&mut stream).await, status, &request);
        }
    }
}

const BAD_BODIES: [&str; 22] = [
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5_0\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5 ;a\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    ";a\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "00000000000000005\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello!\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5;a\nhello\r\n0\r\n\r\n",
    "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
    "5;a\x01\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
];

// Would break: a chunked body that another parser ends elsewhere.
#[tokio::test]
async fn malformed_chunks_are_refused() {
    let server = Server::start(Limits::default());
    for body in BAD_BODIES {
        let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = server.exchange(format!("{head}{body}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert_refused(&answer, 400, body);
    }
}

// Would break: a head or a body without a bound.
#[tokio::test]
async fn what_is_too_long_is_refused() {
    let mut limits = Limits::default();
    limits.body_bytes_max = 10;
    let server = Server::start(limits);
    let long = "a".repeat(20_000);
    let many = "a: b\r\n".repeat(100);
    let cases = [
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        (format!("GET /{long}"), 414),
        (format!("GET / HTTP/1.1\r\nHost: x\r\na: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world".to_owned(), 413),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n".to_owned(),
            413,
        ),
    ];
    for (request, status) in cases {
        assert_refused(&server.exchange(request.as_bytes()).await, status, &request[..40]);
    }
}
