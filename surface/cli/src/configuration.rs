//! `check`, `init` and `config`: the configuration before anything starts.

use crate::arguments::{ConfigVerb, Everywhere, Format};
use crate::error::{CliError, Exit, shown};
use crate::say;
use crate::screen::Screen;
use crate::setup::{self, look};
use homeostat_config::{FILE_NAME, load, scan, schema};
use homeostat_story::Message;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Says what is wrong. Problems are the answer that was asked for, so they go to standard output.
pub fn check(asked: &Everywhere, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let source = setup::source_of(asked, screen)?;
    let (problems, services, routes) = match load(&source) {
        Ok(loaded) => {
            let routes = loaded.gateway.map(|plan| plan.table.routes().len());
            (loaded.warnings, Some(loaded.policy.services.len()), routes)
        }
        Err(problems) => (problems, None, None),
    };
    let exit = if services.is_some() { Exit::Ok } else { Exit::Usage };
    if screen.format == Format::Json {
        screen.json(&json!({ "ok": services.is_some(), "services": services, "problems": problems }))?;
        return Ok(exit);
    }
    if !problems.is_empty() {
        let drawn = problems.render(look(screen, screen.colour(), screen.width()));
        screen.data(&drawn)?;
    }
    if let Some(count) = services {
        let file = source.path.unwrap_or_default();
        let message = match routes {
            Some(routes) => Message::new("check-ok-gateway").number("routes", routes),
            None => Message::new("check-ok"),
        };
        screen.answer(&message.text("file", &file.display()).number("count", count))?;
    }
    Ok(exit)
}

/// Writes a first configuration file.
pub fn init(asked: &Everywhere, force: bool, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let path = asked.config.clone().unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let folder = std::path::absolute(&path).ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let draft = scan::compose(&scan::host(), &folder, &screen.environment);
    let mut options = std::fs::OpenOptions::new();
    // Without --force the file must be new: asked of the system, which also sees one that appears this very moment.
    let opened = options.write(true).create(force).create_new(!force).truncate(force).open(&path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::Occupied { path: path.clone() },
        _ => CliError::failed(say::writing(shown(&path)), &error),
    })?;
    file.write_all(draft.text.as_bytes()).map_err(|error| CliError::failed(say::writing(shown(&path)), &error))?;
    screen.answer(&Message::new("init-written").text("file", &path.display()).number("count", draft.services))?;
    Ok(Exit::Ok)
}

/// Shows the configuration.
pub fn config(asked: &Everywhere, verb: &ConfigVerb, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    match verb {
        ConfigVerb::Schema => screen.json(&schema())?,
        ConfigVerb::Show { origin } => {
            let order = setup::loaded(asked, screen)?;
            match screen.format {
                Format::Json => screen.json(&order.loaded.show_json(*origin))?,
                Format::Table => screen.data(&order.loaded.show(*origin))?,
            }
        }
        ConfigVerb::Path => {
            let source = setup::source_of(asked, screen)?;
            let path = source.path.unwrap_or_default();
            match screen.format {
                Format::Json => screen.json(&json!({ "path": path }))?,
                Format::Table => screen.data(&format!("{}\n", path.display()))?,
            }
        }
    }
    Ok(Exit::Ok)
}
