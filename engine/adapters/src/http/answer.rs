//! What the other side said to a post, and what follows from it. Pure; called by [`HttpSink`](super::HttpSink).

use std::time::{Duration, SystemTime};

use homeostat_reactor::route::SinkError;
use homeostat_resilience::Verdict;
use hyper::StatusCode;
use hyper::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// Of an answer so much goes into a cause.
const CAUSE_LETTERS_MAX: usize = 200;

/// What the other side said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) cause: String,
    pub(super) after: Option<Duration>,
}

/// No answer came.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) error: SinkError,
    /// The connection was an old one, which the other side may have closed long ago: that says nothing of the other side.
    pub(super) was_kept: bool,
}

impl Broken {
    pub(super) const fn on_new(error: SinkError) -> Self {
        Self { error, was_kept: false }
    }
}

/// Whether another post may help at once: only where nothing was learned of the other side. All else is the router's to repeat.
pub(super) fn advise(posted: &Result<Answer, Broken>) -> Verdict {
    match posted {
        Ok(_) => Verdict::Good,
        Err(broken) if broken.was_kept => Verdict::Failed,
        Err(_) => Verdict::Ignored,
    }
}

/// What a status means for a batch.
pub(super) fn judge(status: StatusCode, cause: String, after: Option<Duration>) -> Result<(), SinkError> {
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
pub(super) fn cause(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let said: String = text.trim().chars().filter(|letter| !letter.is_control()).take(CAUSE_LETTERS_MAX).collect();
    if said.is_empty() { status.to_string() } else { format!("{status}: {said}") }
}

/// How long the other side asks us to wait: in seconds, or until a date by its own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
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
