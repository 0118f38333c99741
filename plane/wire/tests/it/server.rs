//! A real server on a free port and raw clients for it: what the other modules of these tests are written with.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_wire::{Body, Drain, Handler, Limits, Listener, Peer, Refusal, Request, Response, serve};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers with what it saw: method, target, host, and the body. Paths choose other behaviour.
#[derive(Clone, Default)]
pub struct Mirror {
    pub refused: Arc<Mutex<Vec<Refusal>>>,
    pub cancelled: Arc<Mutex<u32>>,
    pub stalled: Arc<Mutex<u32>>,
}

struct CountDrop(Arc<Mutex<u32>>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

impl Handler for Mirror {
    async fn handle(&self, request: Request, _: &Arc<Peer>) -> Response {
        let (parts, mut body) = request.into_parts();
        match parts.uri.path() {
            "/cookies" => {
                let mut answer = Response::new(Body::empty());
                for cookie in parts.headers.get_all("cookie") {
                    answer.headers_mut().append("x-cookie", cookie.clone());
                }
                return answer;
            }
            "/unread" => return Response::new(Body::full("unread")),
            "/hang" => {
                let _guard = CountDrop(Arc::clone(&self.cancelled));
                std::future::pending::<()>().await;
            }
            "/stall" => {
                let _guard = CountDrop(Arc::clone(&self.cancelled));
                let _first = body.frame().await;
                *self.stalled.lock().unwrap() += 1;
                return std::future::pending().await;
            }
            "/stream" => return Response::new(Body::boxed(body)),
            "/streamed" => return Response::new(body),
            _ => {}
        }
        let host = parts.headers.get("host").map_or("-", |host| host.to_str().unwrap());
        let collected = match body.collect().await {
            Ok(collected) => collected,
            Err(error) => {
                let mut answer = Response::new(Body::full(error.to_string()));
                *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
                return answer;
            }
        };
        let trailers = collected.trailers().map_or(0, http::HeaderMap::len);
        let data = collected.to_bytes();
        let text = format!("{} {} {host} {trailers} {}", parts.method, parts.uri, String::from_utf8_lossy(&data));
        Response::new(Body::full(text))
    }

    fn refused(&self, refusal: Refusal, _: &Arc<Peer>) {
        self.refused.lock().unwrap().push(refusal);
    }
}

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    pub drain: Drain,
    pub mirror: Mirror,
}

impl Server {
    pub fn start(limits: Limits) -> Self {
        let mirror = Mirror::default();
        let (address, drain) = start(limits, mirror.clone());
        Self { address, drain, mirror }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and gives all that comes back until the server closes.
    pub async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }

    pub fn refused(&self) -> Vec<Refusal> {
        self.mirror.refused.lock().unwrap().clone()
    }
}

/// Serves with any handler.
pub fn start(limits: Limits, handler: impl Handler) -> (SocketAddr, Drain) {
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), false).unwrap();
    let address = listener.local_address().unwrap();
    let drain = Drain::new();
    tokio::spawn(serve(listener, Arc::new(limits), handler, drain.clone()));
    (address, drain)
}

pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(120), stream.read_to_end(&mut bytes));
    let _ = read.await.expect("the server closes");
    String::from_utf8(bytes).unwrap()
}

/// Reads until this text has come.
pub async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&bytes).contains(text) {
            let mut buffer = [0_u8; 4096];
            let taken = stream.read(&mut buffer).await.unwrap();
            assert!(taken > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&buffer[..taken]);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("it comes");
    String::from_utf8(bytes).unwrap()
}
