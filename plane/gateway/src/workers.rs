//! The workers: one thread each with a runtime of its own, and a listening socket of its own for every listener.
//!
//! The kernel deals connections out among the sockets (SO_REUSEPORT), and what a connection needs stays on the thread that accepted it.
//! Always holds: a worker ends only when all its connections have, or the time for that is over; it takes orders and never waits for
//! whoever gives them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use homeostat_wire::proxy::Network;
use homeostat_wire::tls::ServerTls;
use homeostat_wire::{Drain, Limits, Listener};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::front::Front;
use crate::gateway::Gateway;

/// Orders that wait for a worker: one for each listener of a changed configuration.
const ORDERS_MAX: usize = 128;
/// Connections that the kernel keeps for a socket until they are accepted.
const BACKLOG: u32 = 4_096;

/// A listening socket for a worker to serve until it is drained.
#[derive(Debug)]
pub struct Order {
    /// The socket.
    pub socket: TcpListener,
    /// What is spoken on it before HTTP.
    pub speech: Speech,
    /// What its clients may do.
    pub limits: Arc<Limits>,
    /// Ends it.
    pub drain: Drain,
}

/// What is spoken on a listener before HTTP.
#[derive(Debug, Clone, Default)]
pub struct Speech {
    /// TLS.
    pub tls: Option<ServerTls>,
    /// Whose PROXY headers must come first.
    pub proxy_from: Option<Arc<[Network]>>,
}

impl Speech {
    fn listen(&self, socket: TcpListener) -> io::Result<Listener> {
        let mut listener = Listener::from_std(socket)?;
        if let Some(tls) = &self.tls {
            listener = listener.with_tls(tls.clone());
        }
        if let Some(trusted) = &self.proxy_from {
            listener = listener.with_proxy_protocol(trusted);
        }
        Ok(listener)
    }
}

/// All workers.
#[derive(Debug)]
pub struct Workers {
    orders: Vec<mpsc::Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// When there are no threads to be had.
    pub fn start(gateway: &Arc<Gateway>) -> io::Result<Self> {
        let mut all = Self { orders: Vec::new(), threads: Vec::new() };
        let mut handles = Vec::new();
        for number in 0..gateway.workers() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let (give, orders) = mpsc::channel(ORDERS_MAX);
            let front = Front::new(Arc::clone(gateway), number);
            let work = move || runtime.block_on(serve(front, orders));
            all.threads.push(std::thread::Builder::new().name(format!("worker-{number}")).spawn(work)?);
            all.orders.push(give);
        }
        gateway.runtimes().begun(handles);
        Ok(all)
    }

    /// Has every worker serve its socket of a listener.
    pub async fn serve(&self, sockets: Vec<TcpListener>, speech: &Speech, limits: &Arc<Limits>, drain: &Drain) {
        for (place, socket) in sockets.into_iter().enumerate() {
            let order = Order { socket, speech: speech.clone(), limits: Arc::clone(limits), drain: drain.clone() };
            // A gateway that was handed more sockets than it has workers serves several on one.
            if self.orders[place % self.orders.len()].send(order).await.is_err() {
                tracing::error!("a worker has ended and serves no more");
            }
        }
    }

    /// Waits until all have ended; their listeners must have been drained.
    pub fn end(self) {
        drop(self.orders);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker has panicked");
            }
        }
    }
}

async fn serve(front: Front, mut orders: mpsc::Receiver<Order>) {
    let mut serving = JoinSet::new();
    while let Some(Order { socket, speech, limits, drain }) = orders.recv().await {
        match speech.listen(socket) {
            Ok(socket) => {
                serving.spawn(homeostat_wire::serve(socket, limits, front.clone(), drain));
            }
            Err(error) => tracing::error!(%error, "a listening socket cannot be served"),
        }
        while serving.try_join_next().is_some() {}
    }
    while serving.join_next().await.is_some() {}
}

/// One socket for each of so many workers, all at one address. Port 0 is decided by the first.
///
/// # Errors
/// When the address cannot be had.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    let mut sockets = Vec::new();
    let mut address = address;
    for _ in 0..workers {
        let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?.into_std()?;
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok(sockets)
}
