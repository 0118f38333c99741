//! The prober: one task a check, started by `watch` and ended by `forget`.
//!
//! Called by the engine's shell. Each probe runs in a task of its own under its check's task, so that a fault in one probe is a
//! failed probe and not the silent end of the check.

use crate::cadence::Cadence;
use crate::probe::{Target, Turn};
use homeostat_reactor::Inlet;
use homeostat_vocabulary::{HealthCheck, InstanceId, Millis, ProbeFailure, RunId, Signal, SignalKind, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Tells the time for signals; the engine's own clock, which never runs backwards.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is to be watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Which instance.
    pub instance: InstanceId,
    /// Which life of it; its signals bear this id.
    pub run: RunId,
    /// Its ports by name, for the placeholders of the check.
    pub ports: BTreeMap<String, u16>,
    /// What is asked, and how often.
    pub check: HealthCheck,
    /// The folder an exec check runs in: the service's own.
    pub working_folder: PathBuf,
}

/// Runs the health checks of everything that is watched. Dropping it ends them all.
pub struct Prober {
    checks: HashMap<InstanceId, JoinSet<()>>,
    outlet: Outlet,
    seed: u64,
}

impl Prober {
    /// A prober with nothing to watch. Results go to `signals` and are dropped while it is full; `seed` decides how the checks
    /// spread over time.
    #[must_use]
    pub fn new(signals: impl Into<Inlet<Signal>>, clock: Clock, seed: u64) -> Self {
        let outlet = Outlet { signals: signals.into(), clock, dropped: Arc::new(AtomicU64::new(0)) };
        Self { checks: HashMap::new(), outlet, seed }
    }

    /// Begins to watch an instance; a watch it had before ends. Must be called within a tokio runtime.
    pub fn watch(&mut self, watch: Watch) {
        self.seed = self.seed.wrapping_add(1);
        let mut task = JoinSet::new();
        let instance = watch.instance.clone();
        task.spawn(run(watch, self.seed, self.outlet.clone()));
        // The set that was there ends its task when it is dropped.
        self.checks.insert(instance, task);
    }

    /// Ends the watch of an instance; a probe under way is given up.
    pub fn forget(&mut self, instance: &InstanceId) {
        self.checks.remove(instance);
    }

    /// How many instances are watched.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.checks.len()
    }

    /// How many results were lost because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.outlet.dropped.load(Ordering::Relaxed)
    }
}

/// The loop of one check.
async fn run(watch: Watch, seed: u64, outlet: Outlet) {
    let target = Arc::new(Target::of(&watch));
    let turn = Turn::new();
    let mut cadence = Cadence::new(&watch.check.probe, watch.check.interval, seed);
    tokio::time::sleep(cadence.first_wait()).await;
    loop {
        let begun = Instant::now();
        let answer = ask_once(&target, &turn, watch.check.timeout).await;
        let took = Millis(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        let passed = answer.is_ok();
        outlet.send(
            &watch,
            answer.map_or_else(|failure| SignalKind::ProbeFailed { failure }, |()| SignalKind::ProbePassed { took }),
        );
        let next = begun + cadence.next_wait(passed);
        // A probe that took longer than the interval is followed by the next, but not without a breath between.
        tokio::time::sleep_until(next.max(Instant::now() + BREATH)).await;
    }
}

/// The least pause between two probes of one check.
const BREATH: std::time::Duration = std::time::Duration::from_millis(1);

async fn ask_once(target: &Arc<Target>, turn: &Turn, timeout: Millis) -> Result<(), ProbeFailure> {
    let mut probe = JoinSet::new();
    let (target, turn) = (Arc::clone(target), turn.clone());
    probe.spawn(async move { target.ask(&turn, timeout).await });
    match probe.join_next().await {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => Err(ProbeFailure::other(&format!("the probe itself broke: {error}"))),
        None => Err(ProbeFailure::other("the probe itself was lost")),
    }
}

/// Where results go.
#[derive(Clone)]
struct Outlet {
    signals: Inlet<Signal>,
    clock: Clock,
    dropped: Arc<AtomicU64>,
}

impl Outlet {
    fn send(&self, watch: &Watch, kind: SignalKind) {
        let at = (self.clock)();
        let signal = Signal { at, subject: watch.instance.clone(), run: watch.run.clone(), kind };
        // The next probe says it again, so losing one is better than holding up the check or growing without bound.
        if self.signals.try_send(signal).is_err() && self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(instance = %watch.instance, "a probe result was dropped: the signal queue is full");
        }
    }
}
