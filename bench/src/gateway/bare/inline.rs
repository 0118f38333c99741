//! A connection to the backend that is driven by the request which uses it: no task, no wake-up from one to the other.
//!
//! While it lies in the pool nobody drives it. That is noticed only when it is taken out: one that has been closed meanwhile is then
//! thrown away.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, Result, bail};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Connections that are kept: more than the load client has.
const IDLE_MAX: usize = 1024;

thread_local! {
    static IDLE: RefCell<Vec<Link>> = const { RefCell::new(Vec::new()) };
}

/// A connection and its two ends.
struct Link {
    sender: SendRequest<Incoming>,
    connection: Connection<TokioIo<TcpStream>, Incoming>,
}

impl Link {
    async fn open(backend: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, backend)).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection })
    }

    /// Whether it can be used: drives it once, so that it learns of its end.
    fn is_alive(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        Pin::new(&mut self.connection).poll(&mut nobody).is_pending() && self.sender.is_ready()
    }

    /// Back into the pool, when it is ready for another request.
    fn keep(mut self) {
        if self.is_alive() {
            IDLE.with_borrow_mut(|idle| {
                if idle.len() < IDLE_MAX {
                    idle.push(self);
                }
            });
        }
    }
}

/// Asks the backend over a kept connection, or over a new one.
pub async fn ask(request: Request<Incoming>, backend: u16) -> Result<Response<Driven>> {
    let kept = IDLE.with_borrow_mut(Vec::pop);
    let mut link = match kept {
        Some(link) => link,
        None => Link::open(backend).await?,
    };
    let answer = {
        let mut answer = pin!(link.sender.send_request(request));
        let connection = &mut link.connection;
        poll_fn(|context| {
            // The connection alone brings the answer on: only it needs to wake this task.
            let driven = Pin::new(&mut *connection).poll(context);
            match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if driven.is_ready() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    let Some(answer) = answer else { bail!("the backend closed the connection") };
    Ok(answer?.map(|incoming| Driven { incoming, link: Some(link) }.settled()))
}

/// A body that drives the connection that it comes from.
pub struct Driven {
    incoming: Incoming,
    link: Option<Link>,
}

impl Driven {
    /// Gives the connection back as soon as the body is through.
    fn settled(mut self) -> Self {
        self.settle();
        self
    }

    fn settle(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(link) = self.link.take()
        {
            link.keep();
        }
    }
}

impl Body for Driven {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let mut nobody = Context::from_waker(Waker::noop());
        let mut polled = Pin::new(&mut this.incoming).poll_frame(&mut nobody);
        if polled.is_pending()
            && let Some(link) = &mut this.link
        {
            // Its end is told by the body too.
            let _ = Pin::new(&mut link.connection).poll(context);
            polled = Pin::new(&mut this.incoming).poll_frame(&mut nobody);
        }
        this.settle();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
