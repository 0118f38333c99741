//! Who is at the other end of a connection: known once, shared by all its requests.

use std::net::SocketAddr;

/// The client of a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peer {
    /// The client's address: what the PROXY header says where the listener takes one, else the TCP peer.
    pub address: SocketAddr,
    /// The TCP peer.
    pub hop: SocketAddr,
    /// The address it came to: what the PROXY header says where the listener takes one, else the socket's own.
    pub local: SocketAddr,
    /// What TLS told, where the connection has it.
    pub tls: Option<TlsFacts>,
}

impl Peer {
    /// A peer in clear text that came directly.
    pub fn direct(address: SocketAddr, local: SocketAddr) -> Self {
        Self { address, hop: address, local, tls: None }
    }
}

/// What a TLS handshake settled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TlsFacts {
    /// The name that the client asked for.
    pub server_name: Option<String>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// Whether HTTP/2 was agreed on.
    pub h2: bool,
    /// The client's certificate in DER, checked against the roots; none where it did not send one.
    pub client_certificate: Option<bytes::Bytes>,
}
