//! Settings of a route as they were written, read into what the table works with; every mistake with its place.

use super::conditions::Conditions;
use crate::edit::{Edits, FixedAnswer, Redirect, Rewrite};
use crate::pattern::{HostPattern, PathPattern, Template, ValuePattern};
use crate::problem::{Problem, ProblemKind};
use crate::say;
use crate::settings;
use homeostat_vocabulary::Sentence;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::collections::BTreeMap;

/// Headers that belong to the connection, or that say where a body ends: one that is edited would let two sides read a message differently.
const HEADERS_OF_THE_CONNECTION: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
];

/// The statuses that send a client elsewhere.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Reads one route and collects what is wrong with it.
pub(super) struct Reader<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is wrong.
    pub problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// Reports what stands under a key of the route.
    pub fn report(&mut self, kind: ProblemKind, keys: &[&str], message: Sentence, remedy: Sentence, label: Sentence) {
        let path: Vec<&str> = ["routes", self.name].iter().chain(keys).copied().collect();
        let message = say::of_route(self.name, message);
        self.problems.push(Problem::new(kind, &path, message, remedy, label));
    }

    fn bad(&mut self, keys: &[&str], message: Sentence, remedy: Sentence) {
        self.report(ProblemKind::BadFormat, keys, message, remedy, say::at_unreadable());
    }

    pub fn hosts(&mut self, texts: &settings::Texts) -> Vec<HostPattern> {
        let mut hosts = Vec::new();
        for text in &texts.0 {
            match HostPattern::parse(text) {
                Ok(host) if hosts.contains(&host) => {}
                Ok(host) => hosts.push(host),
                Err(reason) => {
                    self.bad(&["host"], say::host_unreadable(format!("{text:?}"), reason), say::write_host_or_star());
                }
            }
        }
        hosts
    }

    pub fn path(&mut self, route: &settings::Route) -> PathPattern {
        let (key, read) = match (&route.path, &route.path_prefix) {
            (Some(_), Some(_)) => {
                self.report(
                    ProblemKind::Conflict,
                    &["path_prefix"],
                    say::path_beside_prefix(),
                    say::take_path_or_prefix(),
                    say::at_beside_path(),
                );
                return PathPattern::any();
            }
            (None, None) => return PathPattern::any(),
            (Some(text), None) => ("path", PathPattern::parse(text)),
            (None, Some(text)) => ("path_prefix", PathPattern::parse_prefix(text)),
        };
        read.unwrap_or_else(|reason| {
            self.bad(&[key], say::key_unreadable(key, reason), say::write_path());
            PathPattern::any()
        })
    }

    pub fn conditions(&mut self, route: &settings::Route) -> Conditions {
        let mut methods = Vec::new();
        for text in &route.methods.0 {
            let is_written_large = !text.bytes().any(|byte| byte.is_ascii_lowercase());
            match Method::from_bytes(text.as_bytes()) {
                Ok(method) if is_written_large => methods.push(method),
                _ => self.bad(&["methods"], say::no_method(format!("{text:?}")), say::write_methods()),
            }
        }
        let mut headers = Vec::new();
        for (name, value) in &route.headers {
            let parsed = self.header_name(&["headers", name], name);
            headers.extend(parsed.zip(self.value(&["headers", name], value)));
        }
        let mut query = Vec::new();
        for (name, value) in &route.query {
            query.extend(self.value(&["query", name], value).map(|value| (name.as_str().into(), value)));
        }
        Conditions { methods: methods.into(), headers: headers.into(), query: query.into() }
    }

    fn value(&mut self, keys: &[&str], text: &str) -> Option<ValuePattern> {
        let read = ValuePattern::parse(text);
        read.map_err(|reason| self.bad(keys, say::value_unreadable(format!("{text:?}"), reason), say::write_value()))
            .ok()
    }

    pub fn header_name(&mut self, keys: &[&str], name: &str) -> Option<HeaderName> {
        let read = HeaderName::from_bytes(name.as_bytes()).ok();
        if read.is_none() {
            self.bad(keys, say::no_header_name(format!("{name:?}")), say::write_header_name());
        }
        read
    }

    pub fn edits(&mut self, key: &str, edits: Option<&settings::HeaderEdits>, names: &[Box<str>]) -> Edits {
        let Some(edits) = edits else { return Edits::default() };
        let remove = edits.remove.iter().filter_map(|name| self.edited(&[key, "remove"], name)).collect();
        let set = self.values(key, "set", &edits.set, names);
        let add = self.values(key, "add", &edits.add, names);
        Edits { remove, set, add }
    }

    fn values(
        &mut self,
        key: &str,
        verb: &str,
        written: &BTreeMap<String, String>,
        names: &[Box<str>],
    ) -> Box<[(HeaderName, Template)]> {
        let mut values = Vec::new();
        for (name, text) in written {
            let keys = [key, verb, name.as_str()];
            let template = self.template(&keys, text, names);
            if HeaderValue::from_str(text).is_err() {
                self.bad(&keys, say::header_value(), say::write_printable());
            }
            values.extend(self.edited(&keys, name).zip(template));
        }
        values.into()
    }

    /// The name of a header that may be edited.
    fn edited(&mut self, keys: &[&str], name: &str) -> Option<HeaderName> {
        let name = self.header_name(keys, name)?;
        if HEADERS_OF_THE_CONNECTION.contains(&name.as_str()) {
            let remedy = if name == http::header::HOST { say::write_rewrite_host() } else { say::take_out() };
            let message = say::header_of_connection(name.as_str());
            self.report(ProblemKind::Conflict, keys, message, remedy, say::at_not_to_change());
            return None;
        }
        Some(name)
    }

    fn template(&mut self, keys: &[&str], text: &str, names: &[Box<str>]) -> Option<Template> {
        Template::parse(text, names).map_err(|reason| self.bad(keys, reason, say::name_captures())).ok()
    }

    pub fn rewrite(&mut self, rewrite: Option<&settings::Rewrite>, names: &[Box<str>]) -> Option<Rewrite> {
        let rewrite = rewrite?;
        let path = rewrite.path.as_ref().and_then(|text| self.path_template(&["rewrite", "path"], text, names));
        let host = rewrite.host.as_deref().filter(|text| self.is_authority(&["rewrite", "host"], text));
        Some(Rewrite { path, host: host.map(Into::into) })
    }

    fn path_template(&mut self, keys: &[&str], text: &str, names: &[Box<str>]) -> Option<Template> {
        let template = self.template(keys, text, names)?;
        let filled = template.fill(&crate::Captures::default());
        let is_path = text.starts_with('/') && crate::normal::normal_path(&filled).is_ok_and(|normal| normal == filled);
        if !is_path {
            self.bad(keys, say::path_not_normal(format!("{text:?}")), say::write_new_path());
        }
        is_path.then_some(template)
    }

    fn is_authority(&mut self, keys: &[&str], text: &str) -> bool {
        let is_one = text.parse::<http::uri::Authority>().is_ok() && !text.contains('@');
        if !is_one {
            self.bad(keys, say::no_host(format!("{text:?}")), say::write_host());
        }
        is_one
    }

    pub fn redirect(&mut self, redirect: &settings::Redirect, names: &[Box<str>]) -> Redirect {
        let path = redirect.path.as_ref().and_then(|text| self.path_template(&["redirect", "path"], text, names));
        let host = redirect.host.as_deref().filter(|text| self.is_authority(&["redirect", "host"], text));
        if redirect.scheme.is_none() && redirect.host.is_none() && redirect.path.is_none() {
            let (message, remedy) = (say::redirect_to_itself(), say::say_elsewhere());
            self.report(ProblemKind::RouteAction, &["redirect"], message, remedy, say::at_nowhere_else());
        }
        if !REDIRECTS.contains(&redirect.status) {
            let (message, remedy) = (say::no_redirect(redirect.status), say::write_redirect());
            self.report(ProblemKind::OutOfRange, &["redirect", "status"], message, remedy, say::at_no_redirect());
        }
        Redirect {
            scheme: redirect.scheme.map(settings::Scheme::as_str),
            host: host.map(Into::into),
            path,
            keep_query: redirect.keep_query,
            status: StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::PERMANENT_REDIRECT),
        }
    }

    pub fn fixed_answer(&mut self, keys: &[&str], answer: &settings::Respond) -> FixedAnswer {
        let key = |last: &'static str| keys.iter().copied().chain([last]).collect::<Vec<_>>();
        let status = StatusCode::from_u16(answer.status).ok().filter(|status| (200..=599).contains(&status.as_u16()));
        if status.is_none() {
            let (message, remedy) = (say::no_status(answer.status), say::write_status());
            self.report(ProblemKind::OutOfRange, &key("status"), message, remedy, say::at_out_of_range());
        }
        let content_type = HeaderValue::from_str(&answer.content_type);
        if content_type.is_err() {
            self.bad(&key("content_type"), say::content_type(), say::write_type());
        }
        let usual = HeaderValue::from_static("text/plain; charset=utf-8");
        let mut fixed = FixedAnswer::new(status.unwrap_or(StatusCode::OK), content_type.unwrap_or(usual), &answer.body);
        for (name, text) in &answer.headers {
            let keys: Vec<&str> = keys.iter().copied().chain(["headers", name]).collect();
            let name = self.edited(&keys, name);
            match (name, HeaderValue::from_str(text)) {
                (Some(name), Ok(value)) => drop(fixed.headers.insert(name, value)),
                (_, Err(_)) => {
                    self.bad(&keys, say::header_value(), say::write_printable());
                }
                (None, Ok(_)) => {}
            }
        }
        fixed
    }
}
