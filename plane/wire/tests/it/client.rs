//! The client side against raw upstreams: answers in every framing, what is given back to the shelf and what is closed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use homeostat_wire::client::{ClientLimits, Connection, SendErrorKind, Shelf};
use homeostat_wire::{Body, Request, Response};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Default)]
pub struct Kept(Mutex<Vec<Connection>>);

impl Kept {
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Shelf for Kept {
    fn put(&self, connection: Connection) {
        self.0.lock().unwrap().push(connection);
    }
}

/// An upstream that reads a head and says these pieces, then closes or not.
async fn upstream(pieces: &[&str], close: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pieces: Vec<String> = pieces.iter().map(|&piece| piece.to_owned()).collect();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut seen = Vec::new();
        while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut buffer = [0; 1024];
            let taken = stream.read(&mut buffer).await.unwrap();
            seen.extend_from_slice(&buffer[..taken]);
        }
        for piece in pieces {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        if !close {
            let _ = stream.read(&mut [0; 1]).await;
            std::future::pending::<()>().await;
        }
    });
    address
}

fn get(path: &str) -> Request {
    http::Request::builder().uri(path).header("host", "up").body(Body::empty()).unwrap()
}

async fn ask(address: SocketAddr, kept: &Arc<Kept>) -> Result<(Response, String), SendErrorKind> {
    let connection = Connection::open(address, None, ClientLimits::default()).await.unwrap();
    let shelf = Arc::clone(kept) as Arc<dyn Shelf>;
    let answer = connection.send(get("/"), shelf).await.map_err(|error| error.kind)?;
    let (parts, body) = answer.into_parts();
    let text = match body.collect().await {
        Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
        Err(error) => error.to_string(),
    };
    Ok((Response::from_parts(parts, Body::empty()), text))
}

// Would break: an answer read wrongly for its framing or for where its bytes were split, or a connection kept that must not be.
#[tokio::test]
async fn answers_in_every_framing_are_read_whole() {
    let cases: [(&str, bool, &str, bool); 7] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "hello", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", false, "hello", true),
        ("HTTP/1.1 200 OK\r\n\r\nhello", true, "hello", false),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, "", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", false, "hello", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", false, "hello", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1", false, "hello", false),
    ];
    for (bytes, close, expected, reusable) in cases {
        for at in 0..bytes.len() {
            // What comes unasked in a piece of its own is found when the connection is taken again, not here.
            if bytes.ends_with("helloHTTP/1.1") && at > 0 {
                continue;
            }
            let address = upstream(&[&bytes[..at], &bytes[at..]], close).await;
            let kept = Arc::new(Kept::default());
            let (_, text) = ask(address, &kept).await.unwrap();
            assert_eq!(text, expected, "{bytes:?} at {at}");
            assert_eq!(kept.0.lock().unwrap().len(), usize::from(reusable), "{bytes:?} at {at}");
        }
    }
}

/// So many bytes, none of which stands for another.
fn text(bytes: usize) -> String {
    (0..).map(|number| format!("{number:07} ")).take(bytes / 8 + 1).collect::<String>()[..bytes].to_owned()
}

// Would break: large pieces, which are not copied but taken out of the buffer that all connections of a thread read into: shifted,
// cut, or written over while somebody still holds them.
#[tokio::test]
async fn large_answers_are_whole_while_others_are_read() {
    let mut held = Vec::new();
    for bytes in [8_000, 8_192, 8_193, 20_000, 65_536, 81_000, 300_000] {
        let body = text(bytes);
        let length = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{body}");
        let chunks = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n{body}\r\n0\r\n\r\n");
        let hinted = format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{length}");
        let until_closed = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
        for (answer, close) in [(length, false), (chunks, false), (hinted, false), (until_closed, true)] {
            let address = upstream(&[&answer], close).await;
            let kept = Arc::new(Kept::default());
            let connection = Connection::open(address, None, ClientLimits::default()).await.unwrap();
            let got = connection.send(get("/"), Arc::clone(&kept) as Arc<dyn Shelf>).await.map_err(|error| error.kind);
            let got = got.unwrap().into_body().collect().await.unwrap().to_bytes();
            assert_eq!(kept.count(), usize::from(!close), "{bytes}: {}", &answer[..40]);
            held.push((body.clone(), got));
        }
        // What is beyond its length is never kept for the next request.
        let address =
            upstream(&[&format!("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{}", text(9_001))], false).await;
        let kept = Arc::new(Kept::default());
        assert_eq!(ask(address, &kept).await.unwrap().1, text(9_000));
        let connection = kept.0.lock().unwrap().pop();
        if let Some(mut connection) = connection {
            // What came in a piece of its own is found when the connection is taken again.
            while connection.is_reusable() {
                tokio::task::yield_now().await;
            }
        }
    }
    assert!(held.iter().all(|(sent, got)| sent.as_bytes() == &got[..]), "what is held was changed");
}

// Would break: a retry of a request that the upstream has begun, or none of one that it has not seen.
#[tokio::test]
async fn a_closed_connection_says_that_nothing_began() {
    let address = upstream(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], true).await;
    let kept = Arc::new(Kept::default());
    ask(address, &kept).await.unwrap();
    let mut connection = kept.0.lock().unwrap().pop().unwrap();
    while connection.is_reusable() {
        tokio::task::yield_now().await;
    }
    let error = connection.send(get("/again"), kept).await.unwrap_err();
    assert!(!error.may_have_begun);
    assert!(error.body.is_some(), "the body comes back");
}
