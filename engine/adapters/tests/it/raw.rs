//! HTTP by hand, for requests that no proper client would send and answers that no proper server would give.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::order::soon;

pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends bytes and reads one reply; `None` when the connection is closed without one.
pub async fn ask(address: SocketAddr, request: &str) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may refuse before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    soon(read_reply(&mut stream)).await
}

/// A request with a body.
pub fn post(path: &str, content_type: &str, more: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n{more}\r\n{body}",
        body.len()
    )
}

pub async fn read_reply(stream: &mut TcpStream) -> Option<Reply> {
    let (head, mut body) = read_head(stream).await?;
    let length = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).find_map(|(_, value)| value.parse().ok())
    };
    let wanted: usize = length("content-length").unwrap_or(0);
    while body.len() < wanted {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&buffer[..count]);
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, head, body: String::from_utf8(body).ok()? })
}

/// The head of a message, and what came with it.
pub async fn read_head(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return Some((String::from_utf8(bytes).ok()?, body));
        }
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
    }
}
