//! `Vary` of an answer: one more name, once, and none beside `*`.

use http::header::{HeaderMap, HeaderName, HeaderValue, VARY};

/// Says that the answer differs by this header of the request.
pub fn add(headers: &mut HeaderMap, name: &HeaderName) {
    if !says(headers, name) {
        headers.append(VARY, HeaderValue::from(name.clone()));
    }
}

fn says(headers: &HeaderMap, name: &HeaderName) -> bool {
    let lines = headers.get_all(VARY).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|said| said == "*" || said.eq_ignore_ascii_case(name.as_str()))
}
