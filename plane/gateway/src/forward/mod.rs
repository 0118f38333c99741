//! A request's way to an upstream and back: through the policies, in as many attempts as they allow.
//!
//! Called by the front for routes that go somewhere. Always holds: a request that may not be made twice is sent again only when no
//! endpoint can have seen it; whoever loses a race of attempts is cancelled, and its connection closed; the client never waits longer than the
//! route's deadline for the head of an answer.

mod bounded;
mod judge;
mod replay;
mod whole;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use homeostat_edge::trace::{Child, Outcome, Value};
use homeostat_edge::{Code, Span, SpanSink, Trace};
use homeostat_resilience::{Advice, Call, Failure, Refusal};
use homeostat_wire::{Body, Response};
use http::request::Parts;
use http::{HeaderMap, Method, header};

pub use self::bounded::bounded;
pub use self::judge::{advise, is_grpc, of_grpc_status};
pub use self::replay::Replay;
pub use self::whole::WholeTerms;
use self::whole::read_whole;
use crate::telemetry::Spans;
use crate::upstream::{AttemptError, Endpoint, HoldTerms, Policies, Upstream, attempt};

/// How the requests of a route go to one upstream.
#[derive(Debug)]
pub struct Way {
    /// Who answers.
    pub upstream: Arc<Upstream>,
    /// The policies around every call.
    pub policies: Policies,
    /// Whether requests are held while nobody is there, and how.
    pub hold: Option<HoldTerms>,
    /// Which requests may be made twice.
    pub repeat: Repeat,
    /// Whether answers are read whole before they are judged.
    pub whole: Option<WholeTerms>,
    /// Who collects the spans of attempts.
    pub spans: Arc<Spans>,
}

/// Which requests may be made twice.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// Whether any.
    pub enabled: bool,
    /// The largest body that is kept for that.
    pub body_max: usize,
    /// The header that says that the upstream knows a request again.
    pub key_header: Option<header::HeaderName>,
}

impl Repeat {
    /// Whether a request with this head may be made twice.
    fn allows(&self, head: &Parts) -> bool {
        let knows = |headers: &HeaderMap| self.key_header.as_ref().is_some_and(|key| headers.contains_key(key));
        // An upgrade makes a connection out of a request: there is one of it.
        let is_upgrade = head.headers.contains_key(header::UPGRADE);
        self.enabled && !is_upgrade && (is_idempotent(&head.method) || knows(&head.headers))
    }
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE)
}

/// Why a request has no answer of an upstream.
#[derive(Debug)]
pub enum NoAnswer {
    /// The policies refused, or gave up.
    Refused(Refusal),
    /// The last attempt failed.
    Failed(AttemptError),
    /// The client broke off its own body.
    ClientBrokeOff,
    /// The client wants only what is kept, and it is not.
    NotKept,
    /// The plan leads nowhere: a mistake in it.
    NoWay,
    /// What the request was told that had asked for the same before, and after how many seconds another try makes sense.
    Told(Code, Option<u64>),
    /// Nobody was there, and nobody came.
    NotHeld(crate::upstream::NotHeld),
}

impl NoAnswer {
    /// Whether the upstream is to blame, and not the client.
    pub const fn is_of_upstream(&self) -> bool {
        !matches!(self, Self::ClientBrokeOff | Self::NotKept)
    }
}

impl From<Failure<AttemptError>> for NoAnswer {
    fn from(failure: Failure<AttemptError>) -> Self {
        match failure {
            Failure::Inner(error) if error.is_of_client() => Self::ClientBrokeOff,
            Failure::Inner(error) => Self::Failed(error),
            Failure::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// The span of one attempt, when it is over. One that is cancelled has none: it did not end.
fn of_attempt(
    trace: &Trace,
    span: &Child,
    endpoint: &Endpoint,
    (began, wall): (Instant, SystemTime),
    result: &Result<Response, AttemptError>,
) -> Span {
    let status = result.as_ref().map_or(0, |response| i64::from(response.status().as_u16()));
    let is_good = matches!(status, 100..500);
    Span {
        trace_id: trace.trace_id,
        span_id: span.span_id,
        parent: Some(trace.span_id),
        name: endpoint.place.name.as_str().into(),
        start_unix_ns: unix_ns(wall),
        duration: began.elapsed(),
        outcome: if is_good { Outcome::Good } else { Outcome::Failed },
        attributes: vec![("http.response.status_code", Value::Number(status))],
    }
}

/// Nanoseconds since 1970, as spans count.
pub fn unix_ns(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// An answer, and how it came about.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub response: Response,
    /// Where it came from.
    pub trail: Trail,
}

/// Who gave an answer, and how many attempts it took. An extension of answers that others than their client may get.
#[derive(Debug, Clone)]
pub struct Trail {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Attempts that were begun.
    pub attempts: u32,
}

/// An answer of an endpoint, with what it says of that.
#[derive(Debug)]
struct Judged {
    response: Response,
    endpoint: Arc<Endpoint>,
    advice: Advice,
}

impl Way {
    /// Sends a request and brings the answer.
    ///
    /// # Errors
    /// When there is none; nothing has gone back to the client then.
    pub async fn go(
        &self,
        worker: usize,
        head: &Parts,
        body: Body,
        call: Call,
        trace: &Trace,
        ask_for: impl Fn(&Upstream),
    ) -> Result<Answered, NoAnswer> {
        if let (Some(hold), true) = (self.hold, self.upstream.is_empty()) {
            Box::pin(self.upstream.hold(hold, || ask_for(&self.upstream))).await.map_err(NoAnswer::NotHeld)?;
        }
        let may_repeat = self.repeat.allows(head);
        let replay = if may_repeat {
            match body.length() {
                Some(0) => Ok(Replay::Nothing),
                _ => Box::pin(Replay::several(body, self.repeat.body_max)).await,
            }
            .map_err(|_| NoAnswer::ClientBrokeOff)?
        } else {
            Replay::once(body)
        };
        let call = Call { is_idempotent: may_repeat && replay.is_repeatable(), ..call };
        let made = AtomicU32::new(0);
        let work = |_, endpoint: Arc<Arc<Endpoint>>| {
            let (replay, made) = (&replay, &made);
            async move {
                made.fetch_add(1, Ordering::Relaxed);
                let span = trace.child();
                let watched = (trace.sampled() && self.spans.is_open()).then(|| (Instant::now(), SystemTime::now()));
                let mut result = attempt(&endpoint, worker, head, replay, &span, &self.policies).await;
                if let (Ok(_), Some(whole)) = (&result, &self.whole) {
                    result = Box::pin(read_whole(result?, whole, &head.method)).await;
                }
                if let Some(began) = watched {
                    self.spans.take(of_attempt(trace, &span, &endpoint, began, &result));
                }
                // Judged once: each layer of the policies asks for it.
                let advice = advise(result.as_ref());
                result.map(|response| Judged { response, endpoint: Arc::clone(&*endpoint), advice })
            }
        };
        let judged = |result: Result<&Judged, &AttemptError>| match result {
            Ok(judged) => judged.advice,
            Err(error) => advise(Err(error)),
        };
        let Judged { response, endpoint, .. } = self.policies.call(&call, judged, work).await?;
        Ok(Answered { response, trail: Trail { endpoint, attempts: made.into_inner() } })
    }
}
