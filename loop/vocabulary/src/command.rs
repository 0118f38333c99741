//! Commands: what people and programs ask of the engine, and how it refuses.

use crate::{ActionId, Guard, InstanceId, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What can be asked of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Stop acting: nothing is begun, and with everything paused no further step of what has begun. For one service, what has
    /// begun comes to its end. Sensing goes on.
    Pause {
        /// What for.
        scope: Scope,
    },
    /// Act again; a held instance of the scope is released.
    Resume {
        /// What for.
        scope: Scope,
    },
    /// Carry out a plan that waits for a person.
    Approve {
        /// Which.
        action: ActionId,
    },
    /// Refuse a plan that waits for a person.
    Reject {
        /// Which.
        action: ActionId,
    },
    /// Take an action back.
    Undo {
        /// Which.
        action: ActionId,
    },
    /// Start a service that starts when it is asked for. Asked again while it runs, nothing happens.
    Activate {
        /// Which.
        service: ServiceName,
    },
    /// End the engine.
    Shutdown {
        /// Leave the services running for the next engine to adopt.
        keep_services: bool,
    },
}

/// What a pause is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "scope", rename_all = "snake_case")]
pub enum Scope {
    /// Everything the engine does.
    Everything,
    /// One service.
    Service {
        /// Its name.
        name: ServiceName,
    },
}

/// What a granted command answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum CommandReply {
    /// It is so now.
    Done,
    /// It was so already.
    Already,
    /// An action was begun for it.
    Begun {
        /// Which.
        action: ActionId,
    },
}

/// Why a command was not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// No service has this name.
    #[error("there is no service {name}")]
    NoSuchService {
        /// The name given.
        name: ServiceName,
    },
    /// No action has this number, or it is too old to be kept in mind.
    #[error("there is no action {action}, or it is too long ago")]
    NoSuchAction {
        /// The number given.
        action: ActionId,
    },
    /// The action is not in a state in which this can be asked.
    #[error("action {action} {state}")]
    WrongState {
        /// Which action.
        action: ActionId,
        /// What it is doing instead.
        state: String,
    },
    /// A guard said no.
    #[error("refused by the guard {guard:?}: {reason}")]
    Guarded {
        /// Which guard.
        guard: Guard,
        /// Its reason.
        reason: String,
    },
    /// The instance an action was about is no longer declared.
    #[error("instance {instance} is no longer declared")]
    NoSuchInstance {
        /// Which.
        instance: InstanceId,
    },
    /// The engine is ending.
    #[error("the engine is shutting down")]
    ShuttingDown,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Service { name } => write!(f, "{name}"),
        }
    }
}
