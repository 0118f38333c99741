//! The server: takes events that are posted.
//!
//! Serves one kind of request, `POST` of events, at the door's path. Always holds: a request is answered 202 or 200 only when all of
//! its events are in the queue, and otherwise none of them is; the same idempotency key takes them in once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::{Clock, Event, Settlement};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::body::{Format, Refusal, parse, read};
use super::intake::{Intake, NotTaken, PostedEvents};
use super::repeats::{FirstTime, Repeats, Seen, Told};
use crate::door::{Answer, Door, DoorSnapshot, Host, Opened, Turn, header, problem};
use crate::error::AdapterError;

/// Longest idempotency key: keys are kept.
const KEY_BYTES_MAX: usize = 128;

/// Longest that a request waits for its acknowledgement: a connection on which no request ends for three minutes is cut off, and the
/// rest of a request needs its time too.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How much a request may bring, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpLimits {
    /// Largest body, in bytes.
    pub body_bytes_max: usize,
    /// How long a body may take to come.
    pub body_time_max: Duration,
    /// Most events in one batch.
    pub events_max: usize,
    /// Events of one class that may wait for the reader.
    pub capacity: usize,
    /// Longest time that a request may wait for its acknowledgement, whatever it asks for; two minutes at most.
    pub wait_max: Duration,
    /// When to come again after a 429 or 503.
    pub retry_after: Duration,
}

impl Default for HttpLimits {
    /// A mebibyte in ten seconds, a thousand events, four thousand waiting, half a minute, a second.
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            body_time_max: Duration::from_secs(10),
            events_max: 1_024,
            capacity: 4_096,
            wait_max: Duration::from_secs(30),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// A server that takes events; it ends when this is dropped.
#[derive(Debug)]
pub struct HttpServer<E: Event> {
    opened: Opened,
    reception: Arc<Reception<E>>,
}

/// How a server stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpServerSnapshot {
    /// Who came.
    pub door: DoorSnapshot,
    /// Events taken in.
    pub events: u64,
    /// Events that wait for the reader.
    pub waiting: usize,
    /// Answers by their status.
    pub answers: BTreeMap<u16, u64>,
}

/// Opens a door for events that are posted.
///
/// `application/json` is one event, `application/x-ndjson` one event a line. The answer is 202 when they have been taken in; with
/// `Prefer: wait=SECONDS` it comes when they have been handled: 200, or a problem when one failed or was dropped, or 202 all the same
/// when that takes longer. With an `Idempotency-Key` a repeated request gets the first one's answer, for ten minutes and as long as
/// the server lives.
///
/// ```
/// use homeostat_adapters::{Door, http::{HttpLimits, receive}};
/// use homeostat_reactor::{Clock, Event};
///
/// #[derive(Clone, serde::Deserialize)]
/// struct Order { id: u64 }
/// impl Event for Order {
///     fn kind(&self) -> &'static str { "order" }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (server, orders) = receive::<Order>(Door::local(0).path("/orders"), HttpLimits::default(), Clock::machine()).await?;
/// println!("curl http://{}/orders --json '{{\"id\": 17}}'", server.address());
/// # drop(orders);
/// # Ok(())
/// # }
/// ```
pub async fn receive<E: Event + DeserializeOwned>(
    door: Door,
    limits: HttpLimits,
    clock: Clock,
) -> Result<(HttpServer<E>, PostedEvents<E>), AdapterError> {
    let intake = Intake::new(limits.capacity, clock.clone());
    let reception = Arc::new(Reception {
        limits,
        intake: Arc::clone(&intake),
        repeats: Repeats::new(clock.clone()),
        clock: clock.clone(),
        events: AtomicU64::new(0),
        answers: Mutex::default(),
    });
    let opened = door.open(Arc::clone(&reception), clock).await?;
    Ok((HttpServer { opened, reception }, PostedEvents::new(intake)))
}

impl<E: Event> HttpServer<E> {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.opened.address
    }

    /// How it stands.
    pub fn snapshot(&self) -> HttpServerSnapshot {
        let reception = &self.reception;
        HttpServerSnapshot {
            door: self.opened.snapshot(),
            events: reception.events.load(Ordering::Relaxed),
            waiting: reception.intake.depth(),
            answers: reception.answers.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl<E: Event> Drop for HttpServer<E> {
    fn drop(&mut self) {
        self.reception.intake.close();
    }
}

#[derive(Debug)]
struct Reception<E> {
    limits: HttpLimits,
    intake: Arc<Intake<E>>,
    repeats: Repeats,
    clock: Clock,
    events: AtomicU64,
    /// By status, of which we have a dozen.
    answers: Mutex<BTreeMap<u16, u64>>,
}

impl<E: Event + DeserializeOwned> Host for Reception<E> {
    async fn turn(self: Arc<Self>, request: Request<Incoming>) -> Turn {
        let answer = match Box::pin(self.take(request)).await {
            Ok((status, body)) => accepted(status, body),
            Err((status, detail)) => self.refuse(status, &detail),
        };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(answer.status().as_u16()).or_default() += 1;
        Turn::Answer(answer)
    }
}

impl<E: Event + DeserializeOwned> Reception<E> {
    async fn take(&self, request: Request<Incoming>) -> Told {
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "events are posted".to_owned()));
        }
        let content_type = header(&head, "content-type").unwrap_or_default();
        let format = Format::of(content_type).ok_or_else(|| {
            let detail = "one event is application/json, one a line is application/x-ndjson";
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, detail.to_owned())
        })?;
        let limits = &self.limits;
        let body = read(body, limits.body_bytes_max, limits.body_time_max, &self.clock).await?;
        let first = match header(&head, "idempotency-key") {
            None => None,
            Some(key) if key.is_empty() || key.len() > KEY_BYTES_MAX => {
                let detail = format!("an idempotency key has 1 to {KEY_BYTES_MAX} letters");
                return Err((StatusCode::BAD_REQUEST, detail));
            }
            Some(key) => match self.repeats.ask(key, &body) {
                Seen::First(first) => Some(first),
                Seen::Again(told) => return told,
                Seen::UnderWay => {
                    return Err((StatusCode::CONFLICT, "a request with this key is being worked on".to_owned()));
                }
                Seen::OtherContent => {
                    let detail = "this key came with another content before";
                    return Err((StatusCode::UNPROCESSABLE_ENTITY, detail.to_owned()));
                }
            },
        };
        let events: Vec<E> = parse(format, &body, limits.events_max)?;
        let count = events.len();
        let receipt = self.intake.take_all(events).map_err(not_taken)?;
        self.events.fetch_add(count as u64, Ordering::Relaxed);
        let told = Ok((StatusCode::ACCEPTED, format!("{{\"accepted\":{count}}}")));
        // Before anything is waited for: if the connection breaks now, they have been taken in all the same.
        tell(first.as_ref(), &told);
        let Some(wait) = header(&head, "prefer").and_then(wanted_wait) else { return told };
        match self.clock.within(wait.min(limits.wait_max).min(WAIT_MAX), receipt).await {
            None => told,
            Some(settled) => {
                let told = handled(count, settled);
                tell(first.as_ref(), &told);
                told
            }
        }
    }

    fn refuse(&self, status: StatusCode, detail: &str) -> Answer {
        let mut answer = problem(status, detail);
        let headers = answer.headers_mut();
        match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT => {
                let seconds = self.limits.retry_after.as_secs_f64().ceil().max(1.0) as u64;
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            // The rest of the body may still be on its way, or never come: nothing more can be read here.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        answer
    }
}

fn tell(first: Option<&FirstTime<'_>>, told: &Told) {
    if let Some(first) = first {
        first.tell(told.clone());
    }
}

/// What became of the events in the end.
fn handled(count: usize, settled: Settlement) -> Told {
    let outcome = settled.outcome;
    if outcome.is_good() {
        return Ok((StatusCode::OK, format!("{{\"accepted\":{count},\"outcome\":\"{outcome}\"}}")));
    }
    let cause = settled.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let detail = format!("the events were taken in, but one of them ended as {outcome}{cause}");
    Err((StatusCode::INTERNAL_SERVER_ERROR, detail))
}

fn not_taken(why: NotTaken) -> Refusal {
    match why {
        NotTaken::Full(class) => {
            (StatusCode::TOO_MANY_REQUESTS, format!("class {class} has no room for these events now; none was taken"))
        }
        NotTaken::TooMany(class) => {
            (StatusCode::PAYLOAD_TOO_LARGE, format!("class {class} never has room for so many events at once"))
        }
        NotTaken::Closed => (StatusCode::SERVICE_UNAVAILABLE, "nobody takes events here now".to_owned()),
    }
}

/// How long a client wants to wait: `wait=5` among its preferences (RFC 7240).
fn wanted_wait(prefer: &str) -> Option<Duration> {
    let wait = prefer.split([',', ';']).find_map(|preference| preference.trim().strip_prefix("wait="))?;
    wait.trim_matches('"').parse().ok().map(Duration::from_secs)
}

fn accepted(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
