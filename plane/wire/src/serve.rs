//! The accept loop of one worker, on its current-thread runtime: a task for each connection, until the drain begins.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::drain::{Drain, Seat};
use crate::h1::{End, serve_connection};
use crate::h2::serve_h2;
use crate::handler::Handler;
use crate::io::Io;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::peer::Peer;
use crate::proxy::{self, HEADER_BYTES_MAX, Network, Parsed};
use crate::refusal::Refusal;
use crate::tls::ServerTls;
use crate::tunnel::tunnel;

/// After an error that will come again at once (no descriptors left), accepting pauses: what is open must get the time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all connections of a listener share.
#[derive(Clone)]
struct Shared<H> {
    limits: Arc<Limits>,
    handler: H,
    drain: Drain,
    tls: Option<ServerTls>,
    trusted: Option<Arc<[Network]>>,
}

/// Accepts connections and serves them until the drain begins. The connections live on; [`Drain::emptied`] waits for them.
pub async fn serve<H: Handler>(listener: Listener, limits: Arc<Limits>, handler: H, drain: Drain) {
    let Listener { tcp, tls, trusted } = listener;
    let shared = Shared { limits, handler, drain, tls, trusted };
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.drain.begun() => return,
            accepted = tcp.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if concerns_one_connection(&error) => continue,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Small answers must not wait for an acknowledgement; a socket that refuses this is broken, and reading says so.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().unwrap_or(address);
        let peer = Peer::direct(address, local);
        // Of all workers that share the drain: a limit that a listener has for each of them would be another with every machine.
        if shared.drain.open() >= shared.limits.connections_max {
            shared.handler.refused(Refusal::TooManyConnections, &Arc::new(peer));
            continue;
        }
        let seat = shared.drain.seat();
        if shared.tls.is_none() && shared.trusted.is_none() {
            tokio::spawn(connection(Io::Tcp(stream), Arc::new(peer), shared.clone(), seat));
        } else {
            tokio::spawn(greeted(stream, peer, shared.clone(), seat));
        }
    }
}

/// A connection that begins with a PROXY header, a handshake, or both.
async fn greeted<H: Handler>(mut stream: TcpStream, mut peer: Peer, shared: Shared<H>, seat: Seat) {
    let within = shared.limits.handshake_timeout;
    let greeting = Box::pin(greet(&mut peer, &mut stream, &shared));
    match tokio::time::timeout(within, greeting).await {
        Ok(true) => {}
        Ok(false) | Err(_) => return shared.handler.refused(Refusal::ProxyHeader, &Arc::new(peer)),
    }
    let Some(tls) = &shared.tls else {
        return Box::pin(connection(Io::Tcp(stream), Arc::new(peer), shared, seat)).await;
    };
    match tokio::time::timeout(within, Box::pin(tls.accept(stream))).await {
        Ok(Ok((io, facts))) => {
            peer.tls = Some(facts);
            Box::pin(connection(io, Arc::new(peer), shared, seat)).await;
        }
        Ok(Err(_)) | Err(_) => shared.handler.refused(Refusal::TlsHandshake, &Arc::new(peer)),
    }
}

/// Takes the PROXY header, where the listener asks for one; false if it is not accepted.
async fn greet<H: Handler>(peer: &mut Peer, stream: &mut TcpStream, shared: &Shared<H>) -> bool {
    let Some(trusted) = &shared.trusted else { return true };
    if !trusted.iter().any(|network| network.contains(peer.hop.ip())) {
        return false;
    }
    match proxy_header(stream).await {
        Ok(Some((source, target))) => {
            peer.address = source;
            peer.local = target;
            true
        }
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Reads the header and not a byte more: what follows may be a handshake, which reads the socket itself.
async fn proxy_header(stream: &mut TcpStream) -> io::Result<Option<(std::net::SocketAddr, std::net::SocketAddr)>> {
    let mut header = vec![0_u8; HEADER_BYTES_MAX];
    let mut have = 0;
    loop {
        let seen = stream.peek(&mut header[have..]).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match proxy::parse(&header[..have + seen]) {
            Parsed::More if have + seen < header.len() => {
                stream.read_exact(&mut header[have..have + seen]).await?;
                have += seen;
            }
            Parsed::Header { used, addresses } => {
                stream.read_exact(&mut header[have..used]).await?;
                return Ok(addresses);
            }
            Parsed::More | Parsed::Bad => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

async fn connection<H: Handler>(io: Io, peer: Arc<Peer>, shared: Shared<H>, _seat: Seat) {
    let Shared { limits, handler, drain, .. } = &shared;
    if peer.tls.as_ref().is_some_and(|tls| tls.h2) {
        return Box::pin(serve_h2(io, Bytes::new(), &peer, limits, handler, drain)).await;
    }
    match serve_connection(io, &peer, limits, handler, drain).await {
        End::Closed => {}
        End::Http2(io, start) => Box::pin(serve_h2(io, start, &peer, limits, handler, drain)).await,
        End::Tunnel(io, ahead, upgraded) => {
            let (up, down) = Box::pin(tunnel(io, ahead, &upgraded, limits.tunnel_idle_timeout, || {})).await;
            handler.tunnel_ended(up, down, &peer);
        }
    }
}

/// The client that was next in line left again, or was cut off: the next one is not concerned.
fn concerns_one_connection(error: &io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
