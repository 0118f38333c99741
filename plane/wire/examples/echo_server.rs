//! The least server: answers every request with what it carried, or with as many bytes as its path asks for (`/bytes/65536`).
//!
//! `cargo run --release -p homeostat-wire --example echo_server -- 127.0.0.1:8001`

use std::sync::Arc;

use bytes::Bytes;
use homeostat_wire::{Body, Drain, Handler, Limits, Listener, Peer, Request, Response, serve};

/// Longer answers are not served.
const BYTES_MAX: usize = 1024 * 1024;

#[derive(Clone)]
struct Echo {
    filler: Bytes,
}

impl Handler for Echo {
    async fn handle(&self, request: Request, _: &Arc<Peer>) -> Response {
        let asked = request.uri().path().strip_prefix("/bytes/").and_then(|count| count.parse::<usize>().ok());
        match asked {
            Some(count) => Response::new(Body::full(self.filler.slice(..count.min(BYTES_MAX)))),
            None => Response::new(request.into_body()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned()).parse()?;
    let listener = Listener::bind(address, false)?;
    println!("listening on {}", listener.local_address()?);
    let echo = Echo { filler: Bytes::from(vec![b'a'; BYTES_MAX]) };
    serve(listener, Arc::new(Limits::default()), echo, Drain::new()).await;
    Ok(())
}
