//! A connection to an upstream between requests: opening it, and telling whether it can still be used.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use tokio::net::TcpStream;

use crate::head::HeadLimits;
use crate::io::Io;
use crate::outbox::Outbox;
use crate::scratch;
use crate::tls::ClientTls;

/// How much an upstream may send before its body, and after it.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// The head of an answer: larger than for requests, origins set large cookies and policies.
    pub head: HeadLimits,
    /// Bytes of a trailer section.
    pub trailer_bytes_max: usize,
    /// Interim answers (1xx) before the answer.
    pub interim_max: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            head: HeadLimits { bytes_max: 64 * 1024, fields_max: 200 },
            trailer_bytes_max: 16 * 1024,
            interim_max: 16,
        }
    }
}

/// One HTTP/1.1 connection to an upstream.
#[derive(Debug)]
pub struct Connection(pub(super) Box<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) io: Io,
    pub(super) outbox: Outbox,
    pub(super) address: SocketAddr,
    pub(super) limits: ClientLimits,
    pub(super) requests: u64,
}

impl Connection {
    /// Connects, in clear text or with TLS. The caller bounds the time.
    pub async fn open(address: SocketAddr, tls: Option<&ClientTls>, limits: ClientLimits) -> io::Result<Self> {
        Ok(Self::over(connect(address, tls).await?, address, limits))
    }

    pub(crate) fn over(io: Io, address: SocketAddr, limits: ClientLimits) -> Self {
        Self(Box::new(Inner { io, outbox: Outbox::default(), address, limits, requests: 0 }))
    }

    /// Where it leads.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// How many requests it has carried.
    pub fn requests(&self) -> u64 {
        self.0.requests
    }

    /// Whether the upstream has neither closed it nor sent anything unasked, as far as is known here. Costs no call to the system
    /// unless something came.
    pub fn is_reusable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        // Anything but silence ends it: a close, an error, or bytes that nobody asked for (which would answer the next request).
        matches!(scratch::poll_read(&mut self.0.io, &mut cx, 1, |_| ()), Poll::Pending)
    }
}

/// A stream to an upstream, in clear text or with TLS.
pub(super) async fn connect(address: SocketAddr, tls: Option<&ClientTls>) -> io::Result<Io> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    match tls {
        None => Ok(Io::Tcp(stream)),
        Some(tls) => tls.connect(stream).await,
    }
}
