//! The command line: what is typed becomes a question to the engine, the journal or the configuration, and an exit code.
//!
//! Called by `main`, once, with what the program was started in and with what runs in the foreground: engine and gateway are wired elsewhere.
//! Always holds: data goes to standard output and all else to standard error; each error has one shape, and its code, its
//! remedy and its exit code; whatever can be told without an engine is told without one. It must never act on a service
//! itself: it asks the engine, whose guards decide.

mod arguments;
mod attempt;
mod client;
mod configuration;
mod endpoints;
mod error;
mod gateway;
mod journal;
mod lifecycle;
mod logs;
mod of_journal;
mod orders;
mod reference;
mod say;
mod screen;
mod setup;
mod status;
mod table;
mod tap;
mod voice;
mod why;
mod wrap;

pub use arguments::{CommandLine, Format};
pub use error::{CliError, Exit};
pub use orders::paused_path;
pub use reference::reference;
pub use screen::{Outlet, Surroundings};
pub use setup::{Foreground, GatewayOrder, Telling, UpOrder};
pub use voice::Voice;

use arguments::{Everywhere, GatewayVerb, Verb};
use clap::{CommandFactory, Parser};
use client::Client;
use homeostat_store::Reader;
use screen::Screen;
use std::ffi::OsString;

/// Reads the command line, does what it says, and tells how the program is to end. `start` runs an engine or a
/// gateway in the foreground until it has ended.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: Surroundings<'_>,
    start: impl FnOnce(Foreground) -> Result<(), CliError>,
) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let line = match CommandLine::try_parse_from(&arguments) {
        Ok(line) => line,
        Err(error) => return not_a_command(&error, &arguments, surroundings),
    };
    let mut screen = Screen::new(surroundings, &line.everywhere);
    let done = carry_out(line.verb, &line.everywhere, &mut screen, start);
    done.unwrap_or_else(|error| {
        screen.failure(&error);
        error.exit()
    })
}

fn carry_out(
    verb: Verb,
    asked: &Everywhere,
    screen: &mut Screen<'_>,
    start: impl FnOnce(Foreground) -> Result<(), CliError>,
) -> Result<Exit, CliError> {
    match verb {
        Verb::Up { detach, background } => {
            if background {
                lifecycle::leave_terminal()?;
            }
            let mut order = setup::loaded(asked, screen)?;
            // In the background the journal tells all that is to be told.
            order.telling = order.telling.filter(|_| !background);
            setup::warn(&order.loaded, screen);
            if detach {
                return lifecycle::detach(&order, asked, screen);
            }
            start(Foreground::Engine(Box::new(order))).map(|()| Exit::Ok)
        }
        Verb::Check => configuration::check(asked, screen),
        Verb::Init { force } => configuration::init(asked, force, screen),
        Verb::Config(verb) => configuration::config(asked, &verb, screen),
        Verb::Gateway(GatewayVerb::Run { plan }) => {
            let order = setup::gateway_order(asked, plan, screen)?;
            start(Foreground::Gateway(order)).map(|()| Exit::Ok)
        }
        Verb::Gateway(verb) => gateway::run(asked, &verb, screen),
        Verb::Tap(look) => tap::run(&setup::loaded(asked, screen)?.loaded, &look, screen),
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "homeostat", &mut text);
            screen.data(&String::from_utf8_lossy(&text)).map(|()| Exit::Ok)
        }
        verb => with_data_folder(verb, asked, screen),
    }
}

/// The verbs that are about an engine, running or not.
fn with_data_folder(verb: Verb, asked: &Everywhere, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let folder = setup::data_folder(asked, screen)?;
    let client = || Client::new(&folder);
    match verb {
        Verb::Down { keep_services } => lifecycle::down(&client()?, keep_services, screen),
        Verb::Status { watch } => status::run(&client()?, watch, screen),
        Verb::Logs(look) => logs::run(&folder, &look, setup::services(asked, screen).as_deref(), screen),
        Verb::Why { of, last: _ } => why::run(&Reader::open(&folder)?, of, screen),
        Verb::Episodes { limit } => why::list(&Reader::open(&folder)?, limit, screen),
        Verb::Pause { service } => orders::pause(&client()?, &folder, service, screen),
        Verb::Resume { service } => orders::resume(&client()?, &folder, service, screen),
        Verb::Start { service } => orders::start(&client()?, &service, screen),
        Verb::Approve { action } => orders::about_action(&client()?, action, "approve", screen),
        Verb::Reject { action } => orders::about_action(&client()?, action, "reject", screen),
        Verb::Undo { action } => orders::about_action(&client()?, action, "undo", screen),
        Verb::Journal(verb) => journal::run(&folder, &verb, screen),
        Verb::Up { .. }
        | Verb::Check
        | Verb::Init { .. }
        | Verb::Config(_)
        | Verb::Gateway(_)
        | Verb::Tap(_)
        | Verb::Completions { .. } => {
            unreachable!("these verbs need no data folder")
        }
    }
}

/// Help and version are data; anything else that cannot be read is an error, in the shape that was asked for.
fn not_a_command(error: &clap::Error, arguments: &[OsString], surroundings: Surroundings<'_>) -> Exit {
    use clap::error::ErrorKind;
    let asked = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let json = asked("--output=json") || arguments.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
    let everywhere = Everywhere {
        config: None,
        set: Vec::new(),
        output: if json { Format::Json } else { Format::Table },
        lang: None,
        no_color: asked("--no-color"),
        quiet: false,
    };
    let mut screen = Screen::new(surroundings, &everywhere);
    let text = error.render().ansi().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match screen.data(&text) {
            Ok(()) => Exit::Ok,
            Err(error) => error.exit(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            screen.remark(&text);
            Exit::Usage
        }
        _ => {
            let text = error.render().to_string();
            let text = text.trim_start_matches("error: ");
            let what = text.split("\n\nFor more information").next().unwrap_or(text).trim_end();
            // For programs the sentence alone; a person also reads the tip and the usage.
            let what = if json { what.lines().next().unwrap_or_default() } else { what };
            let error = CliError::usage(what);
            screen.failure(&error);
            error.exit()
        }
    }
}
