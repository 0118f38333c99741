//! `status`: every service at a glance, beginning with one sentence.

use crate::arguments::Format;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::screen::{Screen, style_of};
use crate::table::{Cell, Column, Table};
use crate::wrap::wrap;
use anstyle::Style;
use homeostat_story::{Catalogue, Message, Tone, episode, phase, scope};
use homeostat_vocabulary::{
    Autonomy, Complaint, ComplaintKind, InstanceStatus, Millis, Phase, ServiceStatus, Status, Timestamp, Traffic,
};
use std::time::Duration;

/// Time between two looks of `--watch`.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Shows the status once, or again and again.
pub fn run(client: &Client, watch: bool, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    if !watch {
        let status: Status = client.get("/v1/status")?;
        show(&status, screen)?;
        return Ok(if is_all_well(&status) { Exit::Ok } else { Exit::Findings });
    }
    loop {
        match client.get::<Status>("/v1/status") {
            Ok(status) => {
                clear(screen)?;
                show(&status, screen)?;
            }
            // Whoever watches wants to see the engine come back, too.
            Err(error @ (CliError::Unreachable { .. } | CliError::Silent { .. })) => {
                clear(screen)?;
                screen.failure(&error);
            }
            Err(error) => return Err(error),
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

fn clear(screen: &mut Screen<'_>) -> Result<(), CliError> {
    match (screen.width(), screen.format) {
        // Home first and clear to the end: what is drawn again in place does not flicker.
        (Some(_), Format::Table) if screen.colour() => screen.data("\u{1b}[H\u{1b}[2J"),
        (_, Format::Table) => screen.data("\n"),
        (_, Format::Json) => Ok(()),
    }
}

fn show(status: &Status, screen: &mut Screen<'_>) -> Result<(), CliError> {
    match screen.format {
        Format::Json => screen.json_line(status),
        Format::Table => {
            let drawn = draw(status, screen.now(), screen.catalogue, screen.width());
            screen.data(&drawn)
        }
    }
}

fn is_all_well(status: &Status) -> bool {
    let complains = |service: &ServiceStatus| !service.complaints.is_empty();
    let as_written = status.configuration_refused.is_empty();
    as_written
        && status.cannot_act.is_none()
        && status.services.iter().all(|service| is_ready(service) && !complains(service))
}

fn is_ready(service: &ServiceStatus) -> bool {
    // What rests is as its owner wants it: the next request starts it.
    service.instances.iter().all(|instance| matches!(instance.phase, Phase::Ready | Phase::Resting))
}

fn draw(status: &Status, now: Timestamp, catalogue: &Catalogue, width: Option<usize>) -> String {
    // The engine tells how things have been since their last change; time has gone on since.
    let now = now.max(status.at);
    let prose = |tone: Tone, text: &str, bold: bool| {
        let style = if bold { style_of(tone).bold() } else { style_of(tone) };
        let text = width.map_or_else(|| text.to_owned(), |width| wrap(text, width, HANGING));
        format!("{style}{text}{style:#}\n")
    };
    let (tone, sentence) = headline(status, catalogue);
    let mut text = prose(tone, &sentence, true);
    if !status.services.is_empty() {
        text.push('\n');
        text.push_str(&services(status, now, catalogue).draw(width));
    }
    text.push('\n');
    for (tone, sentence) in remarks(status, now, catalogue) {
        text.push_str(&prose(tone, &sentence, false));
    }
    text
}

/// How far a sentence's further lines are moved in.
const HANGING: usize = 4;

fn headline(status: &Status, catalogue: &Catalogue) -> (Tone, String) {
    let not_ready: Vec<Message> = status
        .services
        .iter()
        .filter(|service| !is_ready(service))
        .map(|service| Message::new("name").text("name", &service.name))
        .collect();
    let count = status.services.len();
    if not_ready.is_empty() {
        return (Tone::Good, catalogue.say(&Message::new("status-all-ready").number("count", count)));
    }
    let message = Message::new("status-some-ready").number("ready", count - not_ready.len()).number("count", count);
    (Tone::Bad, catalogue.say(&message.with("names", not_ready)))
}

fn services(status: &Status, now: Timestamp, catalogue: &Catalogue) -> Table {
    let heading = |key| catalogue.say(&Message::new(key));
    let mut columns = vec![
        Column::words(heading("column-service")).gives_way(),
        Column::numbers(heading("column-instance")),
        Column::words(heading("column-phase")),
        Column::numbers(heading("column-pid")),
        Column::numbers(heading("column-port")),
        Column::numbers(heading("column-up-for")),
        Column::numbers(heading("column-restarts")),
        Column::words(heading("column-episode")),
    ];
    // Without a gateway nobody counts requests, and the columns would stand empty.
    let counted = status.services.iter().any(|service| service.traffic.is_some());
    if counted {
        columns.extend(TRAFFIC_COLUMNS.map(|key| Column::numbers(heading(key))));
    }
    let mut table = Table::new(columns);
    for service in &status.services {
        for instance in &service.instances {
            let mut cells = row(service, instance, now, catalogue);
            if counted {
                let traffic = service.traffic.as_ref().filter(|_| instance.id.index == 0);
                cells.extend(traffic_cells(traffic, catalogue));
            }
            table.row(cells);
        }
    }
    table
}

fn row(service: &ServiceStatus, instance: &InstanceStatus, now: Timestamp, catalogue: &Catalogue) -> Vec<Cell> {
    let (symbol, tone) = symbol_of(instance.phase);
    let up_for = instance.since.map(|since| catalogue.span(coarse(now.since(since))));
    let quiet = if instance.restarts == 0 { Style::new().dimmed() } else { Style::new() };
    // One port fits a column; the others are in the JSON form.
    let port = instance.ports.get("port").or_else(|| instance.ports.values().next());
    vec![
        Cell::new(service.name.to_string()),
        Cell::new(instance.id.index.to_string()),
        Cell::styled(format!("{symbol} {}", catalogue.say(&phase(instance.phase))), style_of(tone)),
        Cell::maybe(instance.pid),
        Cell::maybe(port),
        Cell::maybe(up_for),
        Cell::styled(instance.restarts.to_string(), quiet),
        Cell::maybe(instance.episode),
    ]
}

/// The columns that the gateway fills, once a service.
const TRAFFIC_COLUMNS: [&str; 3] = ["column-requests", "column-errors", "column-p99"];

fn traffic_cells(traffic: Option<&Traffic>, catalogue: &Catalogue) -> [Cell; 3] {
    let failed = |permille: u16| format!("{}.{} %", permille / 10, permille % 10);
    let tone = traffic.map_or(Tone::Plain, |traffic| if traffic.errors == 0 { Tone::Plain } else { Tone::Bad });
    let share = traffic.map(|traffic| Cell::styled(failed(traffic.errors_permille()), style_of(tone)));
    [
        Cell::maybe(traffic.map(Traffic::per_second)),
        share.unwrap_or_else(|| Cell::maybe(None::<u64>)),
        Cell::maybe(traffic.map(|traffic| catalogue.span(traffic.p99))),
    ]
}

/// Whole seconds: a table that is drawn again every second needs no fractions.
fn coarse(span: Millis) -> Millis {
    const SECOND: u64 = 1_000;
    if span.0 < SECOND { span } else { Millis(span.0 / SECOND * SECOND) }
}

const fn symbol_of(phase: Phase) -> (char, Tone) {
    match phase {
        Phase::Ready => ('●', Tone::Good),
        Phase::Starting => ('◐', Tone::Waiting),
        Phase::Waiting => ('○', Tone::Waiting),
        Phase::Stopping => ('◑', Tone::Waiting),
        Phase::Unhealthy => ('▲', Tone::Bad),
        Phase::Down => ('✗', Tone::Bad),
        Phase::Resting => ('◌', Tone::Plain),
        Phase::Stopped => ('■', Tone::Plain),
    }
}

/// What stands below the table: what hinders the engine, the open episodes, and what waits for a person.
fn remarks(status: &Status, now: Timestamp, catalogue: &Catalogue) -> Vec<(Tone, String)> {
    let mut remarks = Vec::new();
    let mut say = |tone: Tone, before: &str, message: &Message| {
        remarks.push((tone, format!("{before}{}", catalogue.say(message))));
    };
    if let Some(why) = &status.cannot_act {
        say(Tone::Bad, "", &Message::new("status-cannot-act").text("why", why));
    }
    if let Some(first) = status.configuration_refused.first() {
        let message = Message::new("status-configuration-refused").number("count", status.configuration_refused.len());
        say(Tone::Bad, "", &message.text("why", first));
    }
    for service in &status.services {
        for Complaint { kind, why } in &service.complaints {
            let key = match kind {
                ComplaintKind::SettingsRefused => "status-settings-refused",
                ComplaintKind::ListenerMissing => "status-listener-missing",
                ComplaintKind::CertificatesRefused => "status-certificates-refused",
            };
            say(Tone::Bad, "", &Message::new(key).text("service", &service.name).text("why", why));
        }
    }
    if status.shutting_down {
        say(Tone::Waiting, "", &Message::new("status-shutting-down"));
    }
    if !status.paused.is_empty() {
        let scopes: Vec<Message> = status.paused.iter().map(scope).collect();
        say(Tone::Waiting, "", &Message::new("status-paused").with("scopes", scopes));
    }
    let resting =
        status.services.iter().filter(|service| service.instances.iter().any(|it| it.phase == Phase::Resting));
    let resting: Vec<Message> = resting.map(|service| Message::new("name").text("name", &service.name)).collect();
    if !resting.is_empty() {
        say(Tone::Plain, "", &Message::new("status-resting").with("names", resting));
    }
    for open in &status.episodes {
        say(Tone::Plain, "", &episode(open));
        if let Some(action) = open.awaiting_approval {
            say(Tone::Waiting, "  → ", &Message::new("status-awaiting").text("action", &action));
        }
        if open.escalated {
            say(Tone::Bad, "  → ", &Message::new("status-escalated").text("service", &open.subject.service));
        }
        let service = status.services.iter().find(|service| service.name == open.subject.service);
        if service.is_some_and(|service| matches!(service.autonomy, Autonomy::Observe | Autonomy::Propose)) {
            say(Tone::Waiting, "  → ", &Message::new("status-left-to-you").text("service", &open.subject.service));
        }
    }
    if !status.has_looked() {
        say(Tone::Plain, "", &Message::new("status-engine-begins"));
        return remarks;
    }
    let tallies = &status.tallies;
    let engine = Message::new("status-engine").with("up", coarse(now.since(status.engine_since)));
    let engine = engine.number("fixed", tallies.fixed).number("failed", tallies.without_effect);
    say(Tone::Plain, "", &engine.number("escalations", tallies.escalations));
    remarks
}
