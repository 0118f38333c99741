//! Signals: single things perceived about an instance, by a driver or a probe.

use crate::{InstanceId, Millis, RunId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One thing perceived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// When it was perceived.
    pub at: Timestamp,
    /// What it is about.
    pub subject: InstanceId,
    /// Which life of the subject it is about; a signal about a life that is over is ignored.
    pub run: RunId,
    /// What was perceived.
    pub kind: SignalKind,
}

/// What was perceived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub enum SignalKind {
    /// The process runs: started now, or found running by a new engine.
    Up {
        /// Its process id.
        pid: u32,
        /// The ports allotted to it; the unnamed one is called `port`.
        ports: BTreeMap<String, u16>,
        /// True when a new engine found it running.
        adopted: bool,
        /// What it was started from, see `Service::fingerprint`.
        fingerprint: String,
        /// When the process began.
        since: Timestamp,
    },
    /// The process is gone. A hard fact.
    Exited {
        /// How it ended.
        exit: Exit,
        /// When it ended, as far as is known.
        ended_at: Timestamp,
    },
    /// The health check passed.
    ProbePassed {
        /// How long the check took.
        took: Millis,
    },
    /// The health check failed.
    ProbeFailed {
        /// In which way.
        failure: ProbeFailure,
    },
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "exit", rename_all = "snake_case")]
pub enum Exit {
    /// It ended by itself with this code.
    Code {
        /// The exit code; 0 is success by custom.
        code: i32,
    },
    /// A signal ended it.
    Killed {
        /// The signal's number, 9 for SIGKILL.
        signal: i32,
    },
    /// It is gone and nobody saw how.
    Unknown,
}

/// In which way a health check failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum ProbeFailure {
    /// Nothing listens at the address.
    Refused,
    /// No answer in time.
    TimedOut {
        /// How long it was waited for.
        after: Millis,
    },
    /// An HTTP answer outside 200 to 399.
    Status {
        /// The status that came.
        code: u16,
    },
    /// The check's command ended with another code than 0, or by a signal.
    CommandFailed {
        /// How the command ended.
        exit: Exit,
    },
    /// Anything else, in the words of the operating system or library; cut to [`OTHER_TEXT_BYTES_MAX`] bytes.
    Other {
        /// What was said. It comes from outside: never to be trusted, only shown.
        text: String,
    },
}

/// How much of a foreign error text is kept.
pub const OTHER_TEXT_BYTES_MAX: usize = 200;

impl ProbeFailure {
    /// A failure in foreign words, cut to a bound and with control characters taken out.
    #[must_use]
    pub fn other(text: &str) -> Self {
        let mut kept = String::new();
        for character in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
            if kept.len() + character.len_utf8() > OTHER_TEXT_BYTES_MAX {
                break;
            }
            kept.push(character);
        }
        Self::Other { text: kept }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { code } => write!(f, "exit code {code}"),
            Self::Killed { signal } => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("exit unknown"),
        }
    }
}
