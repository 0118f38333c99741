//! The client: posts batches of events to somebody else.
//!
//! A sink for the router, which retries, gives up and settles. Always holds: a batch has one idempotency key, whatever number of
//! attempts it takes; an answer of 2xx and nothing else means that it has arrived; one connection is kept and used again.

use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use homeostat_reactor::Clock;
use homeostat_reactor::route::{Batch, Sink, SinkError};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::error::AdapterError;
use crate::remote::Remote;
use crate::unique::unique_name;

/// How long an answer may take, unless told otherwise. Shorter than a target's patience, so that the cause is told.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(8);

/// Of an answer so much is read: the rest would only keep the connection busy.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Of an answer so much goes into a cause.
const CAUSE_LETTERS_MAX: usize = 200;

/// How a batch is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchFormat {
    /// `application/x-ndjson`: an event a line.
    #[default]
    Lines,
    /// `application/json`: an array of events.
    Array,
}

/// Posts events to an address.
#[derive(Debug)]
pub struct HttpSink<E> {
    name: String,
    remote: Remote,
    format: BatchFormat,
    time_max: Duration,
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
        Ok(Self {
            name: name.into(),
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
    pub const fn answer_time_max(mut self, time: Duration) -> Self {
        self.time_max = time;
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

    fn request(&self, key: &str, body: Bytes) -> Result<Request<Full<Bytes>>, SinkError> {
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
        request.body(Full::new(body)).map_err(SinkError::refused)
    }

    /// Sends on the kept connection, or on a new one when there is none or the other side has closed it meanwhile.
    async fn send(&self, key: &str, body: &Bytes) -> Result<(Link, Response<Incoming>), SinkError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut link) = kept
            && link.requests.ready().await.is_ok()
            && let Ok(answer) = link.requests.send_request(self.request(key, body.clone())?).await
        {
            return Ok((link, answer));
        }
        let mut link = self.link().await.map_err(SinkError::retry)?;
        let answer = link.requests.send_request(self.request(key, body.clone())?).await;
        let answer = answer.map_err(|error| SinkError::retry(format!("{}: {error}", self.remote.authority())))?;
        Ok((link, answer))
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

    async fn post(&self, key: &str, body: &Bytes) -> Result<(), SinkError> {
        let (link, answer) = self.send(key, body).await?;
        let (head, body) = answer.into_parts();
        let after = retry_after(&head.headers);
        // Read to the end, or the connection cannot be used again.
        let text = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(body) => {
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
                cause(head.status, &body.to_bytes())
            }
            Err(_) => head.status.to_string(),
        };
        judge(head.status, text, after)
    }
}

impl<E: Serialize + Send + Sync + 'static> Sink<E> for HttpSink<E> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, batch: Batch<'_, E>) -> Result<(), SinkError> {
        let body = self.body(batch.deliveries.iter().map(|delivery| &delivery.event))?;
        let key = format!("{}-{}", self.sender, batch.id);
        match self.clock.within(self.time_max, Box::pin(self.post(&key, &body))).await {
            Some(answer) => answer,
            None => {
                Err(SinkError::retry(format!("{} did not answer within {:?}", self.remote.authority(), self.time_max)))
            }
        }
    }
}

/// What a status means for a batch.
fn judge(status: StatusCode, cause: String, after: Option<Duration>) -> Result<(), SinkError> {
    let for_now = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    );
    if status.is_success() {
        Ok(())
    } else if for_now || status.is_server_error() {
        Err(SinkError::Retry { cause, after })
    } else {
        Err(SinkError::Refused { cause })
    }
}

/// The status, and the beginning of what was said with it.
fn cause(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let said: String = text.trim().chars().filter(|letter| !letter.is_control()).take(CAUSE_LETTERS_MAX).collect();
    if said.is_empty() { status.to_string() } else { format!("{status}: {said}") }
}

/// How long the other side asks us to wait: in seconds, or until a date by its own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let value = headers.get(RETRY_AFTER).and_then(text)?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |value: &str| -> Option<SystemTime> { httpdate::parse_http_date(value.trim()).ok() };
    let now = headers.get(DATE).and_then(text).and_then(|value| date(&value))?;
    date(&value)?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_may_ask_for_a_wait_in_seconds_or_until_a_date() {
        // Would break: a client that comes back at once although it was told when.
        let headers = |pairs: &[(hyper::header::HeaderName, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
        };
        assert_eq!(retry_after(&headers(&[(RETRY_AFTER, "7")])), Some(Duration::from_secs(7)));
        let until = (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT");
        let date = (DATE, "Sun, 06 Nov 1994 08:49:30 GMT");
        assert_eq!(retry_after(&headers(&[until.clone(), date])), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&headers(&[until])), None);
        assert_eq!(retry_after(&headers(&[(RETRY_AFTER, "soon")])), None);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        // Would break: a batch that is posted for ever, or given up because of a passing fault.
        let judged = |status: u16| judge(StatusCode::from_u16(status).expect("a status"), String::new(), None);
        assert!([200, 202, 204].into_iter().all(|status| judged(status).is_ok()));
        let retried = |status| matches!(judged(status), Err(SinkError::Retry { .. }));
        assert!([408, 409, 425, 429, 500, 502, 503, 504].into_iter().all(retried));
        assert!(![301, 400, 401, 403, 404, 413, 422].into_iter().any(retried));
    }
}
