//! `gateway`: the `[gateway]` section before and while one runs: what is wrong with it, and where requests go and why.
//!
//! Reads the configuration and, but for `endpoints`, nothing else: it can be asked anywhere.

use crate::arguments::{Everywhere, Format, GatewayVerb};
use crate::attempt;
use crate::configuration;
use crate::endpoints;
use crate::error::{CliError, Exit};
use crate::screen::Screen;
use crate::setup;
use crate::table::{Cell, Column, Table};
use homeostat_config::GatewayPlan;
use homeostat_routing::{Action, Route};
use homeostat_story::Message;
use homeostat_vocabulary::quantity::Period;
use serde_json::{Value, json};

/// Carries out a verb about the gateway.
pub fn run(asked: &Everywhere, verb: &GatewayVerb, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    if matches!(verb, GatewayVerb::Check) {
        return check(asked, screen);
    }
    let loaded = setup::loaded(asked, screen)?.loaded;
    let Some(plan) = &loaded.gateway else { return none(screen) };
    match verb {
        GatewayVerb::Routes { attempt: Some(request), header } => attempt::run(plan, request, header, screen),
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
        let drawn = loaded.warnings.render(setup::look(screen, screen.colour(), screen.width()));
        screen.data(&drawn)?;
    }
    let message = Message::new("gateway-check-ok").number("routes", plan.table.routes().len());
    let message = message.number("upstreams", plan.table.upstreams().len()).text("listeners", &listeners.join(", "));
    screen.answer(&message)?;
    Ok(Exit::Ok)
}

fn routes(plan: &GatewayPlan, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let routes = plan.table.in_order();
    if screen.format == Format::Json {
        let list: Vec<Value> =
            routes.iter().map(|route| json!({ "name": *route.name, "settings": *route.settings })).collect();
        screen.json(&list)?;
        return Ok(Exit::Ok);
    }
    let column = |key| Column::words(screen.say(&Message::new(key)));
    let mut columns = vec![column("column-route"), column("column-host"), column("column-path")];
    columns.push(column("column-further").gives_way());
    // What no route has takes no room from what they do.
    let has_auth = routes.iter().any(|route| route.settings.auth.is_some());
    let has_cache = routes.iter().any(|route| kept(route).is_some());
    columns.extend(has_auth.then(|| column("column-auth")));
    columns.extend(has_cache.then(|| column("column-cache")));
    columns.push(column("column-does").gives_way());
    let mut table = Table::new(columns);
    for route in routes {
        let mut cells = vec![route.name.to_string(), hosts(route), path(route), further(route)];
        cells.extend(has_auth.then(|| route.settings.auth.clone().unwrap_or_default()));
        cells.extend(has_cache.then(|| kept(route).map(|message| screen.say(&message)).unwrap_or_default()));
        cells.push(does(plan, route, screen));
        table.row(cells.into_iter().map(Cell::new).collect());
    }
    screen.data(&table.draw(screen.width()))?;
    Ok(Exit::Ok)
}

/// How long its answers are kept, if they are.
fn kept(route: &Route) -> Option<Message> {
    let cache = route.settings.cache.as_ref().filter(|cache| cache.enabled)?;
    let is = |key, period: &Period| Message::new(key).text("period", period);
    Some(match (&cache.fresh_override, &cache.fresh_default) {
        (Some(always), _) => is("gateway-kept-always", always),
        (None, Some(unless_told)) => is("gateway-kept-unless-told", unless_told),
        (None, None) => Message::new("gateway-kept-as-told"),
    })
}

/// For which hosts it is.
pub fn hosts(route: &Route) -> String {
    if route.settings.host.is_empty() { "*".to_owned() } else { route.settings.host.0.join(", ") }
}

/// For which paths it is.
pub fn path(route: &Route) -> String {
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
pub fn does(plan: &GatewayPlan, route: &Route, screen: &Screen<'_>) -> String {
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
