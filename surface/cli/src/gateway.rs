//! `gateway`: the `[gateway]` section before and while one runs: what is wrong with it, and where requests go and why.
//!
//! Reads the configuration and, but for `endpoints`, nothing else: it can be asked anywhere. What a URL would do is found by the
//! same table and the same normal form of paths that a running gateway uses.

use crate::arguments::{Everywhere, Format, GatewayVerb};
use crate::configuration;
use crate::endpoints;
use crate::error::{CliError, Exit};
use crate::screen::Screen;
use crate::setup;
use crate::table::{Cell, Column, Table};
use homeostat_config::GatewayPlan;
use homeostat_routing::normal::normal_path;
use homeostat_routing::{Action, Asked, Explained, Route, Verdict};
use homeostat_story::Message;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

/// Carries out a verb about the gateway.
pub fn run(asked: &Everywhere, verb: &GatewayVerb, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    if matches!(verb, GatewayVerb::Check) {
        return check(asked, screen);
    }
    let loaded = setup::loaded(asked, screen)?.loaded;
    let Some(plan) = &loaded.gateway else { return none(screen) };
    match verb {
        GatewayVerb::Routes { attempt: Some(request), header } => attempt(plan, request, header, screen),
        GatewayVerb::Routes { attempt: None, .. } => routes(plan, screen),
        GatewayVerb::Check | GatewayVerb::Run { .. } | GatewayVerb::Endpoints => endpoints::run(&loaded, plan, screen),
    }
}

/// No section, no gateway: that is the answer, and programs see it by the exit code.
fn none(screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    match screen.format {
        Format::Json => screen.json(&Value::Null)?,
        Format::Table => screen.answer(&Message::new("gateway-none"))?,
    }
    Ok(Exit::Findings)
}

/// A gateway is never right in a file that is wrong: all problems are told, then what there is.
fn check(asked: &Everywhere, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let source = setup::source_of(asked, screen)?;
    let Ok(loaded) = homeostat_config::load(&source) else { return configuration::check(asked, screen) };
    let Some(plan) = loaded.gateway else { return none(screen) };
    let listeners: Vec<String> = plan.settings.all_listeners().into_iter().map(|(_, one)| one.address).collect();
    if screen.format == Format::Json {
        let counts = json!({ "ok": true, "routes": plan.table.routes().len(), "upstreams": plan.table.upstreams().len(),
            "listeners": listeners, "problems": loaded.warnings });
        screen.json(&counts)?;
        return Ok(Exit::Ok);
    }
    if !loaded.warnings.is_empty() {
        let drawn = loaded.warnings.render(setup::look(screen.colour(), screen.width()));
        screen.data(&drawn)?;
    }
    let message = Message::new("gateway-check-ok").number("routes", plan.table.routes().len());
    let message = message.number("upstreams", plan.table.upstreams().len()).text("listeners", &listeners.join(", "));
    screen.answer(&message)?;
    Ok(Exit::Ok)
}

fn by_name(plan: &GatewayPlan) -> Vec<&Route> {
    let mut routes: Vec<&Route> = plan.table.routes().iter().collect();
    routes.sort_by(|a, b| a.name.cmp(&b.name));
    routes
}

fn routes(plan: &GatewayPlan, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let routes = by_name(plan);
    if screen.format == Format::Json {
        let list: Vec<Value> =
            routes.iter().map(|route| json!({ "name": *route.name, "settings": *route.settings })).collect();
        screen.json(&list)?;
        return Ok(Exit::Ok);
    }
    let heading = |key| screen.say(&Message::new(key));
    let mut table = Table::new(vec![
        Column::words(heading("column-route")),
        Column::words(heading("column-host")),
        Column::words(heading("column-path")),
        Column::words(heading("column-further")).gives_way(),
        Column::words(heading("column-does")).gives_way(),
    ]);
    for route in routes {
        let cells = [route.name.to_string(), hosts(route), path(route), further(route), does(plan, route, screen)];
        table.row(cells.into_iter().map(Cell::new).collect());
    }
    screen.data(&table.draw(screen.width()))?;
    Ok(Exit::Ok)
}

fn hosts(route: &Route) -> String {
    if route.settings.host.is_empty() { "*".to_owned() } else { route.settings.host.0.join(", ") }
}

fn path(route: &Route) -> String {
    let prefix = route.settings.path_prefix.as_deref().unwrap_or_default();
    let below = || format!("{}/*", prefix.strip_suffix('/').unwrap_or(prefix));
    route.settings.path.clone().unwrap_or_else(below)
}

fn further(route: &Route) -> String {
    let written = &route.settings;
    let methods = Some(written.methods.0.join("|")).filter(|methods| !methods.is_empty());
    let headers = written.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let query = written.query.iter().map(|(name, value)| format!("?{name}={value}"));
    methods.into_iter().chain(headers).chain(query).collect::<Vec<_>>().join(", ")
}

/// What a route does, in words.
fn does(plan: &GatewayPlan, route: &Route, screen: &Screen<'_>) -> String {
    match &route.action {
        Action::Forward(split) => {
            let weights = &route.settings.split;
            let names: Vec<String> = split
                .upstreams()
                .map(|id| {
                    let name = &plan.table.upstream(id).name;
                    weights.get(&**name).map_or_else(|| name.to_string(), |weight| format!("{name} ({weight})"))
                })
                .collect();
            screen.say(&Message::new("gateway-does-forward").text("names", &names.join(", ")))
        }
        Action::Redirect(redirect) => {
            screen.say(&Message::new("gateway-does-redirect").text("status", &redirect.status.as_u16()))
        }
        Action::Respond(answer) => {
            screen.say(&Message::new("gateway-does-answer").text("status", &answer.status.as_u16()))
        }
    }
}

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
        let usage = |what: String| CliError::Usage { what };
        let (method, url) = request.trim().split_once(' ').unwrap_or(("GET", request.trim()));
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| usage(format!("{method:?} is no method")))?;
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let rest = rest.split('#').next().unwrap_or_default();
        let (target, query) = rest.split_once('?').map_or((rest, None), |(target, query)| (target, Some(query)));
        let (host, path) = target.split_at(target.find('/').unwrap_or(target.len()));
        let path = if path.is_empty() { "/" } else { path };
        let path = normal_path(path).map_err(|error| usage(format!("a gateway answers 400: {error}")))?;
        let mut map = HeaderMap::new();
        for line in headers {
            let parsed = line.split_once(':').and_then(|(name, value)| {
                let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(value.trim()).ok()?))
            });
            let (name, value) =
                parsed.ok_or_else(|| usage(format!("{line:?} is no header, as in \"X-Colour: blue\"")))?;
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
fn attempt(plan: &GatewayPlan, request: &str, headers: &[String], screen: &mut Screen<'_>) -> Result<Exit, CliError> {
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
