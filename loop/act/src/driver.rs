//! What a driver must be able to do: the one seam through which the loop touches the outside world.
//!
//! Called by [`crate::Hands`] for steps and by the wiring at start. A driver sends what it perceives afterwards (exits) as
//! signals into the channel it was made with. Every call is idempotent under its run id: asked twice, it happens once.

use homeostat_vocabulary::{Exit, InstanceId, RunId, Service, Signal, SignalKind, Timestamp};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// A future of a driver; boxed so that drivers can be chosen at run time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A system that can run instances.
pub trait Driver: Send + Sync + 'static {
    /// Begins the life `order.run`. Asked again under the same run id it starts nothing and tells what became of that life.
    /// Returns as soon as the process runs; readiness is the probes' business.
    fn start(&self, order: StartOrder) -> Pending<'_, Result<Sighting, DriverError>>;

    /// Ends the life `run`: gracefully, then hard, with everything it has spawned. Returns when it is gone. Stopping a life
    /// that is over, or never was, is a success. What it was to take over from, or was to take over from it, and did not, ends with it.
    fn stop(&self, instance: InstanceId, run: RunId) -> Pending<'_, Result<Option<Exit>, DriverError>>;

    /// Takes the start of the life `run` back: ends it as `stop` does, and it alone. A life that it was to take over from serves, or
    /// ends by itself, and is not touched.
    fn take_back(&self, instance: InstanceId, run: RunId) -> Pending<'_, Result<Option<Exit>, DriverError>>;

    /// Looks what became of the life `run`; `None` when it never began.
    fn look(&self, instance: InstanceId, run: RunId) -> Pending<'_, Result<Option<Sighting>, DriverError>>;

    /// Finds the latest life of every instance an earlier engine started, and watches the ones that still run from now on. One that was
    /// taking over and shows no sign of having done so is not it: the life before is.
    fn adopt(&self) -> Pending<'_, Result<Vec<Sighting>, DriverError>>;
}

/// The order to begin a life.
#[derive(Clone, Debug)]
pub struct StartOrder {
    /// Which instance.
    pub instance: InstanceId,
    /// The life to begin.
    pub run: RunId,
    /// What it is to run.
    pub service: Service,
}

/// A life as a driver sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which instance.
    pub instance: InstanceId,
    /// Which life.
    pub run: RunId,
    /// Its process id, while it runs or ran.
    pub pid: u32,
    /// Its ports by name.
    pub ports: BTreeMap<String, u16>,
    /// When it began.
    pub since: Timestamp,
    /// What it was started from, see `Service::fingerprint`.
    pub fingerprint: String,
    /// How and when it ended; `None` while it runs.
    pub ended: Option<(Exit, Timestamp)>,
}

impl Sighting {
    /// The signals that tell this sighting, in order: it is up, and if it has ended, its exit.
    #[must_use]
    pub fn signals(&self, at: Timestamp, adopted: bool) -> Vec<Signal> {
        let signal = |kind| Signal { at, subject: self.instance.clone(), run: self.run.clone(), kind };
        let up = SignalKind::Up {
            pid: self.pid,
            ports: self.ports.clone(),
            adopted,
            fingerprint: self.fingerprint.clone(),
            since: self.since,
        };
        let exit = self.ended.clone().map(|(exit, ended_at)| SignalKind::Exited { exit, ended_at });
        std::iter::once(up).chain(exit).map(signal).collect()
    }
}

/// Why a driver could not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DriverError {
    /// It cannot be done as declared; trying again brings nothing until something outside changes.
    #[error("{reason}")]
    Impossible {
        /// What stands in the way, with the remedy.
        reason: String,
    },
    /// It did not work this time and nothing was left behind.
    #[error("{reason}")]
    Failed {
        /// What went wrong.
        reason: String,
    },
    /// It may or may not have happened.
    #[error("{reason}")]
    Unknown {
        /// What made it unknowable.
        reason: String,
    },
}
