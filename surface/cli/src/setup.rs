//! From the command line to the configuration: which file, which overrides, which data folder.
//!
//! The only place that speaks to `homeostat_config` about sources. Always holds: a verb that only needs to find the engine
//! works while the rest of the configuration is broken.

use crate::arguments::{Everywhere, Format};
use crate::error::CliError;
use crate::journal::{is_step, live_line};
use crate::screen::Screen;
use homeostat_config::{GATEWAY_SERVICE, Loaded, Look, Problems, Source, load, load_settings, locate};
use homeostat_store::Entry;
use homeostat_story::{Catalogue, line_of};
use std::path::PathBuf;

/// What an engine is started with.
pub struct UpOrder {
    /// Where the configuration comes from, to load it again when it changes.
    pub source: Source,
    /// The configuration as it is now, checked.
    pub loaded: Loaded,
    /// How what happens is told while it happens; `None` when nobody is to hear it.
    pub telling: Option<Telling>,
}

/// What runs in the foreground until it has ended.
pub enum Foreground {
    /// An engine.
    Engine(Box<UpOrder>),
    /// A gateway.
    Gateway(GatewayOrder),
}

/// What a gateway is started with.
pub enum GatewayOrder {
    /// By a person: it reads the configuration itself.
    Alone {
        /// Where that comes from.
        source: Source,
        /// Where its sockets lie.
        folder: PathBuf,
    },
    /// By an engine, which has read and checked the settings and keeps them in this file.
    Planned(PathBuf),
}

/// A gateway that reads its settings here, or in the file that an engine keeps for it.
pub fn gateway_order(asked: &Everywhere, plan: Option<PathBuf>, screen: &Screen<'_>) -> Result<GatewayOrder, CliError> {
    if let Some(plan) = plan {
        return Ok(GatewayOrder::Planned(plan));
    }
    let source = source_of(asked, screen)?;
    let loaded = load(&source).map_err(|problems| config_error(&problems, screen))?;
    Ok(GatewayOrder::Alone { source, folder: loaded.settings.data_folder })
}

/// How what happens is told on standard error.
#[derive(Clone, Copy)]
pub struct Telling {
    /// The sentences.
    pub catalogue: &'static Catalogue,
    /// Whether with colours.
    pub colour: bool,
}

impl Telling {
    /// An entry of the journal as a line; `None` for the single steps of actions, which would only say everything twice.
    #[must_use]
    pub fn line(self, entry: &Entry) -> Option<String> {
        if is_step(entry) {
            return None;
        }
        let styled = live_line(&line_of(entry, self.catalogue));
        Some(if self.colour { styled } else { anstream::adapter::strip_str(&styled).to_string() })
    }
}

/// The source that the command line names, or the first file found in the customary places.
pub fn source_of(asked: &Everywhere, screen: &Screen<'_>) -> Result<Source, CliError> {
    let path = match &asked.config {
        Some(path) => path.clone(),
        None => locate(&screen.environment).map_err(|problems| config_error(&problems, screen))?,
    };
    Ok(Source { path: Some(path), environment: screen.environment.clone(), overrides: asked.set.clone() })
}

/// The whole configuration, checked.
pub fn loaded(asked: &Everywhere, screen: &Screen<'_>) -> Result<UpOrder, CliError> {
    let source = source_of(asked, screen)?;
    let loaded = load(&source).map_err(|problems| config_error(&problems, screen))?;
    let heard = screen.format == Format::Table && !screen.is_quiet();
    let telling = heard.then(|| Telling { catalogue: screen.catalogue, colour: screen.err_look().0 });
    Ok(UpOrder { source, loaded, telling })
}

/// The folder in which the engine's socket and journal lie.
pub fn data_folder(asked: &Everywhere, screen: &Screen<'_>) -> Result<PathBuf, CliError> {
    let source = source_of(asked, screen)?;
    let settings = load_settings(&source).map_err(|problems| config_error(&problems, screen))?;
    Ok(settings.data_folder)
}

/// The names of all services, the gateway's among them; none while the configuration is broken.
pub fn services(asked: &Everywhere, screen: &Screen<'_>) -> Option<Vec<String>> {
    let loaded = load(&source_of(asked, screen).ok()?).ok()?;
    let gateway = loaded.gateway.iter().map(|_| GATEWAY_SERVICE.to_owned());
    Some(loaded.policy.services.keys().map(ToString::to_string).chain(gateway).collect())
}

/// Problems of the configuration as an error, drawn for standard error.
pub fn config_error(problems: &Problems, screen: &Screen<'_>) -> CliError {
    let (colour, width) = screen.err_look();
    let rendered = problems.render(look(screen, colour, width));
    CliError::Config { rendered, problems: serde_json::to_value(problems).unwrap_or_default() }
}

/// Columns where there is no terminal: more than any sentence has, so that a path in one is not torn apart. Not the largest number
/// there is, since the drawing library calculates with it.
const UNWRAPPED: usize = 100_000;

/// How problems are drawn on a stream: in the person's language, and with line-drawing characters, and wrapped, only for eyes.
#[must_use]
pub fn look(screen: &Screen<'_>, colour: bool, width: Option<usize>) -> Look {
    let language = screen.catalogue.language();
    Look { colour, unicode: width.is_some(), width: width.unwrap_or(UNWRAPPED), language }
}

/// Says what the configuration does not do that one might think; programs get it from `check`.
pub fn warn(loaded: &Loaded, screen: &mut Screen<'_>) {
    if !loaded.warnings.is_empty() && screen.format == Format::Table {
        let (colour, width) = screen.err_look();
        let drawn = loaded.warnings.render(look(screen, colour, width));
        screen.remark(&drawn);
    }
}
