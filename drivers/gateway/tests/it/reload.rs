//! Orders to read the settings again reach the gateway, whatever becomes of the first one.

use homeostat_driver_gateway::Client;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::timeout;

use crate::bed::PATIENCE;

/// Takes the next request, and answers with these bytes.
async fn takes(listener: &UnixListener, answer: &str) -> String {
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.expect("somebody asks").unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"{}") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "a request with a body");
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

const READ: &str = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{\"changed\":true}";

fn bound(socket: &Path) -> UnixListener {
    UnixListener::bind(socket).unwrap()
}

#[tokio::test]
async fn an_order_that_was_lost_is_given_again() {
    // Would break: a gateway that was busy or in trouble just then goes on with the settings of before for good.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("gateway.sock");
    let listener = bound(&socket);
    let client = Client::new(socket.clone());
    // It dies over the order.
    let ((), first) = tokio::join!(client.reload(socket), takes(&listener, ""));
    assert!(first.starts_with("POST /v1/reload "), "{first}");
    assert!(takes(&listener, READ).await.starts_with("POST /v1/reload "));
}

#[tokio::test]
async fn a_gateway_that_started_since_is_told_where_it_listens_now() {
    // Would break: a gateway whose control has moved while it was down is never heard of again.
    let folder = tempfile::tempdir().unwrap();
    let (before, now) = (folder.path().join("before.sock"), folder.path().join("now.sock"));
    let client = Client::new(before);
    client.reload(now.clone()).await;
    let listener = bound(&now);
    assert!(takes(&listener, READ).await.starts_with("POST /v1/reload "));
    let order = async {
        // Until the answer to the order has been taken in, it is asked where it was before.
        while client.post::<serde_json::Value>("/v1/drain").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let ((), next) = tokio::join!(order, takes(&listener, READ));
    assert!(next.starts_with("POST /v1/drain "), "{next}");
}
