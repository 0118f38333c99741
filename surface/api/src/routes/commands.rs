//! What can be asked of the engine. Each request is handed on as it is; the engine's guards decide.
//!
//! Always holds: a request that names no scope is an error, never "everything"; an engine that does not answer costs the
//! client its patience and nobody else anything.

use super::Shared;
use crate::admit::Peer;
use crate::code::Code;
use crate::engine::{CommandRequest, ReloadOutcome, ReloadRequest};
use crate::extract::{Body, Named};
use crate::problem::Refused;
use axum::extract::State;
use axum::{Extension, Json};
use homeostat_vocabulary::{ActionId, Command, CommandReply, Scope, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long the engine's queue may stay full.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long the engine may take for an answer: one turn of its loop and one durable commit, so this is generous.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// What is paused or resumed: `{"scope": "everything"}` or `{"service": "web"}`, one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// All of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<PausedEverything>,
    /// One service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
}

/// The word that means everything. It must be said: nothing said never means everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PausedEverything {
    /// Everything the engine does.
    Everything,
}

impl PauseBody {
    /// The body that asks for `scope`.
    #[must_use]
    pub fn of(scope: Scope) -> Self {
        match scope {
            Scope::Everything => Self { scope: Some(PausedEverything::Everything), service: None },
            Scope::Service { name } => Self { scope: None, service: Some(name) },
        }
    }

    fn into_scope(self) -> Result<Scope, Refused> {
        match (self.scope, self.service) {
            (Some(PausedEverything::Everything), None) => Ok(Scope::Everything),
            (None, Some(name)) => Ok(Scope::Service { name }),
            _ => Err(Refused::unreadable(r#"say either {"scope": "everything"} or {"service": "NAME"}"#)),
        }
    }
}

/// How the engine ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownBody {
    /// True to leave the services running for the next engine; false to stop them.
    pub keep_services: bool,
}

type Answer = Result<Json<CommandReply>, Refused>;

pub async fn approve(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Named(action): Named<ActionId>,
) -> Answer {
    command(&shared, peer, Command::Approve { action }).await
}

pub async fn reject(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Named(action): Named<ActionId>,
) -> Answer {
    command(&shared, peer, Command::Reject { action }).await
}

pub async fn undo(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Named(action): Named<ActionId>,
) -> Answer {
    command(&shared, peer, Command::Undo { action }).await
}

pub async fn start(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Named(service): Named<ServiceName>,
) -> Answer {
    command(&shared, peer, Command::Activate { service }).await
}

pub async fn pause(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Body(body): Body<PauseBody>,
) -> Answer {
    command(&shared, peer, Command::Pause { scope: body.into_scope()? }).await
}

pub async fn resume(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Body(body): Body<PauseBody>,
) -> Answer {
    command(&shared, peer, Command::Resume { scope: body.into_scope()? }).await
}

pub async fn shutdown(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Body(body): Body<ShutdownBody>,
) -> Answer {
    command(&shared, peer, Command::Shutdown { keep_services: body.keep_services }).await
}

pub async fn reload(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
) -> Result<Json<ReloadOutcome>, Refused> {
    let answer = ask(&shared.reloads, |reply| ReloadRequest { by: peer.name(), reply }).await?;
    answer.map(Json).map_err(|problems| {
        let detail = format!("the configuration has {} problems; the one before stays in force", problems.len());
        Refused {
            problems,
            ..Refused::new(Code::ConfigurationRefused, detail, "`homeostat check` shows each with its place")
        }
    })
}

async fn command(shared: &Shared, peer: Peer, command: Command) -> Answer {
    let answer = ask(&shared.commands, |reply| CommandRequest { command, by: peer.name(), reply }).await?;
    Ok(Json(answer?))
}

/// Sends a request into the engine's queue and waits for the answer.
async fn ask<Q, T>(queue: &mpsc::Sender<Q>, request: impl FnOnce(oneshot::Sender<T>) -> Q) -> Result<T, Refused> {
    let (reply, answer) = oneshot::channel();
    match queue.send_timeout(request(reply), QUEUE_WAIT_MAX).await {
        Ok(()) => {}
        Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(ending()),
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
            let detail = "the engine takes no commands: its queue is full. Nothing was done";
            return Err(Refused::new(Code::EngineSilent, detail, "ask again in a moment"));
        }
    }
    match tokio::time::timeout(ANSWER_WAIT_MAX, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(ending()),
        Err(_) => {
            let detail =
                format!("the engine has not answered within {} s. It may still do it", ANSWER_WAIT_MAX.as_secs());
            Err(Refused::new(Code::EngineSilent, detail, "look at /v1/status or at the action before you ask again"))
        }
    }
}

fn ending() -> Refused {
    Refused::new(Code::ShuttingDown, "the engine is ending and takes no commands", "ask the next engine")
}
