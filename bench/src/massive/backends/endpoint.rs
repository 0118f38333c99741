//! The door of an endpoint: a port that is ours all the time, and at which somebody listens only while the plan says so.
//!
//! A port that is reserved and not listened at refuses connections as a machine without the program does. What is under way when
//! the door closes goes on; connections that wait for a request are closed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer::answer;
use super::world::World;

/// Connections that wait to be accepted: a burst comes at once.
const BACKLOG: u32 = 8192;
/// How long to wait before looking again at a door that never changes.
const FOREVER: Duration = Duration::from_secs(3600);

/// A port that is reserved.
#[derive(Debug)]
pub struct Endpoint {
    /// Bound and never listened at: so nobody else gets the port while the door is closed.
    _keeper: TcpSocket,
    address: SocketAddr,
}

impl Endpoint {
    /// Reserves a free port.
    pub fn reserve() -> Result<Self> {
        let keeper = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = keeper.local_addr()?;
        Ok(Self { _keeper: keeper, address })
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Opens and closes by the plan, for ever.
    pub async fn serve(self, number: usize, world: Arc<World>) -> Result<()> {
        let mut guests = JoinSet::new();
        loop {
            let (is_shut, change) = world.door(number);
            let change = change.unwrap_or_else(|| Instant::now() + FOREVER);
            if is_shut {
                tokio::time::sleep_until(change).await;
                continue;
            }
            let listener = socket(self.address)?.listen(BACKLOG).context("opening the door again")?;
            self.welcome(number, &world, listener, &mut guests).await?;
        }
    }

    /// Serves until the door closes. What is under way then ends in its own time.
    async fn welcome(
        &self,
        number: usize,
        world: &Arc<World>,
        listener: TcpListener,
        guests: &mut JoinSet<()>,
    ) -> Result<()> {
        let (closing, _) = watch::channel(false);
        loop {
            let (is_shut, change) = world.door(number);
            if is_shut {
                break;
            }
            let change = change.unwrap_or_else(|| Instant::now() + FOREVER);
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted.context("accepting")?;
                    guests.spawn(host(stream, number, Arc::clone(world), closing.subscribe()));
                }
                _ = guests.join_next(), if !guests.is_empty() => {}
                () = tokio::time::sleep_until(change) => {}
            }
        }
        drop(listener);
        // Fails when there is nobody to tell.
        let _ = closing.send(true);
        Ok(())
    }
}

fn socket(address: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("binding {address}"))?;
    Ok(socket)
}

/// Serves a connection until it ends, or is idle when the door closes.
async fn host(stream: TcpStream, number: usize, world: Arc<World>, mut closing: watch::Receiver<bool>) {
    // Without it small answers wait for acknowledgements; that it fails only for a connection that is gone.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&world), number, request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is written down by its attempts.
    tokio::select! {
        _ = &mut connection => return,
        _ = closing.wait_for(|is_closing| *is_closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
