//! What a route changes in requests and answers, and the answers that it gives itself.
//!
//! Called by the gateway with what the route caught. Always holds: what comes out is a valid header, path or URL, whatever a client sent; what
//! would not be is left out. It never touches a header that belongs to the connection.

use crate::pattern::{Captures, Template};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Changes of headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    pub(crate) remove: Box<[HeaderName]>,
    pub(crate) set: Box<[(HeaderName, Template)]>,
    pub(crate) add: Box<[(HeaderName, Template)]>,
}

impl Edits {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// Changes headers: removes, then sets, then adds.
    pub fn apply(&self, headers: &mut HeaderMap, captures: &Captures<'_>) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, template) in &self.set {
            if let Some(value) = header_value(template, captures) {
                headers.insert(name, value);
            }
        }
        for (name, template) in &self.add {
            if let Some(value) = header_value(template, captures) {
                headers.append(name, value);
            }
        }
    }
}

fn header_value(template: &Template, captures: &Captures<'_>) -> Option<HeaderValue> {
    match template.fixed() {
        Some(text) => HeaderValue::from_str(text).ok(),
        None => HeaderValue::try_from(template.fill(captures)).ok(),
    }
}

/// What is changed in the target of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    pub(crate) path: Option<Template>,
    /// The new host.
    pub host: Option<Box<str>>,
}

impl Rewrite {
    /// The new path; `None` when it stays.
    #[must_use]
    pub fn path(&self, captures: &Captures<'_>) -> Option<String> {
        self.path.as_ref().map(|template| rooted(template.fill(captures)))
    }
}

/// A path that begins with exactly what a path may begin with: one slash. What a capture left empty must not leave it without.
fn rooted(path: String) -> String {
    if path.starts_with('/') { path } else { format!("/{path}") }
}

/// An answer that sends the client elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub(crate) scheme: Option<&'static str>,
    pub(crate) host: Option<Box<str>>,
    pub(crate) path: Option<Template>,
    pub(crate) keep_query: bool,
    /// The status.
    pub status: StatusCode,
}

impl Redirect {
    /// Where the client is sent. Always a whole URL: of `//evil.example` alone a browser would take another host.
    #[must_use]
    pub fn location(&self, came: &Came<'_>, captures: &Captures<'_>) -> Option<HeaderValue> {
        let scheme = self.scheme.unwrap_or(came.scheme);
        // Under another scheme the port that was asked for is the wrong one.
        let kept = if scheme == came.scheme { came.host } else { without_port(came.host) };
        let host = self.host.as_deref().unwrap_or(kept);
        let path = self.path.as_ref().map(|template| rooted(template.fill(captures)));
        let path = path.as_deref().unwrap_or(came.path);
        let query = came.query.filter(|_| self.keep_query);
        let mark = if query.is_some() { "?" } else { "" };
        HeaderValue::try_from(format!("{scheme}://{host}{path}{mark}{}", query.unwrap_or_default())).ok()
    }

    /// Writes where the client is sent into the headers of an answer.
    pub fn write(&self, headers: &mut HeaderMap, came: &Came<'_>, captures: &Captures<'_>) {
        if let Some(location) = self.location(came, captures) {
            headers.insert(LOCATION, location);
        }
    }
}

/// What a request asked for, as far as a redirect keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host, with its port if it had one.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers, the type of the body among them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Box<str>,
}

impl FixedAnswer {
    pub(crate) fn new(status: StatusCode, content_type: HeaderValue, body: &str) -> Self {
        let mut headers = HeaderMap::new();
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, content_type);
        }
        Self { status, headers, body: body.into() }
    }
}
