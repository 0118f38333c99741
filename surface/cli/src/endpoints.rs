//! `gateway endpoints`: the endpoints of every upstream as the running gateway knows them, or where the configuration has them come from
//! when none runs; it always says which of both.
//!
//! Called by the verbs about the gateway. Asks the gateway's own control, never the engine, so that it tells the truth while the engine
//! is gone. What the gateway answers is shown with nothing in it that could move the terminal.

use crate::Format;
use crate::error::{CliError, Exit, shown};
use crate::say;
use crate::screen::Screen;
use crate::table::{Cell, Column, Table};
use homeostat_config::{GatewayPlan, Loaded};
use homeostat_driver_gateway::Client;
use homeostat_routing::{Source, UpstreamPlan};
use homeostat_story::{Message, plain};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The gateway as it runs.
#[derive(Deserialize)]
struct Running {
    pid: u32,
}

/// An upstream as the running gateway shows it.
#[derive(Deserialize, Serialize)]
struct Upstream {
    upstream: String,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    endpoints: Vec<Endpoint>,
    #[serde(default)]
    waiting: u64,
}

#[derive(Deserialize, Serialize)]
struct Endpoint {
    name: String,
    address: String,
    standing: String,
    works: f64,
    in_flight: u64,
    idle: u64,
}

/// Shows the endpoints as they are, or as they will be.
pub fn run(loaded: &Loaded, plan: &GatewayPlan, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    match live(loaded)? {
        Some((running, upstreams)) => show_live(&running, &upstreams, screen),
        None => show_configured(plan, screen),
    }
}

/// What a gateway answers; nothing when none does.
fn live(loaded: &Loaded) -> Result<Option<(Running, Vec<Upstream>)>, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let control = loaded.gateway_control();
    let runtime = runtime.map_err(|error| CliError::failed(say::reaching_gateway(shown(&control)), &error))?;
    let client = Client::new(control);
    let answer = runtime.block_on(async {
        let running = client.get("/v1/status", Duration::ZERO).await?;
        Ok::<_, homeostat_driver_gateway::Unreachable>((running, client.get("/v1/endpoints", Duration::ZERO).await?))
    });
    Ok(answer.ok())
}

fn show_live(running: &Running, upstreams: &[Upstream], screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    if screen.format == Format::Json {
        screen.json(&json!({ "from": "live", "pid": running.pid, "upstreams": upstreams }))?;
        return Ok(Exit::Ok);
    }
    let heading = |key| screen.say(&Message::new(key));
    let mut table = Table::new(vec![
        Column::words(heading("column-upstream")),
        Column::words(heading("column-endpoint")).gives_way(),
        Column::words(heading("column-address")),
        Column::words(heading("column-standing")),
        Column::numbers(heading("column-works")),
        Column::numbers(heading("column-in-flight")),
        Column::numbers(heading("column-kept")),
    ]);
    for upstream in upstreams {
        let name = plain(&upstream.upstream);
        if upstream.endpoints.is_empty() {
            let waiting = Message::new("gateway-nobody-there").number("count", upstream.waiting);
            let mut row = vec![Cell::new(name), Cell::new(screen.say(&waiting))];
            row.resize(7, Cell::default());
            table.row(row);
            continue;
        }
        for endpoint in &upstream.endpoints {
            let standing = Message::new("gateway-standing").text("standing", &plain(&endpoint.standing));
            let works = format!("{:.0} %", endpoint.works.clamp(0.0, 1.0) * 100.0);
            let (in_flight, kept) = (endpoint.in_flight.to_string(), endpoint.idle.to_string());
            let cells =
                [plain(&endpoint.name), plain(&endpoint.address), screen.say(&standing), works, in_flight, kept];
            let cells = cells.into_iter().map(Cell::new);
            table.row(std::iter::once(Cell::new(name.clone())).chain(cells).collect());
        }
    }
    let source = screen.say(&Message::new("gateway-endpoints-live").text("pid", &running.pid));
    screen.data(&format!("{source}\n\n{}", table.draw(screen.width())))?;
    Ok(Exit::Ok)
}

fn show_configured(plan: &GatewayPlan, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let upstreams = plan.table.upstreams();
    if screen.format == Format::Json {
        let list: Vec<Value> = upstreams.iter().map(as_written).collect();
        screen.json(&json!({ "from": "configuration", "upstreams": list }))?;
        return Ok(Exit::Ok);
    }
    let heading = |key| screen.say(&Message::new(key));
    let mut table = Table::new(vec![
        Column::words(heading("column-upstream")),
        Column::words(heading("column-endpoints")).gives_way(),
    ]);
    for upstream in upstreams {
        let from = match &upstream.source {
            Source::Static(addresses) => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Source::Dns { name, port } => {
                screen.say(&Message::new("gateway-from-dns").text("name", name).text("port", port))
            }
            Source::Service { name, port } => {
                screen.say(&Message::new("gateway-from-service").text("name", name).text("port", port))
            }
        };
        table.row(vec![Cell::new(upstream.name.to_string()), Cell::new(from)]);
    }
    let source = screen.say(&Message::new("gateway-endpoints-configured"));
    screen.data(&format!("{source}\n\n{}", table.draw(screen.width())))?;
    Ok(Exit::Ok)
}

fn as_written(upstream: &UpstreamPlan) -> Value {
    let source = match &upstream.source {
        Source::Static(addresses) => json!({ "kind": "static", "endpoints": addresses }),
        Source::Dns { name, port } => json!({ "kind": "dns", "name": name, "port": port }),
        Source::Service { name, port } => json!({ "kind": "service", "name": name, "port": port }),
    };
    json!({ "upstream": *upstream.name, "source": source })
}
