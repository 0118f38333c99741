//! What clients are told of their limits: `RateLimit-Policy`, `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) and `Retry-After`.

use super::{Label, Limit, Standing};
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How a request stands with the limits of its route.
#[derive(Clone, Debug, Default)]
pub struct RateReport {
    told: Vec<(Arc<Label>, Standing)>,
}

/// `"name";q=100;w=60`. A window below a second is told as one second with as many requests as fit into it.
pub(super) fn policy(name: &str, requests: u32, window_ms: u64) -> HeaderValue {
    let (quota, window_s) = match window_ms {
        ..1_000 => (u64::from(requests) * 1_000 / window_ms.max(1), 1),
        _ => (u64::from(requests), window_ms / 1_000),
    };
    let text = format!("\"{name}\";q={quota};w={window_s}");
    HeaderValue::from_str(&text).expect("a name was checked, the rest are numbers")
}

impl RateReport {
    pub(crate) fn add(&mut self, limit: &Limit, standing: Standing) {
        self.told.push((limit.label.clone(), standing));
    }

    /// Whether no limit was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Writes the headers of an answer; what an upstream says of limits of its own is left beside it.
    pub fn write(&self, headers: &mut HeaderMap) {
        for (label, standing) in &self.told {
            let name = &label.name;
            headers.append(RATE_LIMIT_POLICY, label.policy.clone());
            let mut text = String::with_capacity(name.len() + 32);
            let _ = write!(text, "\"{name}\";r={};t={}", standing.remaining, seconds_up(standing.full_in));
            headers.append(RATE_LIMIT, HeaderValue::from_str(&text).expect("a name was checked, the rest are numbers"));
            if !standing.allowed {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds_up(standing.retry_in).max(1)));
            }
        }
    }
}

/// Whole seconds, rounded up: who waits for them never comes too early.
fn seconds_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
