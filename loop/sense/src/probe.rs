//! One probe: what is asked, filled in and ready, and the asking of it within its time.
//!
//! Called by the loop of each check. An answer is pass or [`ProbeFailure`]; there is no third.

use crate::address;
use crate::exec::ExecTarget;
use crate::http::HttpTarget;
use crate::placeholder::fill;
use crate::prober::Watch;
use homeostat_vocabulary::{Millis, Probe, ProbeFailure};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one check asks.
#[derive(Clone, Debug)]
pub enum Target {
    /// A GET.
    Http(HttpTarget),
    /// A connection.
    Tcp {
        /// The host without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A command.
    Exec(ExecTarget),
    /// It cannot be asked; every probe fails with the reason.
    Impossible(String),
}

impl Target {
    /// The target of a watch. A declaration that cannot be asked becomes a check that fails and says why: it must not look
    /// like a check that passes.
    pub fn of(watch: &Watch) -> Self {
        Self::try_of(watch).unwrap_or_else(Self::Impossible)
    }

    fn try_of(watch: &Watch) -> Result<Self, String> {
        let filled = |text: &str| fill(text, &watch.instance, &watch.ports);
        match &watch.check.probe {
            Probe::Http { url } => HttpTarget::parse(&filled(url)?).map(Self::Http),
            Probe::Tcp { address } => {
                let address = filled(address)?;
                let (host, port) = address::part(&address).ok_or_else(|| format!("{address:?} is not HOST:PORT"))?;
                Ok(Self::Tcp { host: host.to_owned(), port })
            }
            Probe::Exec { command } => {
                let command: Vec<String> = command.iter().map(|word| filled(word)).collect::<Result<_, _>>()?;
                if command.is_empty() {
                    return Err("the check's command is empty".to_owned());
                }
                Ok(Self::Exec(ExecTarget { command, working_folder: watch.working_folder.clone() }))
            }
        }
    }

    /// Asks once, within `timeout`.
    pub async fn ask(&self, turn: &Turn, timeout: Millis) -> Result<(), ProbeFailure> {
        let answer = async {
            match self {
                Self::Http(target) => target.ask(turn).await,
                Self::Tcp { host, port } => address::connect(host, *port, turn).await.map(drop),
                Self::Exec(target) => target.ask(turn).await,
                Self::Impossible(why) => Err(ProbeFailure::other(why)),
            }
        };
        tokio::time::timeout(timeout.into(), answer).await.unwrap_or(Err(ProbeFailure::TimedOut { after: timeout }))
    }
}

/// The right of a check to have one thing running that cannot be cancelled: a command, or the look-up of a name. It keeps a
/// check whose commands do not die, or whose resolver does not answer, from piling up threads and processes.
#[derive(Clone, Debug)]
pub struct Turn(Arc<Semaphore>);

/// Held while that one thing runs.
pub type TurnToken = OwnedSemaphorePermit;

impl Turn {
    /// The one turn of a check.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Takes the turn, or fails at once when the thing before still runs.
    pub fn take(&self) -> Result<TurnToken, ProbeFailure> {
        Arc::clone(&self.0)
            .try_acquire_owned()
            .map_err(|_| ProbeFailure::other("what the probe before began has not ended yet"))
    }
}
