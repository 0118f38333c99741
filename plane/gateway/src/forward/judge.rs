//! What the answer of an endpoint says about the endpoint, for the policies that learn from it.
//!
//! Called once for each attempt. A refusal for lack of room (429, 503) is "full" and not "broken": load goes elsewhere, but nobody
//! stays away for long. What the client did wrong (4xx) says nothing against an endpoint. gRPC says in `grpc-status` what HTTP says in
//! its status; where an answer has only trailers, both are in the head, and where it has messages before, whoever watches its body tells.

use std::time::{Duration, SystemTime};

use homeostat_resilience::{Advice, Verdict};
use homeostat_wire::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::upstream::AttemptError;

/// The service is not there, whoever says so.
const UNAVAILABLE: &str = "14";
/// What an endpoint asks for beyond this is taken for a mistake: the call is over long before.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The advice on an attempt.
pub fn advise(result: Result<&Response, &AttemptError>) -> Advice {
    match result {
        Ok(response) => of_answer(response),
        Err(error) => {
            let advice = Advice::from(if error.is_of_client() { Verdict::Ignored } else { Verdict::Failed });
            if error.never_began { advice.never_began() } else { advice }
        }
    }
}

fn of_answer(response: &Response) -> Advice {
    let status = response.status();
    let verdict = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Verdict::Full,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Verdict::Ignored,
        status if status.is_server_error() => Verdict::Failed,
        StatusCode::OK => of_grpc(response.headers()),
        _ => Verdict::Good,
    };
    let advice = Advice::from(verdict);
    // Asked several times for each request: headers are searched only where they matter.
    let pause = if verdict == Verdict::Full { retry_after(response.headers()) } else { None };
    let advice = pause.map_or(advice, |pause| advice.retry_after(pause));
    if verdict == Verdict::Failed && !speaks_for_others(response) { advice.was_answered() } else { advice }
}

/// Whether a failure is told by somebody before the endpoint, who may reach it the next moment: 502, 504 and the statuses that
/// networks of proxies have made up (from 520 on), and what gRPC calls unavailable.
fn speaks_for_others(response: &Response) -> bool {
    match response.status() {
        StatusCode::OK => response.headers().get("grpc-status").is_some_and(|status| status == UNAVAILABLE),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => true,
        status => status.as_u16() >= 520,
    }
}

/// What a gRPC answer without messages says; others are judged by their head alone.
fn of_grpc(headers: &HeaderMap) -> Verdict {
    if is_grpc(headers) { of_grpc_status(headers) } else { Verdict::Good }
}

/// Whether an answer with this head is one of gRPC; what is called `grpc-status` in another means nothing.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// What the head of such an answer says, or the trailers of one with messages.
pub fn of_grpc_status(fields: &HeaderMap) -> Verdict {
    match fields.get("grpc-status").map(HeaderValue::as_bytes) {
        // Unavailable, internal, data loss, unknown: the server's own trouble.
        Some(b"14" | b"13" | b"15" | b"2") => Verdict::Failed,
        // Resource exhausted.
        Some(b"8") => Verdict::Full,
        _ => Verdict::Good,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok()?,
    };
    Some(pause.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use homeostat_wire::Body;

    use super::*;

    fn advice(status: u16, grpc_status: Option<&'static str>) -> Advice {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(grpc_status) = grpc_status {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            response.headers_mut().insert("grpc-status", HeaderValue::from_static(grpc_status));
        }
        advise(Ok(&response))
    }

    #[test]
    fn who_speaks_for_others_has_not_answered_himself() {
        // Would break: a service that is away for a moment is given up after two attempts, because its sidecars agree.
        let failed = |advice: Advice| (advice.verdict == Verdict::Failed).then_some(advice.was_answered);
        for own in [advice(500, None), advice(507, None), advice(200, Some("13")), advice(200, Some("2"))] {
            assert_eq!(failed(own), Some(true), "{own:?}");
        }
        for of_others in [advice(502, None), advice(504, None), advice(522, None), advice(200, Some("14"))] {
            assert_eq!(failed(of_others), Some(false), "{of_others:?}");
        }
        for no_failure in [advice(503, None), advice(429, None), advice(404, None), advice(200, None)] {
            assert_eq!(failed(no_failure), None, "{no_failure:?}");
        }
    }
}
