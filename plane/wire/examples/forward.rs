//! The least reverse proxy: one worker, one upstream, a shelf of idle connections. What it costs is what the wire costs.
//!
//! `cargo run --release -p homeostat-wire --example forward -- 127.0.0.1:8000 127.0.0.1:8001`

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_wire::client::{ClientLimits, Connection, SendErrorKind, Shelf};
use homeostat_wire::{Body, Drain, Handler, Limits, Listener, Peer, Request, Response, serve, strip_hop_by_hop};

/// Idle connections that are kept.
const IDLE_MAX: usize = 128;

#[derive(Default)]
struct Idle(Mutex<Vec<Connection>>);

impl Idle {
    fn take(&self) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut connection) = idle.pop() {
            if connection.is_reusable() {
                return Some(connection);
            }
        }
        None
    }
}

impl Shelf for Idle {
    fn put(&self, connection: Connection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }
}

#[derive(Clone)]
struct Forward {
    upstream: SocketAddr,
    idle: Arc<Idle>,
}

impl Forward {
    async fn send(&self, request: Request) -> Result<Response, SendErrorKind> {
        let connection = match self.idle.take() {
            Some(connection) => connection,
            None => Connection::open(self.upstream, None, ClientLimits::default()).await.map_err(SendErrorKind::Io)?,
        };
        let shelf = Arc::clone(&self.idle) as Arc<dyn Shelf>;
        connection.send(request, shelf).await.map_err(|error| error.kind)
    }
}

impl Handler for Forward {
    async fn handle(&self, mut request: Request, _: &Arc<Peer>) -> Response {
        strip_hop_by_hop(request.headers_mut());
        match self.send(request).await {
            Ok(mut answer) => {
                strip_hop_by_hop(answer.headers_mut());
                answer
            }
            Err(error) => {
                let mut answer = Response::new(Body::full(format!("{error}\n")));
                *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
                answer
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8000".to_owned()).parse()?;
    let upstream = arguments.next().unwrap_or_else(|| "127.0.0.1:8001".to_owned()).parse()?;
    let listener = Listener::bind(address, false)?;
    println!("listening on {}", listener.local_address()?);
    let forward = Forward { upstream, idle: Arc::default() };
    serve(listener, Arc::new(Limits::default()), forward, Drain::new()).await;
    Ok(())
}
