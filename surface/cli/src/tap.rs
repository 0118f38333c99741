//! `tap`: the requests that pass the gateway, one line each as they are answered.
//!
//! Asks the gateway's own control, never the engine. Always holds: what clients wrote never moves the terminal; whoever reads too
//! slowly is told how many requests were not shown; the gateway is never made to wait.

use crate::arguments::{Format, TapArguments};
use crate::error::{CliError, Exit, shown};
use crate::say;
use crate::screen::Screen;
use anstyle::{AnsiColor, Style};
use homeostat_config::Loaded;
use homeostat_driver_gateway::{Client, Unreachable};
use homeostat_story::{Message, plain};
use homeostat_vocabulary::sentence::Argument;
use serde::Deserialize;
use serde_json::Value;

/// A request, as the gateway shows it.
#[derive(Deserialize)]
struct Seen {
    at_ms: u64,
    client: String,
    method: String,
    host: String,
    path: String,
    #[serde(default)]
    route: String,
    endpoint: Option<String>,
    status: u16,
    took_us: u64,
    #[serde(default)]
    attempts: u32,
    cache: Option<String>,
    #[serde(default)]
    missed: u64,
}

/// Shows requests until the reader, the gateway or the number asked for ends it.
pub fn run(loaded: &Loaded, asked: &TapArguments, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    check_route(loaded, asked)?;
    let control = loaded.gateway_control();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::failed(say::reaching_gateway(shown(&control)), &error))?;
    let mut left = asked.number.unwrap_or(u64::MAX);
    let mut written = Ok(());
    let client = Client::new(control.clone());
    let watched = runtime.block_on(client.watch(&question(asked), |line| {
        written = show(line, screen);
        left = left.saturating_sub(1);
        written.is_ok() && left > 0
    }));
    written?;
    match watched {
        Ok(()) => Ok(Exit::Ok),
        Err(Unreachable::Refused { status: 400..500, text }) => Err(CliError::usage(why(&text))),
        Err(error) => {
            let reason = match error {
                Unreachable::Silent(reason) => say::gateway_silent(reason),
                Unreachable::Refused { status, text } => say::gateway_answered(status, text),
            };
            Err(CliError::NoGateway { socket: control, reason })
        }
    }
}

/// A name that no route has would be waited for in vain.
fn check_route(loaded: &Loaded, asked: &TapArguments) -> Result<(), CliError> {
    let Some(name) = &asked.route else { return Ok(()) };
    let plan = loaded.gateway.as_ref().ok_or_else(|| CliError::usage(say::no_gateway_section()))?;
    let mut known: Vec<String> = plan.table.routes().iter().map(|route| route.name.to_string()).collect();
    if known.contains(name) {
        return Ok(());
    }
    known.sort_unstable();
    Err(CliError::usage(say::no_route(name, Argument::Names(known))))
}

/// What a problem of the gateway says, without its wrapping.
fn why(text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let said = ["detail", "title"].iter().find_map(|field| problem.get(field)?.as_str().map(plain));
    said.unwrap_or_else(|| plain(text))
}

fn question(asked: &TapArguments) -> String {
    let mut path = "/v1/tap".to_owned();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(name);
            path.push('=');
            for byte in value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                        path.push(char::from(byte));
                    }
                    other => path.push_str(&format!("%{other:02X}")),
                }
            }
        }
    };
    add("route", asked.route.clone());
    add("status", asked.status.clone());
    add("path", asked.path.clone());
    add("slower_than_ms", asked.slower_than.map(|time| time.0.0.to_string()));
    add("sample", asked.sample.map(|one_in| one_in.to_string()));
    path
}

fn show(line: &[u8], screen: &mut Screen<'_>) -> Result<(), CliError> {
    // What another version writes, and is no request as this one knows it, is passed over.
    let Ok(whole) = serde_json::from_slice::<Value>(line) else { return Ok(()) };
    if screen.format == Format::Json {
        return screen.json_line(&whole);
    }
    let Ok(seen) = serde_json::from_value::<Seen>(whole) else { return Ok(()) };
    if seen.missed > 0 {
        let missed = Message::new("tap-missed").number("count", seen.missed);
        screen.note(&missed);
    }
    let (dim, status) = (Style::new().dimmed(), of_status(seen.status));
    let mut text = format!(
        "{dim}{}{dim:#} {status}{}{status:#} {:>8} {} {}{}",
        time_of_day(seen.at_ms),
        seen.status,
        took(seen.took_us),
        plain(&seen.method),
        plain(&seen.host),
        plain(&seen.path),
    );
    let mut further = vec![plain(&seen.client)];
    if !seen.route.is_empty() {
        further.push(plain(&seen.route));
    }
    further.extend(seen.endpoint.iter().map(|endpoint| plain(endpoint)));
    if seen.attempts > 1 {
        further.push(screen.say(&Message::new("tap-attempts").number("count", u64::from(seen.attempts))));
    }
    further.extend(seen.cache.iter().map(|cache| plain(cache)));
    text.push_str(&format!(" {dim}{}{dim:#}\n", further.join(" · ")));
    screen.data(&text)
}

fn of_status(status: u16) -> Style {
    match status {
        0..400 => AnsiColor::Green.on_default(),
        400..500 => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Red.on_default(),
    }
}

/// The time of day in UTC, as short as it can be read along.
fn time_of_day(at_ms: u64) -> String {
    let (seconds, millis) = (at_ms / 1_000 % 86_400, at_ms % 1_000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn took(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us / 100 % 10),
        _ => format!("{}.{:02} s", us / 1_000_000, us / 10_000 % 100),
    }
}
