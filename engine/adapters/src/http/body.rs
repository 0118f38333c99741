//! What was posted, made into events: one as JSON, or one a line as NDJSON.

use homeostat_reactor::Clock;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Bytes};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One event.
    Json,
    /// One event a line.
    Lines,
}

impl Format {
    /// What a content type means, if it is one of ours; its parameters say nothing.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        if is("application/json") {
            Some(Self::Json)
        } else if is("application/x-ndjson") || is("application/jsonl") {
            Some(Self::Lines)
        } else {
            None
        }
    }
}

/// A refusal: the status and what to say.
pub(super) type Refusal = (StatusCode, String);

/// The whole body, within its limits of size and time.
pub(super) async fn read<B>(body: B, bytes_max: usize, time_max: Duration, clock: &Clock) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {bytes_max} bytes"));
    // Said before anything is read: a client that announces too much need not send it.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let whole = Box::pin(Limited::new(body, bytes_max).collect());
    match clock.within(time_max, whole).await {
        None => Err((StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {time_max:?}"))),
        Some(Ok(body)) => Ok(body.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Some(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body broke off".to_owned())),
    }
}

/// The events in a body; an error names the line and the column, never the content.
pub(super) fn parse<E: DeserializeOwned>(format: Format, body: &[u8], events_max: usize) -> Result<Vec<E>, Refusal> {
    let bad = |what: String| (StatusCode::BAD_REQUEST, what);
    match format {
        Format::Json => serde_json::from_slice(body)
            .map(|event| vec![event])
            .map_err(|error| bad(format!("no such event: {error}"))),
        Format::Lines => {
            let mut events = Vec::new();
            for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                if events.len() == events_max {
                    let detail = format!("there are more than {events_max} events in one batch");
                    return Err((StatusCode::PAYLOAD_TOO_LARGE, detail));
                }
                let event = serde_json::from_slice(line);
                events.push(event.map_err(|error| bad(format!("line {}: no such event: {error}", index + 1)))?);
            }
            if events.is_empty() {
                return Err(bad("there is no event in it".to_owned()));
            }
            Ok(events)
        }
    }
}
