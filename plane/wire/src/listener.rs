//! Where connections come in: bound here, or taken over from another process.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};

use crate::proxy::Network;
use crate::tls::ServerTls;

/// Connections that wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: u32 = 4096;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) tls: Option<ServerTls>,
    /// Whose PROXY header is believed; without any, none is read.
    pub(crate) trusted: Option<Arc<[Network]>>,
}

impl Listener {
    /// Binds an address. With `reuse_port` several workers may bind the same one, and the kernel spreads connections over them.
    /// Must be called inside a runtime.
    pub fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(reuse_port)?;
        socket.bind(address)?;
        Ok(Self::over(socket.listen(BACKLOG)?))
    }

    /// Takes over a socket that listens already: inherited from the process before, or from a supervisor.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::over(TcpListener::from_std(listener)?))
    }

    fn over(tcp: TcpListener) -> Self {
        Self { tcp, tls: None, trusted: None }
    }

    /// Speaks TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Takes the client's address from a PROXY header, version 1 or 2, before everything else. The header must come, and only these
    /// senders may come at all.
    #[must_use]
    pub fn with_proxy_protocol(mut self, trusted: &[Network]) -> Self {
        self.trusted = Some(trusted.into());
        self
    }

    /// The address it listens on.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The socket, to hand it to another process.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.tcp.into_std()
    }
}
