//! What a change makes out of date: RFC 9111, section 4.4.
//!
//! A request that changes something and succeeds takes the stored answer of its target with it, and those of `Location` and
//! `Content-Location` on the same origin. Never of another origin: that would let anybody empty a neighbour's cache.

use http::header::{CONTENT_LOCATION, HeaderMap, LOCATION};
use http::{Method, StatusCode};

/// An origin as cache keys know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and port, in small letters and without the usual port.
    pub authority: &'a str,
}

/// Whether an answer to this method makes what is stored for its target out of date. Methods that we do not know may change anything.
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    let is_safe =
        method == Method::GET || method == Method::HEAD || method == Method::OPTIONS || method == Method::TRACE;
    !is_safe && (status.is_success() || status.is_redirection())
}

/// The targets, as path and query, that an answer names beside its own.
pub fn named_targets(origin: Origin<'_>, target: &str, answer: &HeaderMap) -> Vec<String> {
    let named = [LOCATION, CONTENT_LOCATION].into_iter().filter_map(|name| answer.get(name)?.to_str().ok());
    let mut targets: Vec<String> = named.filter_map(|reference| resolve(origin, target, reference)).collect();
    targets.dedup();
    targets
}

/// A reference against the target of the request, if it stays on the origin: RFC 3986, section 5.
fn resolve(origin: Origin<'_>, target: &str, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or("").trim_matches([' ', '\t']);
    let path = target.split('?').next().unwrap_or("/");
    if let Some((scheme, rest)) = reference.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        return of_origin(rest.strip_prefix("//")?, origin, scheme);
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return of_origin(rest, origin, origin.scheme);
    }
    Some(match reference.chars().next() {
        None => target.to_owned(),
        Some('/') => without_dots(reference),
        Some('?') => format!("{path}{reference}"),
        Some(_) => without_dots(&format!("{}/{reference}", path.rsplit_once('/').map_or("", |(folder, _)| folder))),
    })
}

fn of_origin(rest: &str, origin: Origin<'_>, scheme: &str) -> Option<String> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let authority = super::key::authority(scheme, authority)?;
    let is_same = scheme.eq_ignore_ascii_case(origin.scheme) && authority == origin.authority;
    is_same.then(|| if target.starts_with('/') { without_dots(target) } else { format!("/{target}") })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Without `.` and `..`, in the path only.
fn without_dots(target: &str) -> String {
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}
