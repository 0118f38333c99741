//! Answers that the gateway makes itself.

use std::time::Duration;

use homeostat_edge::Code;
use homeostat_resilience::Refusal;
use homeostat_routing::FixedAnswer;
use homeostat_wire::{Body, Response};
use http::StatusCode;

use crate::forward::NoAnswer;
use crate::upstream::NotHeld;

/// One without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The fixed answer of a route.
pub fn fixed(fixed: &FixedAnswer) -> Response {
    let mut response = Response::new(Body::full(fixed.body.to_string()));
    *response.status_mut() = fixed.status;
    response.headers_mut().clone_from(&fixed.headers);
    response
}

/// The error where no upstream gave an answer, and after how many seconds another try makes sense. It says what the client can do
/// about it, and nothing of what is inside.
pub fn of_failure(why: &NoAnswer) -> (Code, Option<u64>) {
    match why {
        NoAnswer::Told(code, retry_after) => (*code, *retry_after),
        NoAnswer::NoWay => (Code::Fault, None),
        NoAnswer::NotKept => (Code::UpstreamSilent, None),
        NoAnswer::ClientBrokeOff => (Code::BadRequest, None),
        NoAnswer::Failed(_) => (Code::UpstreamFailed, None),
        NoAnswer::NotHeld(NotHeld::TooMany) => (Code::Overloaded, Some(1)),
        NoAnswer::NotHeld(NotHeld::TooLate) => (Code::Starting, Some(1)),
        NoAnswer::Refused(refusal) => match refusal {
            Refusal::Open { retry_in, .. } => (Code::NoUpstream, Some(seconds(*retry_in))),
            Refusal::RateLimited { retry_in, .. } => (Code::Overloaded, Some(seconds(*retry_in))),
            Refusal::Full { .. } | Refusal::Shed { .. } => (Code::Overloaded, Some(1)),
            Refusal::NoEndpoint { .. } => (Code::NoUpstream, Some(1)),
            Refusal::DeadlinePassed | Refusal::TimedOut { .. } => (Code::UpstreamSilent, None),
        },
    }
}

/// Whole seconds, and one at least.
fn seconds(pause: Duration) -> u64 {
    pause.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}
