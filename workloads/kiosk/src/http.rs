//! As much of HTTP/1.1 as the kiosk needs: one request a connection, no bodies coming in.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The longest request that is read, in bytes.
const REQUEST_BYTES_MAX: u64 = 8 << 10;

/// How long a client, or the catalog, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The path without what follows the question mark.
    pub path: String,
    query: String,
}

impl Request {
    /// Reads the head of a request; `None` when the client has nothing sensible to say.
    pub fn read(stream: &TcpStream) -> io::Result<Option<Self>> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream.take(REQUEST_BYTES_MAX)).lines();
        let Some(first) = lines.next().transpose()? else { return Ok(None) };
        // The headers are read to their end, so that closing the connection does not reset it.
        for line in lines {
            if line?.is_empty() {
                return Ok(Self::parse(&first));
            }
        }
        Ok(None)
    }

    fn parse(line: &str) -> Option<Self> {
        let target = line.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self { path: path.to_owned(), query: query.to_owned() })
    }

    /// The number called `name` behind the question mark.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1.parse().ok()
    }
}

/// Answers and is done with the connection.
pub fn answer(mut stream: &TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\ncontent-type: text/plain\r\nconnection: close\r\n");
    stream.write_all(format!("{head}\r\n{body}").as_bytes())
}

/// Asks `address` for `path` and gives back the body of a good answer.
pub fn get(address: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut text = String::new();
    stream.take(REQUEST_BYTES_MAX).read_to_string(&mut text)?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        Some((head, _)) => Err(io::Error::other(head.lines().next().unwrap_or_default().to_owned())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
