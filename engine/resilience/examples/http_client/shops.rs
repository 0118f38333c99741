//! The shops that the client calls: real HTTP servers on loopback, each in the mood that the example sets.
//!
//! They count what they were asked and remember every order they took, so that the end of the example can tell whether one was
//! taken twice. All that a shop started ends with it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_resilience::deadline::{REMAINING_HEADER, Remaining};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::RETRY_AFTER;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What every shop sells, in cents.
pub const PRICES: [(&str, u32); 3] = [("apple", 120), ("bread", 340), ("cheese", 990)];
/// How long a shop that works takes.
const WORK: Duration = Duration::from_millis(5);
/// Longer than anybody here waits.
const FOR_EVER: Duration = Duration::from_secs(60);
/// An order is a short name; more is not read.
const ORDER_BYTES_MAX: usize = 1_024;

/// How a shop answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// It works, and has no room: 503 and when to come back, without having begun.
    Busy,
    /// 500, and not before it has done what it was asked for: the worst kind for an order.
    Broken,
    /// 200 with a page of somebody else.
    Lying,
    /// Not at all.
    Hanging,
}

/// A shop that runs until it is closed or dropped.
#[derive(Debug)]
pub struct Shop {
    /// Where it listens, or listened.
    pub address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    server: JoinSet<()>,
}

#[derive(Debug)]
struct Desk {
    mood: Mood,
    orders: BTreeMap<String, u32>,
    told: Option<Remaining>,
}

impl Shop {
    /// Opens on a free port.
    pub async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Mutex::new(Desk { mood: Mood::Well, orders: BTreeMap::new(), told: None }));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&desk)));
        Ok(Self { address, desk, server })
    }

    /// Answers so from now on.
    pub fn be(&self, mood: Mood) {
        lock(&self.desk).mood = mood;
    }

    /// Closes for good: whoever connects is refused.
    pub async fn close(&mut self) {
        self.server.shutdown().await;
    }

    /// The orders it took, and how often each.
    pub fn orders(&self) -> BTreeMap<String, u32> {
        lock(&self.desk).orders.clone()
    }

    /// What the last caller said it would still wait.
    pub fn told(&self) -> Option<Remaining> {
        lock(&self.desk).told
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, desk: Arc<Mutex<Desk>>) {
    // Held here, so that the connections end with the shop.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            let answer = service_fn(|request| answer(&desk, request));
            // A caller that goes away in the middle is its own affair.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn answer(desk: &Mutex<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let told = request.headers().get(REMAINING_HEADER).and_then(|text| text.to_str().ok()?.parse().ok());
    let mood = {
        let mut desk = lock(desk);
        desk.told = told.or(desk.told);
        desk.mood
    };
    match mood {
        Mood::Hanging => tokio::time::sleep(FOR_EVER).await,
        Mood::Busy => return Ok(reply(StatusCode::SERVICE_UNAVAILABLE, "no room")),
        Mood::Lying => return Ok(reply(StatusCode::OK, "<html>Under construction</html>")),
        Mood::Well | Mood::Broken => tokio::time::sleep(WORK).await,
    }
    let (status, text) = work(desk, request).await;
    let broke = mood == Mood::Broken;
    Ok(if broke { reply(StatusCode::INTERNAL_SERVER_ERROR, "out of order") } else { reply(status, &text) })
}

async fn work(desk: &Mutex<Desk>, request: Request<Incoming>) -> (StatusCode, String) {
    if request.method() == Method::POST {
        let Ok(body) = Limited::new(request.into_body(), ORDER_BYTES_MAX).collect().await else {
            return (StatusCode::BAD_REQUEST, "an order is one name".to_owned());
        };
        let order = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        *lock(desk).orders.entry(order.clone()).or_default() += 1;
        return (StatusCode::CREATED, order);
    }
    let wanted = request.uri().path().trim_start_matches("/price/");
    match PRICES.into_iter().find(|(name, _)| *name == wanted) {
        Some((name, cents)) => (StatusCode::OK, format!("{name} {cents}")),
        None => (StatusCode::NOT_FOUND, "we have none".to_owned()),
    }
}

fn reply(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
    }
    response
}
