//! The client: posts batches of events to somebody else.
//!
//! A sink for the router, which retries, gives up and settles. Always holds: a batch has one idempotency key, whatever number of
//! attempts it takes; an answer of 2xx and nothing else means that it has arrived; one connection is kept and used again.
//!
//! Two policies stand around a post: a deadline, told to the other side, and one attempt more at once when a kept connection turns
//! out to be gone, paid from a budget. No breaker, limit or retry: the router's one worker makes one post at a time and waits
//! longer after each failure, and a second layer that does the same would multiply the attempts.

use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_reactor::route::{Batch, Sink, SinkError};
use homeostat_resilience::deadline::{REMAINING_HEADER, Remaining};
use homeostat_resilience::{Attempt, Call, Deadline, DeadlineSettings, Failure, Hedge, HedgeSettings};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::task::JoinSet;

use super::answer::{Answer, Broken, advise, cause, judge, retry_after};
use crate::error::AdapterError;
use crate::remote::Remote;
use crate::unique::unique_name;

/// How long an answer may take, unless told otherwise. Shorter than a target's patience, so that the cause is told.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(8);

/// A post, and one more when the kept connection had gone. Never two at once: nobody watches a screen for a batch.
const ATTEMPTS: HedgeSettings =
    HedgeSettings { percentile: 0.95, delay_min_ms: 2, answers_min: 20.0, in_flight_max: 1, attempts_max: 2 };

/// Of an answer so much is read: the rest would only keep the connection busy.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// How a batch is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchFormat {
    /// `application/x-ndjson`: an event a line.
    #[default]
    Lines,
    /// `application/json`: an array of events.
    Array,
}

/// Posts events to an address. How long an answer is waited for is told in the header `x-remaining-ms`.
#[derive(Debug)]
pub struct HttpSink<E> {
    name: String,
    remote: Remote,
    format: BatchFormat,
    time_max: Duration,
    deadline: Deadline,
    attempts: Hedge,
    /// Batches are numbered anew by each router: the name keeps their keys apart.
    sender: String,
    kept: Mutex<Option<Link>>,
    clock: Clock,
    events: PhantomData<fn(E)>,
}

/// A connection and the task that drives it; both end together.
#[derive(Debug)]
struct Link {
    requests: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl<E: Serialize> HttpSink<E> {
    /// Posts to an address.
    pub fn new(name: impl Into<String>, remote: Remote, clock: Clock) -> Result<Self, AdapterError> {
        if remote.uri.scheme_str() != Some("http") {
            return Err(remote.refused("events are posted to http://"));
        }
        let name = name.into();
        Ok(Self {
            deadline: Deadline::new(&name, limit(ANSWER_TIME_MAX), clock.clone()),
            attempts: Hedge::builder(&name, &clock).settings(ATTEMPTS).build(),
            name,
            remote,
            format: BatchFormat::default(),
            time_max: ANSWER_TIME_MAX,
            sender: unique_name(),
            kept: Mutex::new(None),
            clock,
            events: PhantomData,
        })
    }

    /// Writes batches in another way.
    #[must_use]
    pub const fn format(mut self, format: BatchFormat) -> Self {
        self.format = format;
        self
    }

    /// Gives up on an answer after another time.
    #[must_use]
    pub fn answer_time_max(mut self, time: Duration) -> Self {
        self.time_max = time;
        self.deadline.reload(limit(time));
        self
    }

    fn body<'a>(&self, events: impl Iterator<Item = &'a E>) -> Result<Bytes, SinkError>
    where
        E: 'a,
    {
        let mut body = Vec::new();
        let lines: &[u8; 3] = match self.format {
            BatchFormat::Lines => b" \n ",
            BatchFormat::Array => b"[,]",
        };
        for (index, event) in events.enumerate() {
            match self.format {
                BatchFormat::Array if index == 0 => body.push(lines[0]),
                _ if index > 0 => body.push(lines[1]),
                _ => {}
            }
            serde_json::to_writer(&mut body, event)
                .map_err(|error| SinkError::refused(format!("the event cannot be written as JSON: {error}")))?;
        }
        if self.format == BatchFormat::Array {
            body.push(lines[2]);
        }
        Ok(body.into())
    }

    fn request(&self, call: &Call, key: &str, body: Bytes) -> Result<Request<Full<Bytes>>, SinkError> {
        let content_type = match self.format {
            BatchFormat::Lines => "application/x-ndjson",
            BatchFormat::Array => "application/json",
        };
        let target = self.remote.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(target)
            .header(HOST, self.remote.authority())
            .header(CONTENT_TYPE, content_type)
            .header("idempotency-key", key);
        if let Some(token) = &self.remote.token {
            request = request.header(AUTHORIZATION, token.header());
        }
        if let Some(remaining) = Remaining::of(call, self.clock.now()) {
            request = request.header(REMAINING_HEADER, remaining.to_string());
        }
        request.body(Full::new(body)).map_err(SinkError::refused)
    }

    /// The kept connection, unless it is known to have gone.
    async fn kept(&self) -> Option<Link> {
        let mut link = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        link.requests.ready().await.is_ok().then_some(link)
    }

    async fn link(&self) -> Result<Link, String> {
        let stream = self.remote.connect(&self.clock).await?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(target: "homeostat_adapters", %error, "a connection ended with an error");
            }
        });
        Ok(Link { requests, _driver: driver })
    }

    /// One attempt, on the kept connection or on a new one.
    async fn post(&self, call: &Call, key: &str, body: &Bytes) -> Result<Answer, Broken> {
        let kept = self.kept().await;
        let was_kept = kept.is_some();
        let mut link = match kept {
            Some(link) => link,
            None => self.link().await.map_err(|cause| Broken::on_new(SinkError::retry(cause)))?,
        };
        let request = self.request(call, key, body.clone()).map_err(Broken::on_new)?;
        let answer = link.requests.send_request(request).await.map_err(|error| {
            let error = SinkError::retry(format!("{}: {error}", self.remote.authority()));
            Broken { error, was_kept }
        })?;
        let (head, body) = answer.into_parts();
        let after = retry_after(&head.headers);
        // Read to the end, or the connection cannot be used again.
        let cause = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(body) => {
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
                cause(head.status, &body.to_bytes())
            }
            Err(_) => head.status.to_string(),
        };
        Ok(Answer { status: head.status, cause, after })
    }
}

impl<E: Serialize + Send + Sync + 'static> Sink<E> for HttpSink<E> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, batch: Batch<'_, E>) -> Result<(), SinkError> {
        let body = self.body(batch.deliveries.iter().map(|delivery| &delivery.event))?;
        let key = &format!("{}-{}", self.sender, batch.id);
        let body = &body;
        let call = Call::idempotent();
        let posted = self.deadline.call(&call, |call| async move {
            let attempt = |attempt: Attempt| async move { self.post(&attempt.call, key, body).await };
            self.attempts.call(&call, advise, attempt).await
        });
        match Box::pin(posted).await.map_err(Failure::flatten) {
            Ok(answer) => judge(answer.status, answer.cause, answer.after),
            Err(Failure::Inner(broken)) => Err(broken.error),
            Err(Failure::Refused(_)) => {
                Err(SinkError::retry(format!("{} did not answer within {:?}", self.remote.authority(), self.time_max)))
            }
        }
    }
}

fn limit(time: Duration) -> DeadlineSettings {
    // At least one: none at all would be no limit.
    DeadlineSettings::of_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1))
}
