//! The gateway's own errors as answers: problem+json (RFC 9457), or a small page where the client would rather read HTML.
//!
//! The gateway calls [`Problem::answer`] for whatever it cannot pass on. Always holds: an answer holds its code, what it means and what to
//! do, and the id of the request; never an address behind the gateway, a name of an upstream, or anything that the client sent.

mod code;
mod page;
mod speech;

pub use self::code::Code;
pub use self::speech::Language;

use crate::quality;
use crate::request_id::RequestId;
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use serde::Serialize;

/// Where pages about codes are found, as in problems of the API.
pub const PAGES: &str = "/docs/errors/";

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
/// The page needs its own style and nothing else.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

/// An error of the gateway's own, about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// With which request.
    pub request_id: RequestId,
}

/// The members of a problem document.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    page: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    hint: &'a str,
    request_id: &'a str,
}

impl Problem {
    /// An error about a request.
    #[must_use]
    pub const fn new(code: Code, request_id: RequestId) -> Self {
        Self { code, request_id }
    }

    /// The answer, in the form and the language that the request's headers ask for. Headers of a refusal are added by who refused.
    #[must_use]
    pub fn answer(&self, request_headers: &HeaderMap) -> http::Response<Bytes> {
        let language = Language::of(quality::members(request_headers, &ACCEPT_LANGUAGE));
        let html = wants_html(request_headers);
        let body = if html { page::render(self, language) } else { self.document(language) };
        let mut response = http::Response::new(body);
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, if html { HTML } else { JSON });
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Language"));
        if html {
            headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        }
        response
    }

    fn document(&self, language: Language) -> Bytes {
        let words = self.code.words(language);
        let document = Document {
            page: &format!("{PAGES}{}", self.code.as_str()),
            title: words.title,
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            detail: words.detail,
            hint: words.hint,
            request_id: self.request_id.as_str(),
        };
        serde_json::to_vec(&document).expect("plain data always has a JSON form").into()
    }
}

/// Whether HTML is asked for by name, and weighs more than JSON does. `*/*` alone is a program.
fn wants_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json, mut rest) = (None, None, 0);
    for (kind, weight) in quality::members(headers, &ACCEPT) {
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        match () {
            () if is("text/html") || is("application/xhtml+xml") => html = html.max(Some(weight)),
            () if is("application/problem+json") || is("application/json") => json = json.max(Some(weight)),
            () if is("*/*") || is("application/*") => rest = rest.max(weight),
            () => {}
        }
    }
    html.is_some_and(|html| html > json.unwrap_or(0) && html >= rest)
}
