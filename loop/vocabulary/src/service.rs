//! Services: what is looked after, as the owner declared it and with every default filled in.
//!
//! Made by `surface/config` from `homeostat.toml`; read by every stage. Secrets appear only as references, so a service can
//! be printed, journaled and sent anywhere.

use crate::{InstanceId, Millis, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// Something looked after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// The program and its arguments; `{port}`, `{port:NAME}`, `{instance}` and `{service}` are filled in at each start.
    pub command: Vec<String>,
    /// How many copies run.
    pub instances: u16,
    /// Environment variables; values may hold the same placeholders.
    pub environment: BTreeMap<String, EnvironmentValue>,
    /// The folder it runs in, absolute.
    pub working_folder: String,
    /// Ports by name; the one of `{port}` is called `port`.
    pub ports: BTreeMap<String, Port>,
    /// Services that must be ready before it starts.
    pub depends_on: Vec<ServiceName>,
    /// How its health is asked for; without one, running is healthy.
    pub health: Option<HealthCheck>,
    /// What is promised for it.
    pub objectives: Objectives,
    /// How it is stopped.
    pub stop: Stop,
    /// What it may use.
    pub limits: Limits,
    /// How much the engine may do by itself when it needs repair.
    pub autonomy: Autonomy,
    /// When it starts.
    #[serde(default)]
    pub start: StartMode,
    /// Whether a new life takes over from the one that runs, which then ends by itself: it is replaced by starting, and nothing is
    /// stopped for it. Only for services without ports of their own, which two lives could not share.
    #[serde(default)]
    pub takes_over: bool,
    /// Whether it ends before all others when everything ends: work comes in through it, and the others finish what came.
    #[serde(default)]
    pub ends_first: bool,
}

/// When a service starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum StartMode {
    /// With the engine, and it is kept running.
    #[default]
    AtOnce,
    /// When it is asked for; until then it rests, and that is no fault.
    OnRequest {
        /// It rests again when nobody has asked for anything for so long; never by itself without one.
        idle_stop: Option<Millis>,
    },
}

impl Service {
    /// The copies that should exist.
    pub fn instance_ids(&self) -> impl Iterator<Item = InstanceId> + '_ {
        (0..self.instances).map(|index| InstanceId::new(self.name.clone(), index))
    }

    /// A short hash of all that a running process was started from: when it differs, the process must be replaced to
    /// follow the policy. Health, objectives, autonomy, dependencies and the number of copies change nothing in a process.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let launched = (&self.command, &self.environment, &self.working_folder, &self.ports, &self.stop, &self.limits);
        let text = serde_json::to_string(&launched).expect("plain data always has a JSON form");
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentValue {
    /// Given as it is.
    Plain(String),
    /// Read at each start from where it is kept.
    Secret(SecretReference),
}

/// Where a secret is kept; the secret itself is never held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretReference {
    /// In a variable of the engine's own environment: `env:NAME`.
    Environment(String),
    /// In a file, of which one trailing line break is dropped: `file:PATH`.
    File(String),
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// A port an instance listens at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// A free one is allotted at the first start and kept for the instance.
    Auto,
    /// This one.
    Fixed(u16),
}

/// How health is asked for, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// Time from the beginning of one probe to the next.
    pub interval: Millis,
    /// How long an answer may take.
    pub timeout: Millis,
    /// Failures in a row that make an instance unhealthy.
    pub failures: u32,
    /// Passes in a row that make it healthy again.
    pub successes: u32,
    /// Time after a start in which failures are not counted, unless it passed before.
    pub start_grace: Millis,
}

/// What is asked; placeholders as in a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "probe", rename_all = "snake_case")]
pub enum Probe {
    /// A GET that must answer 200 to 399.
    Http {
        /// `http://HOST:PORT/PATH`; of our own parts also `unix:SOCKET:/PATH`.
        url: String,
    },
    /// A connection that must be accepted.
    Tcp {
        /// `HOST:PORT`.
        address: String,
    },
    /// A command that must end with 0.
    Exec {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

/// What is promised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Objectives {
    /// Share of time in which the service is ready, in parts per million: 999000 is 99.9 %.
    pub availability_ppm: Option<u32>,
    /// How long a repair may take, from the first finding to ready again.
    pub recovery: Option<Millis>,
}

/// How a service is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Sent first, to the whole process group.
    pub signal: StopSignal,
    /// Time until what still runs is killed.
    pub grace: Millis,
}

/// Signals that ask a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// SIGTERM.
    Term,
    /// SIGINT.
    Int,
    /// SIGQUIT.
    Quit,
    /// SIGHUP.
    Hup,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
    /// SIGKILL: at once, with no chance to clean up.
    Kill,
}

/// What an instance may use; nothing is limited by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Private memory of each process, in bytes (RLIMIT_DATA).
    pub memory_bytes: Option<u64>,
    /// Open files of each process (RLIMIT_NOFILE).
    pub open_files: Option<u64>,
    /// Processor time of each process, in seconds (RLIMIT_CPU).
    pub cpu_seconds: Option<u64>,
    /// Largest file a process may write, in bytes (RLIMIT_FSIZE).
    pub file_bytes: Option<u64>,
}

/// How much the engine may do by itself, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Writes down what it would have done.
    #[default]
    Observe,
    /// Makes the plan and calls for a person, who carries it out by hand.
    Propose,
    /// Makes the plan and carries it out when a person approves.
    Approve,
    /// Acts by itself, within the guards.
    Auto,
}
