//! Answers that the gateway makes itself.

use homeostat_routing::FixedAnswer;
use homeostat_wire::{Body, Response};
use http::{HeaderValue, StatusCode, header};

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

/// One that says what went wrong, as problem+json.
pub fn problem(status: StatusCode, title: &str) -> Response {
    let body = serde_json::json!({ "title": title, "status": status.as_u16() });
    let mut response = Response::new(Body::full(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
