//! What is recorded of a request or an attempt, and where it is handed to.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// One span: the whole request, or one attempt at it. Made only for traces that are sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace_id: u128,
    /// The span itself.
    pub span_id: u64,
    /// The span that it is part of.
    pub parent: Option<u64>,
    /// What it is: the route for a request, the endpoint for an attempt.
    pub name: Arc<str>,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// What else is known; few, and never a secret.
    pub attributes: Vec<Attribute>,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Neither good nor bad: the caller's own mistake, say.
    #[default]
    Unset,
    /// Well.
    Good,
    /// Badly.
    Failed,
}

/// A name and a value, named as OpenTelemetry names them (`http.response.status_code`).
pub type Attribute = (&'static str, Value);

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// Takes spans. It is called on the path of requests: it must put them into a bounded queue, or drop them, and return at once.
pub trait SpanSink: Send + Sync {
    /// Takes a span.
    fn take(&self, span: Span);
}
