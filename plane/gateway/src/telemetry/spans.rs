//! Spans of sampled traces, one for each request and one for each attempt, for whoever collects them.
//!
//! Written by the front and by attempts, read through the control as lines of OTLP JSON, the form that OpenTelemetry collectors take from
//! files. Always holds: a trace that is not sampled costs nothing, and one that nobody collects costs one atomic read; who collects too
//! slowly misses spans.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use homeostat_edge::trace::{Outcome, Value};
use homeostat_edge::{Span, SpanSink};
use serde_json::json;
use tokio::sync::mpsc;

/// Who may collect at once.
const COLLECTORS_MAX: usize = 4;
/// Spans that wait for each.
const WAITING_MAX: usize = 4_096;

/// Who collects at the moment.
#[derive(Debug, Default)]
pub struct Spans {
    count: AtomicUsize,
    collectors: Mutex<Vec<mpsc::Sender<Arc<Span>>>>,
}

impl Spans {
    /// Whether anybody collects.
    pub fn is_open(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Collects from now on; `None` when too many do.
    pub fn open(&self) -> Option<mpsc::Receiver<Arc<Span>>> {
        let mut collectors = self.collectors.lock().unwrap_or_else(PoisonError::into_inner);
        collectors.retain(|collector| !collector.is_closed());
        if collectors.len() == COLLECTORS_MAX {
            return None;
        }
        let (give, taken) = mpsc::channel(WAITING_MAX);
        collectors.push(give);
        self.count.store(collectors.len(), Ordering::Relaxed);
        Some(taken)
    }
}

impl SpanSink for Spans {
    fn take(&self, span: Span) {
        let span = Arc::new(span);
        let mut collectors = self.collectors.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is full misses this one; one that is gone goes.
        collectors.retain(|collector| {
            !matches!(collector.try_send(Arc::clone(&span)), Err(mpsc::error::TrySendError::Closed(_)))
        });
        self.count.store(collectors.len(), Ordering::Relaxed);
    }
}

/// A span as a line of OTLP JSON.
pub fn line(span: &Span) -> Vec<u8> {
    let attribute = |(key, value): &(&'static str, Value)| {
        let value = match value {
            Value::Text(text) => json!({ "stringValue": text }),
            Value::Number(number) => json!({ "intValue": number.to_string() }),
            Value::Flag(flag) => json!({ "boolValue": flag }),
        };
        json!({ "key": key, "value": value })
    };
    let end = span.start_unix_ns.saturating_add(u64::try_from(span.duration.as_nanos()).unwrap_or(u64::MAX));
    let code = match span.outcome {
        Outcome::Unset => 0,
        Outcome::Good => 1,
        Outcome::Failed => 2,
    };
    let told = json!({
        "traceId": format!("{:032x}", span.trace_id),
        "spanId": format!("{:016x}", span.span_id),
        "parentSpanId": span.parent.map(|parent| format!("{parent:016x}")).unwrap_or_default(),
        "name": &*span.name,
        "startTimeUnixNano": span.start_unix_ns.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": span.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "status": { "code": code },
    });
    let service = json!([{ "key": "service.name", "value": { "stringValue": "homeostat-gateway" } }]);
    let whole = json!({
        "resourceSpans": [{ "resource": { "attributes": service }, "scopeSpans": [{ "spans": [told] }] }]
    });
    let mut line = serde_json::to_vec(&whole).unwrap_or_default();
    line.push(b'\n');
    line
}
