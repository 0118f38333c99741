//! `gateway routes --try`: which route takes a request that somebody types, and what all the others say to it.
//!
//! Asked by [`crate::gateway`]. Always holds: the request goes through the same table and the same normal form of paths that a running
//! gateway uses; what cannot be read as a request is told with what was expected, and never taken for another one.

use crate::arguments::Format;
use crate::error::{CliError, Exit};
use crate::gateway::{does, hosts, path};
use crate::say;
use crate::screen::Screen;
use crate::table::{Cell, Column, Table};
use homeostat_config::GatewayPlan;
use homeostat_routing::normal::normal_path;
use homeostat_routing::{Asked, Explained, Verdict};
use homeostat_story::Message;
use homeostat_vocabulary::Sentence;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

const SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];

/// A request as somebody types it.
struct Typed {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

impl Typed {
    fn read(request: &str, headers: &[String]) -> Result<Self, CliError> {
        let wrong = |what: Sentence| CliError::usage(say::try_expected(what));
        let (method, url) = match *request.split_whitespace().collect::<Vec<_>>() {
            [] => return Err(wrong(say::try_nothing())),
            [url] => ("GET", url),
            [method, url] => (method, url),
            [_, _, third, ..] => return Err(wrong(say::try_third(third))),
        };
        // Whoever types `get` means GET; the two would be two methods.
        let method =
            Method::from_bytes(method.to_ascii_uppercase().as_bytes()).map_err(|_| wrong(say::try_method(method)))?;
        let rest = match url.split_once("://") {
            Some((scheme, _)) if !SCHEMES.contains(&scheme) => {
                return Err(wrong(say::try_scheme(scheme, SCHEMES.join(", "))));
            }
            Some((_, rest)) => rest,
            None => url,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (target, query) = rest.split_once('?').map_or((rest, None), |(target, query)| (target, Some(query)));
        let (host, path) = target.split_at(target.find('/').unwrap_or(target.len()));
        let is_named = rest.len() < url.len();
        let is_host = (host.is_empty() && !is_named) || (!host.contains('@') && host.parse::<Authority>().is_ok());
        if !is_host {
            return Err(wrong(say::try_host(host)));
        }
        let path = if path.is_empty() { "/" } else { path };
        let path = normal_path(path).map_err(|error| wrong(say::try_path(path, error.sentence())))?;
        let mut map = HeaderMap::new();
        for line in headers {
            let parsed = line.split_once(':').and_then(|(name, value)| {
                let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(value.trim()).ok()?))
            });
            let (name, value) = parsed.ok_or_else(|| CliError::usage(say::try_header(line)))?;
            map.append(name, value);
        }
        Ok(Self {
            method,
            host: host.to_owned(),
            path: path.into_owned(),
            query: query.map(str::to_owned),
            headers: map,
        })
    }

    fn asked(&self) -> Asked<'_, '_> {
        let query = self.query.as_deref();
        Asked { method: &self.method, host: &self.host, path: &self.path, query, headers: &self.headers }
    }
}

/// Which route takes a request, and what all the others say to it.
pub fn run(plan: &GatewayPlan, request: &str, headers: &[String], screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let typed = Typed::read(request, headers)?;
    let asked = typed.asked();
    let found = plan.table.find(&asked);
    let explained = plan.table.explain(&asked);
    let exit = if found.is_some() { Exit::Ok } else { Exit::Findings };
    let caught: Vec<(String, String)> = found
        .iter()
        .flat_map(|found| {
            let names = found.route.capture_names().iter().map(ToString::to_string);
            names.zip(found.captures.as_slice().iter().map(ToString::to_string))
        })
        .collect();
    if screen.format == Format::Json {
        let why: Vec<Value> =
            explained.iter().map(|one| json!({ "route": *one.route.name, "says": code(&one.verdict) })).collect();
        let caught: serde_json::Map<String, Value> =
            caught.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        let route = found.as_ref().map(|found| found.route.name.to_string());
        screen.json(&json!({ "route": route, "path": typed.path, "caught": caught, "why": why }))?;
        return Ok(exit);
    }
    let message = match &found {
        None => Message::new("gateway-try-none").text("path", &typed.path),
        Some(found) => {
            let caught: Vec<String> = caught.iter().map(|(name, value)| format!("{name}={value}")).collect();
            Message::new("gateway-try-found")
                .text("route", &found.route.name)
                .text("path", &typed.path)
                .text("does", &does(plan, found.route, screen))
                .text("caught", &caught.join(" "))
                .number("count", caught.len())
        }
    };
    let sentence = screen.say(&message);
    let heading = |key| screen.say(&Message::new(key));
    let mut table =
        Table::new(vec![Column::words(heading("column-route")), Column::words(heading("column-says")).gives_way()]);
    for one in &explained {
        table.row(vec![Cell::new(one.route.name.to_string()), Cell::new(says(one, screen))]);
    }
    screen.data(&format!("{sentence}\n\n{}", table.draw(screen.width())))?;
    Ok(exit)
}

const fn code(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Takes => "takes",
        Verdict::Later => "later",
        Verdict::OtherHost => "other_host",
        Verdict::OtherPath => "other_path",
        Verdict::OtherMethod => "other_method",
        Verdict::Header(_) => "header",
        Verdict::Query(_) => "query",
    }
}

fn says(one: &Explained<'_>, screen: &Screen<'_>) -> String {
    let route = &one.route;
    screen.say(&match &one.verdict {
        Verdict::Takes => Message::new("gateway-says-takes"),
        Verdict::Later => Message::new("gateway-says-later"),
        Verdict::OtherHost => Message::new("gateway-says-host").text("host", &hosts(route)),
        Verdict::OtherPath => Message::new("gateway-says-path").text("path", &path(route)),
        Verdict::OtherMethod => {
            Message::new("gateway-says-method").text("methods", &route.settings.methods.0.join(", "))
        }
        Verdict::Header(name) => Message::new("gateway-says-header").text("name", name),
        Verdict::Query(name) => Message::new("gateway-says-query").text("name", name),
    })
}
