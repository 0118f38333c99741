//! `pause`, `resume`, `start`, `approve`, `reject`, `undo`: what a person tells the engine.
//!
//! Pausing must work when everything else is broken: without an engine it leaves a file that the next one heeds.

use crate::client::Client;
use crate::error::{CliError, Exit, shown};
use crate::say;
use crate::screen::Screen;
use homeostat_api::routes::PauseBody;
use homeostat_story::{Message, scope};
use homeostat_vocabulary::{ActionId, CommandReply, Scope, ServiceName};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

/// The file whose presence keeps an engine from acting.
const PAUSED: &str = "paused";

/// Where the kill switch of a data folder lies: while this file is there, an engine that starts does not act.
#[must_use]
pub fn paused_path(data_folder: &Path) -> PathBuf {
    data_folder.join(PAUSED)
}

/// Stops the engine from acting.
pub fn pause(
    client: &Client,
    data_folder: &Path,
    service: Option<ServiceName>,
    screen: &mut Screen<'_>,
) -> Result<Exit, CliError> {
    let scope = scope_of(service);
    match client.post::<CommandReply>("/v1/pause", &PauseBody::of(scope.clone())) {
        Ok(reply) => replied(&reply, Message::new("answer-paused").with("scope", self::scope(&scope)), screen),
        Err(error) if error.exit() == Exit::Unreachable && scope == Scope::Everything => {
            let path = paused_path(data_folder);
            let text = "While this file is here, an engine that starts watches and does not act. `homeostat resume` removes it.\n";
            let written = std::fs::create_dir_all(data_folder).and_then(|()| std::fs::write(&path, text));
            written.map_err(|error| CliError::failed(say::writing(shown(&path)), &error))?;
            screen.answer(&Message::new("answer-paused-offline").text("file", &path.display()))?;
            Ok(Exit::Ok)
        }
        Err(error) => Err(error),
    }
}

/// Lets the engine act again.
pub fn resume(
    client: &Client,
    data_folder: &Path,
    service: Option<ServiceName>,
    screen: &mut Screen<'_>,
) -> Result<Exit, CliError> {
    let scope = scope_of(service);
    let path = paused_path(data_folder);
    let removed = scope == Scope::Everything && remove(&path)?;
    match client.post::<CommandReply>("/v1/resume", &PauseBody::of(scope.clone())) {
        Ok(reply) => replied(&reply, Message::new("answer-resumed").with("scope", self::scope(&scope)), screen),
        Err(error) if error.exit() == Exit::Unreachable && removed => {
            screen.answer(&Message::new("answer-resumed-offline").text("file", &path.display()))?;
            Ok(Exit::Ok)
        }
        Err(error) => Err(error),
    }
}

/// Starts a service that starts when it is asked for.
pub fn start(client: &Client, service: &ServiceName, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let reply: CommandReply = client.post(&format!("/v1/services/{service}/start"), &json!({}))?;
    replied(&reply, Message::new("answer-started").text("service", service), screen)
}

/// Gives an order about one action: `approve`, `reject` or `undo`.
pub fn about_action(
    client: &Client,
    action: ActionId,
    order: &'static str,
    screen: &mut Screen<'_>,
) -> Result<Exit, CliError> {
    let reply: CommandReply = client.post(&format!("/v1/actions/{action}/{order}"), &json!({}))?;
    let key = match order {
        "approve" => "answer-approved",
        "reject" => "answer-rejected",
        _ => "answer-undone",
    };
    replied(&reply, Message::new(key).text("action", &action), screen)
}

fn replied(reply: &CommandReply, done: Message, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let message = match reply {
        CommandReply::Done => done,
        CommandReply::Already => Message::new("answer-already"),
        CommandReply::Begun { action } if done.key == "answer-undone" => {
            Message { key: "answer-undone-by", ..done }.text("by", action)
        }
        CommandReply::Begun { .. } => done,
    };
    screen.answer(&message)?;
    Ok(Exit::Ok)
}

fn scope_of(service: Option<ServiceName>) -> Scope {
    service.map_or(Scope::Everything, |name| Scope::Service { name })
}

/// Whether there was such a file.
fn remove(path: &Path) -> Result<bool, CliError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(CliError::failed(say::removing(shown(path)), &error)),
    }
}
