//! A client that sends what it is told, good or bad, and reads answers and event streams.

use crate::PATIENCE;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Where requests go, and the headers they bear.
#[derive(Clone)]
pub struct Client {
    place: Place,
    headers: Vec<(String, String)>,
}

#[derive(Clone)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub media: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        assert_eq!(self.media, "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    pub fn tcp(address: SocketAddr) -> Self {
        let client = Self { place: Place::Tcp(address), headers: Vec::new() };
        client.with("host", &address.to_string())
    }

    pub fn unix(data_folder: &Path) -> Self {
        let client = Self { place: Place::Unix(data_folder.to_owned()), headers: Vec::new() };
        client.with("host", "localhost")
    }

    /// With a header, in place of one of the same name.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, Some(body)).await
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let exchange = async {
            let (response, _connection) = self.send(method, path, body).await;
            let media = response.headers().get("content-type").map_or("", |media| media.to_str().unwrap()).to_owned();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
            Reply { status, media, body }
        };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap()
    }

    /// Opens an event stream, or tells with which status it was refused.
    pub async fn stream(&self, path: &str) -> Result<Stream, u16> {
        let (response, connection) = tokio::time::timeout(PATIENCE, self.send("GET", path, None)).await.unwrap();
        if response.status() != StatusCode::OK {
            return Err(response.status().as_u16());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Stream { body: response.into_body(), text: String::new(), _connection: connection })
    }

    async fn send(&self, method: &str, path: &str, body: Option<&str>) -> (Response<Incoming>, JoinSet<()>) {
        let mut connection = JoinSet::new();
        let mut sender = match &self.place {
            Place::Tcp(address) => handshake(TcpStream::connect(address).await.unwrap(), &mut connection).await,
            Place::Unix(folder) => handshake(homeostat_api::connect(folder).await.unwrap(), &mut connection).await,
        };
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if body.is_some() && !self.headers.iter().any(|(name, _)| name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default().to_owned()));
        (sender.send_request(request.body(body).unwrap()).await.unwrap(), connection)
    }
}

async fn handshake<S>(stream: S, connection: &mut JoinSet<()>) -> http1::SendRequest<Full<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    connection.spawn(async move { drop(driver.await) });
    sender
}

/// An open event stream; dropping it cuts the connection.
pub struct Stream {
    body: Incoming,
    text: String,
    _connection: JoinSet<()>,
}

impl Stream {
    /// The next event's place and data; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                let Some(id) = field("id: ") else { continue };
                let data: Value = serde_json::from_str(field("data: ").unwrap()).unwrap();
                assert_eq!(data["seq"].to_string(), id);
                return Some((id.parse().unwrap(), data));
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.unwrap()?;
            let data = frame.ok()?.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }
}

/// Sends bytes as they are, ends the sending side, and returns what comes back until the other side closes.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    exchange(address, bytes, true).await
}

/// The same with the sending side left open, as `curl` does.
pub async fn raw_open(address: SocketAddr, bytes: &[u8]) -> String {
    exchange(address, bytes, false).await
}

async fn exchange(address: SocketAddr, bytes: &[u8], ends: bool) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The other side may close before it has read all of it.
        let _ = stream.write_all(bytes).await;
        if ends {
            let _ = stream.shutdown().await;
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}
