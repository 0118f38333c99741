//! The trace that a request belongs to: W3C Trace Context, read strictly, passed on with a span of its own for each attempt.
//!
//! The gateway calls [`Trace::of`] once a request and [`Trace::child`] for each attempt. Always holds: what does not follow the grammar is
//! as if it were not there, and `tracestate` never goes on without the `traceparent` that it belongs to.
//!
//! Whether a trace is sampled is decided where it begins. That a stranger says so is not believed: any client could have everything
//! recorded. Its trace id is kept all the same, so that its own traces still meet ours.

mod parent;
mod span;
mod state;

pub use self::parent::Parent;
pub use self::span::{Attribute, Outcome, Span, SpanSink, Value};

use crate::client::Client;
use crate::random;
use homeostat_routing::settings;
use http::header::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 0b01;
/// The flag of a trace id whose last seven bytes are random, as ours are.
const RANDOM: u8 = 0b10;

/// The trace of one request, and the span in it that is the gateway's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace; never zero.
    pub trace_id: u128,
    /// The gateway's own span for the whole request; never zero.
    pub span_id: u64,
    /// The span of the caller, where the request came with one.
    pub parent: Option<u64>,
    flags: u8,
    propagate: bool,
}

impl Trace {
    /// Continues the trace that a request came with, or begins one. A `tracestate` that may not go on is taken out of `headers`.
    pub fn of(settings: &settings::Trace, client: &Client, headers: &mut HeaderMap) -> Self {
        let span_id = nonzero(random::next_u64);
        if !settings.propagate {
            // Not ours to touch: what the client sent passes through. Our own spans get a trace of their own.
            return Self { span_id, propagate: false, ..Self::begun(settings.sample.0) };
        }
        let Some(parent) = parent::in_headers(headers) else {
            headers.remove(TRACESTATE);
            return Self { span_id, ..Self::begun(settings.sample.0) };
        };
        if !state::is_good(headers) {
            headers.remove(TRACESTATE);
        }
        let sampled = if client.via_trusted { parent.sampled() } else { random::drawn(settings.sample.0) };
        let flags = (parent.flags & RANDOM) | if sampled { SAMPLED } else { 0 };
        Self { trace_id: parent.trace_id, span_id, parent: Some(parent.span_id), flags, propagate: true }
    }

    fn begun(sample_ppm: u32) -> Self {
        let trace_id = loop {
            let drawn = random::next_u128();
            if drawn != 0 {
                break drawn;
            }
        };
        let flags = if random::drawn(sample_ppm) { SAMPLED | RANDOM } else { RANDOM };
        Self { trace_id, span_id: 1, parent: None, flags, propagate: true }
    }

    /// Whether spans of this trace are recorded.
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// A span for one attempt, below the gateway's own.
    #[must_use]
    pub fn child(&self) -> Child {
        Child { trace: *self, span_id: nonzero(random::next_u64) }
    }
}

/// The span of one attempt at an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    trace: Trace,
    /// The attempt's own id; never zero.
    pub span_id: u64,
}

impl Child {
    /// What names this attempt as the caller to the upstream; none where traces are not passed on.
    #[must_use]
    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.trace.propagate.then(|| (TRACEPARENT, self.value()))
    }

    /// The same, in headers that go to the upstream.
    pub fn write(&self, headers: &mut HeaderMap) {
        if let Some((name, value)) = self.header() {
            headers.insert(name, value);
        }
    }

    fn value(&self) -> HeaderValue {
        Parent { trace_id: self.trace.trace_id, span_id: self.span_id, flags: self.trace.flags }.value()
    }
}

/// Zero means "none" in the trace context. A generator that gave nothing but zeros would be broken, so the loop ends.
fn nonzero(draw: impl Fn() -> u64) -> u64 {
    loop {
        let drawn = draw();
        if drawn != 0 {
            return drawn;
        }
    }
}
