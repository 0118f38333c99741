//! A connection to the backend that a task of its own drives, as hyper's documentation shows it.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Connections that are kept: more than the load client has.
const IDLE_MAX: usize = 1024;

thread_local! {
    static IDLE: RefCell<Vec<SendRequest<Incoming>>> = const { RefCell::new(Vec::new()) };
}

/// Asks the backend over a kept connection, or over a new one.
pub async fn ask(request: Request<Incoming>, backend: u16) -> Result<Response<Returned>> {
    let kept = IDLE.with_borrow_mut(Vec::pop);
    let mut sender = match kept {
        Some(sender) => sender,
        None => open(backend).await?,
    };
    // Its task may not yet have seen that the last answer is through.
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    Ok(answer.map(|incoming| {
        let mut body = Returned { incoming, sender: Some(sender) };
        body.settle();
        body
    }))
}

async fn open(backend: u16) -> Result<SendRequest<Incoming>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, backend)).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with its connection.
    tokio::spawn(connection);
    Ok(sender)
}

/// A body that gives the connection back when it is through.
pub struct Returned {
    incoming: Incoming,
    sender: Option<SendRequest<Incoming>>,
}

impl Returned {
    fn settle(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(sender) = self.sender.take()
        {
            IDLE.with_borrow_mut(|idle| {
                if idle.len() < IDLE_MAX {
                    idle.push(sender);
                }
            });
        }
    }
}

impl Body for Returned {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        self.settle();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
