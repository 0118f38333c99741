//! What a client must tell the policies, and nothing more: how to make one attempt, and what its answer says.
//!
//! This is the file to copy from. [`send`] makes one attempt and leaves nothing running when it is dropped, which is how losers
//! of a race and calls past their deadline end. [`advise`] never blocks and never counts: it only looks.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::deadline::{REMAINING_HEADER, Remaining};
use homeostat_resilience::{Advice, Attempt, Verdict};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer here is one line; more is not read.
const ANSWER_BYTES_MAX: usize = 4_096;

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Ask {
    /// The price of something.
    Price(&'static str),
    /// To take an order of this name.
    Order(String),
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// When to come back, if that was said.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no connection: nothing was sent.
    #[error("cannot connect: {0}")]
    NotConnected(#[source] io::Error),
    /// It broke off, at a point that nobody knows.
    #[error("the connection broke: {0}")]
    Broke(String),
}

/// What an answer says. The one thing that only the caller knows.
pub fn advise(ask: &Ask, result: Result<&Reply, &HttpError>) -> Advice {
    let reply = match result {
        // Nothing was sent: even an order may be given to somebody else.
        Err(HttpError::NotConnected(_)) => return Advice::from(Verdict::Failed).never_began(),
        // It may or may not have arrived: only what may be done twice is tried again.
        Err(HttpError::Broke(_)) => return Verdict::Failed.into(),
        Ok(reply) => reply,
    };
    match reply.status {
        // Busy is not broken. That it did not begin is in the contract of this shop; of yours you must know it.
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            Advice { retry_after: reply.retry_after, ..Advice::from(Verdict::Full).never_began() }
        }
        status if status.is_server_error() => Verdict::Failed.into(),
        // The status is right and the body is not: a failure like any other, and the one that health checks do not see.
        status if status.is_success() && !is_right(ask, &reply.body) => Verdict::Failed.into(),
        status if status.is_success() => Verdict::Good.into(),
        // 404 and its like: an answer that every shop would give. It says nothing of this one.
        _ => Verdict::Ignored.into(),
    }
}

/// Whether a body answers what was asked.
fn is_right(ask: &Ask, body: &str) -> bool {
    match ask {
        Ask::Price(name) => body.split_once(' ').is_some_and(|(of, cents)| of == *name && cents.parse::<u32>().is_ok()),
        Ask::Order(order) => body == order,
    }
}

/// Makes one attempt at one server, on a connection of its own. (With a pool of connections for each server, that pool would be the
/// value of the endpoint instead of its address.)
pub async fn send(clock: &Clock, attempt: Attempt, server: SocketAddr, ask: &Ask) -> Result<Reply, HttpError> {
    let broke = |error: hyper::Error| HttpError::Broke(error.to_string());
    let stream = TcpStream::connect(server).await.map_err(HttpError::NotConnected)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
    let request = match ask {
        Ask::Price(name) => Request::get(format!("/price/{name}")),
        Ask::Order(_) => Request::post("/orders"),
    };
    let mut request = request.header(HOST, server.to_string());
    // How long we still wait, so that the other side does not work for nobody.
    if let Some(remaining) = Remaining::of(&attempt.call, clock.now()) {
        request = request.header(REMAINING_HEADER, remaining.to_string());
    }
    let body = if let Ask::Order(order) = ask { order.clone() } else { String::new() };
    let request = request.body(Full::new(Bytes::from(body))).expect("its parts are made of letters and digits");
    let answer = async {
        let response = sender.send_request(request).await.map_err(broke)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| HttpError::Broke(error.to_string()))?.to_bytes();
        let seconds = head.headers.get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.trim().parse().ok());
        Ok(Reply {
            status: head.status,
            retry_after: seconds.map(Duration::from_secs),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    };
    // Both in one future and not the connection in a task of its own: dropped, the attempt is gone with all it had.
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        result = &mut answer => result,
        _ = connection => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let status = StatusCode::from_u16(status).expect("a status");
        Reply { status, retry_after: Some(Duration::from_secs(1)), body: body.to_owned() }
    }

    #[test]
    fn answers_are_judged_by_what_they_say() {
        // Would break: a busy shop held for a broken one, a wrong body taken for a price, a shop blamed for a 404.
        let judged = |status, body| advise(&Ask::Price("apple"), Ok(&reply(status, body)));
        assert_eq!(judged(200, "apple 120").verdict, Verdict::Good);
        assert_eq!(judged(200, "bread 340").verdict, Verdict::Failed);
        assert_eq!(judged(200, "<html>").verdict, Verdict::Failed);
        assert_eq!(judged(500, "apple 120").verdict, Verdict::Failed);
        assert_eq!(judged(404, "we have none").verdict, Verdict::Ignored);
        for busy in [429, 503] {
            let advice = judged(busy, "no room");
            let full = Advice::from(Verdict::Full).never_began().retry_after(Duration::from_secs(1));
            assert_eq!(advice, full);
        }
    }

    #[test]
    fn an_order_goes_elsewhere_only_if_it_was_never_sent() {
        // Would break: an order that two shops deliver.
        let order = Ask::Order("7".to_owned());
        let refused = HttpError::NotConnected(io::ErrorKind::ConnectionRefused.into());
        assert!(advise(&order, Err(&refused)).allows_another(false));
        assert!(!advise(&order, Err(&HttpError::Broke("reset".to_owned()))).allows_another(false));
        assert!(!advise(&order, Ok(&reply(500, "out of order"))).allows_another(false));
        assert!(advise(&order, Ok(&reply(503, "no room"))).allows_another(false));
    }
}
