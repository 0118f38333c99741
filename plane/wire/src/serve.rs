//! The accept loop of one worker, on its current-thread runtime: a task for each connection, until the drain begins.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::drain::{Drain, Seat};
use crate::h1::{End, serve_connection};
use crate::handler::Handler;
use crate::io::Io;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::tunnel::tunnel;

/// After an error that will come again at once (no descriptors left), accepting pauses: what is open must get the time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections and serves them until the drain begins. The connections live on; [`Drain::emptied`] waits for them.
pub async fn serve<H: Handler>(listener: Listener, limits: Arc<Limits>, handler: H, drain: Drain) {
    let own = Drain::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.begun() => return,
            accepted = listener.tcp.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if concerns_one_connection(&error) => continue,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let local = stream.local_addr().unwrap_or(address);
        let peer = Arc::new(Peer::direct(address, local));
        if own.open() >= limits.connections_max {
            handler.refused(Refusal::TooManyConnections, &peer);
            continue;
        }
        let seats = (own.seat(), drain.seat());
        tokio::spawn(connection(stream, peer, Arc::clone(&limits), handler.clone(), drain.clone(), seats));
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    peer: Arc<Peer>,
    limits: Arc<Limits>,
    handler: H,
    drain: Drain,
    _seats: (Seat, Seat),
) {
    // Small answers must not wait for an acknowledgement; a socket that refuses this is broken, and reading says so.
    let _ = stream.set_nodelay(true);
    match serve_connection(Io::Tcp(stream), &peer, &limits, &handler, &drain).await {
        End::Closed => {}
        End::Tunnel(io, ahead, upgraded) => Box::pin(tunnel(io, ahead, &upgraded, limits.tunnel_idle_timeout)).await,
    }
}

/// The client that was next in line left again, or was cut off: the next one is not concerned.
fn concerns_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
