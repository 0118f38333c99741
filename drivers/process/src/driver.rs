//! The process driver: the loop's hands and eyes for services that are plain processes.
//!
//! Made once by the wiring in `bin/homeostat`. It keeps no state of its own that matters: what runs is told by the records
//! and the processes, so a new engine knows as much as the old one did. Always holds: an exit is told once for each life this
//! engine has started or adopted. It must never decide whether a service should run.

use crate::error::ProcessError;
use crate::folder::{InstanceFolder, ORDER, RunFolder};
use crate::launch::Starter;
use crate::life::{self, Life};
use crate::ports::PortBook;
use crate::record::{LogBounds, Order};
use crate::shim::THIS_PROGRAM;
use crate::takeover::{Relief, with_work};
use crate::watch::Shim;
use homeostat_act::{Driver, DriverError, Pending, Sighting, StartOrder};
use homeostat_reactor::Inlet;
use homeostat_vocabulary::{Exit, InstanceId, RunId, Service, Signal, SignalKind, Timestamp};
use rustix::process::Signal as ProcessSignal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long beyond the grace a shim may take to end a service: it kills as soon as the grace is over, but on a host short of
/// everything that takes its time.
pub(crate) const STOP_MARGIN: Duration = Duration::from_secs(5);

/// When an end that could not be told is looked for again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Tells the time; never runs backwards.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a process driver is made of.
pub struct Options {
    /// Where everything of this engine lies; the driver uses the folder `runs` in it.
    pub data_folder: PathBuf,
    /// The program that becomes the shim: one whose main begins with [`crate::shim::dispatch`].
    pub shim_program: PathBuf,
    /// Where exits are told.
    pub signals: Inlet<Signal>,
    /// Tells the time.
    pub clock: Clock,
    /// How much of each instance's log is kept.
    pub log_bounds: LogBounds,
}

impl Options {
    /// With this very program as the shim, and the customary log bounds.
    #[must_use]
    pub fn new(data_folder: PathBuf, signals: impl Into<Inlet<Signal>>, clock: Clock) -> Self {
        let shim_program = PathBuf::from(THIS_PROGRAM);
        Self { data_folder, shim_program, signals: signals.into(), clock, log_bounds: LogBounds::default() }
    }
}

/// Runs services as plain processes.
#[derive(Clone)]
pub struct ProcessDriver {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    options: Options,
    ports: PortBook,
    /// One for each instance: taken, on blocking threads only, while its records may change.
    turns: Mutex<BTreeMap<InstanceId, Arc<Mutex<()>>>>,
    /// The lives whose exit will be told.
    watched: Mutex<BTreeSet<(InstanceId, RunId)>>,
}

impl ProcessDriver {
    /// A driver for the data folder in `options`, which is made when it is not there.
    pub fn new(mut options: Options) -> Result<Self, ProcessError> {
        let unusable = |folder: &Path| {
            let folder = folder.to_owned();
            move |source| ProcessError::DataFolder { folder, source }
        };
        std::fs::create_dir_all(&options.data_folder).map_err(unusable(&options.data_folder))?;
        // The folder's name marks every process: it must be the same whatever folder an engine was started from.
        options.data_folder = options.data_folder.canonicalize().map_err(unusable(&options.data_folder))?;
        let ports = PortBook::open(&options.data_folder).map_err(unusable(&options.data_folder))?;
        Ok(Self { shared: Arc::new(Shared { options, ports, turns: Mutex::default(), watched: Mutex::default() }) })
    }

    /// Runs `work` on a blocking thread. It is not cancelled when the caller goes away: half a start would be worse.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, ProcessError> + Send + 'static,
    ) -> Result<T, DriverError> {
        let shared = Arc::clone(&self.shared);
        match tokio::task::spawn_blocking(move || work(&shared)).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(DriverError::Unknown { reason: format!("the process driver broke down: {error}") }),
        }
    }

    async fn start_order(&self, order: StartOrder) -> Result<Sighting, DriverError> {
        let service = order.service.clone();
        let seen = self.blocking(move |shared| shared.start(order)).await?;
        self.watch(seen.watched);
        if service.takes_over {
            self.relieve(&seen.sighting, &service).await?;
        }
        Ok(seen.sighting)
    }

    async fn stop_run(&self, instance: InstanceId, run: RunId, extent: Extent) -> Result<Option<Exit>, DriverError> {
        let (id, life) = (instance.clone(), run.clone());
        let found = self.blocking(move |shared| shared.begin_stop(&id, &life, extent)).await?;
        let (shims, grace) = match found {
            Stopping::Over(exit) => return Ok(exit),
            Stopping::Asked(shims, grace) => (shims, grace),
        };
        for shim in &shims {
            shim.end_within(grace + STOP_MARGIN).await;
        }
        let (id, life) = (instance.clone(), run.clone());
        let looked = self.blocking(move |shared| shared.look(&id, &life)).await?;
        match looked.map(|seen| seen.sighting.ended) {
            None => Ok(None),
            Some(Some((exit, _))) => Ok(Some(exit)),
            Some(None) => {
                let reason = "its shim does not take a kill; it may wait for a disk that does not answer".to_owned();
                Err(ProcessError::DoesNotEnd { instance, reason }.into())
            }
        }
    }

    async fn look_at(&self, instance: InstanceId, run: RunId) -> Result<Option<Sighting>, DriverError> {
        let looked = self.blocking(move |shared| shared.look(&instance, &run)).await?;
        Ok(looked.map(|seen| seen.sighting))
    }

    async fn adopt_all(&self) -> Result<Vec<Sighting>, DriverError> {
        let found = self.blocking(Shared::adopt).await?;
        let mut sightings = Vec::new();
        for lives in found {
            let Some(seen) = with_work(lives).await else { continue };
            self.watch(seen.watched);
            sightings.push(seen.sighting);
        }
        Ok(sightings)
    }

    /// Tells the exit of a running life when it comes.
    fn watch(&self, watched: Option<Watched>) {
        let Some(watched) = watched else { return };
        let key = (watched.folder.instance.instance.clone(), watched.folder.run.clone());
        if !self.shared.watched().insert(key.clone()) {
            return;
        }
        let driver = self.clone();
        tokio::spawn(async move {
            driver.tell_exit(watched).await;
            driver.shared.watched().remove(&key);
        });
    }

    async fn tell_exit(&self, watched: Watched) {
        let Watched { folder, shim, child } = watched;
        shim.until_gone().await;
        if let Some(mut child) = child {
            // Reaps it. It has ended, so this does not wait; what it has to tell is in the records.
            let _status = child.wait();
        }
        let (subject, run) = (folder.instance.instance.clone(), folder.run.clone());
        let (exit, ended_at) = self.how_it_ended(&subject, &run).await;
        let at = (self.shared.options.clock)();
        let signal = Signal { at, subject, run, kind: SignalKind::Exited { exit, ended_at } };
        // Nobody listens when the engine is ending: the next one reads the records.
        let _engine_is_ending = self.shared.options.signals.send(signal).await;
    }

    /// How a life ended whose shim is gone. Does not give up while that cannot be told: an instance whose end is not told is
    /// taken for running, and one whose leftovers run cannot be started again.
    async fn how_it_ended(&self, instance: &InstanceId, run: &RunId) -> (Exit, Timestamp) {
        loop {
            let (id, life) = (instance.clone(), run.clone());
            let looked = self.blocking(move |shared| shared.look(&id, &life)).await;
            match looked.map(|seen| seen.map(|seen| seen.sighting.ended)) {
                Ok(Some(Some(ended))) => return ended,
                // Somebody has removed its records.
                Ok(None) => return (Exit::Unknown, (self.shared.options.clock)()),
                Ok(Some(None)) => tracing::error!("the shim of {instance} is gone, yet its life {run} is not over"),
                Err(error) => tracing::error!(%error, "cannot tell how {instance} ended"),
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }
}

impl Driver for ProcessDriver {
    fn start(&self, order: StartOrder) -> Pending<'_, Result<Sighting, DriverError>> {
        Box::pin(self.start_order(order))
    }

    fn stop(&self, instance: InstanceId, run: RunId) -> Pending<'_, Result<Option<Exit>, DriverError>> {
        Box::pin(self.stop_run(instance, run, Extent::WithUnrelieved))
    }

    fn take_back(&self, instance: InstanceId, run: RunId) -> Pending<'_, Result<Option<Exit>, DriverError>> {
        Box::pin(self.stop_run(instance, run, Extent::Alone))
    }

    fn look(&self, instance: InstanceId, run: RunId) -> Pending<'_, Result<Option<Sighting>, DriverError>> {
        Box::pin(self.look_at(instance, run))
    }

    fn adopt(&self) -> Pending<'_, Result<Vec<Sighting>, DriverError>> {
        Box::pin(self.adopt_all())
    }
}

/// A life that was seen, with what is needed to watch it if it runs.
pub(crate) struct Seen {
    pub(crate) sighting: Sighting,
    watched: Option<Watched>,
}

struct Watched {
    folder: RunFolder,
    shim: Shim,
    /// The shim as a child, if this engine started it and so has to reap it.
    child: Option<Child>,
}

/// What ends with a life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Nothing else.
    Alone,
    /// What it was to take over from, or was to take over from it, and did not: nobody else would end it.
    WithUnrelieved,
}

enum Stopping {
    /// It never began, or had ended before.
    Over(Option<Exit>),
    /// Its shim, and those of lives beside it, have been told and have this long.
    Asked(Vec<Shim>, Duration),
}

impl Shared {
    fn watched(&self) -> MutexGuard<'_, BTreeSet<(InstanceId, RunId)>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, instance: &InstanceId) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(instance.clone()).or_default())
    }

    fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    fn folder(&self, instance: &InstanceId) -> InstanceFolder {
        InstanceFolder::of(&self.options.data_folder, instance.clone())
    }

    fn start(&self, order: StartOrder) -> Result<Seen, ProcessError> {
        let turn = self.turn(&order.instance);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder(&order.instance).run(order.run.clone());
        if let Some(seen) = self.seen(&folder)? {
            return Ok(seen);
        }
        let starter = Starter {
            shim_program: &self.options.shim_program,
            ports: &self.ports,
            log_bounds: self.options.log_bounds,
            now: self.now(),
        };
        let (started, child) = match starter.start(&folder, order) {
            Ok(begun) => begun,
            // A shim that was killed in the middle may have begun the life before, and then it is over.
            Err(error @ ProcessError::Shim { .. }) => return self.seen(&folder)?.ok_or(error),
            Err(error) => return Err(error),
        };
        let shim = Shim::of(started.shim);
        let sighting = Life::Runs(started).sighting(&folder, self.now()).expect("a life that runs has begun");
        Ok(Seen { sighting, watched: Some(Watched { folder, shim, child: Some(child) }) })
    }

    fn look(&self, instance: &InstanceId, run: &RunId) -> Result<Option<Seen>, ProcessError> {
        let turn = self.turn(instance);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.seen(&self.folder(instance).run(run.clone()))
    }

    /// The lives of each instance that run, the latest first; the last that is over, where none runs.
    fn adopt(&self) -> Result<Vec<Vec<(Seen, Service)>>, ProcessError> {
        let data_folder = &self.options.data_folder;
        let folders = InstanceFolder::all(data_folder)
            .map_err(|source| ProcessError::DataFolder { folder: data_folder.clone(), source })?;
        let mut found = Vec::new();
        for instance in folders {
            let turn = self.turn(&instance.instance);
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            let records = |error| ProcessError::of_records(&instance.instance, error);
            let (mut running, mut over) = (Vec::new(), None);
            for (life, Order { service, .. }) in instance.lives().map_err(records)? {
                let seen = match self.seen(&life) {
                    // Who runs is known; what cannot be read of a life before must not keep all others from being adopted.
                    Err(error) if !running.is_empty() => {
                        tracing::warn!(%error, instance = %instance.instance, "a life before cannot be looked at");
                        continue;
                    }
                    seen => seen?,
                };
                let Some(seen) = seen else { continue };
                // One that runs counts for more than a later one that failed to take over from it.
                if seen.watched.is_none() {
                    over = over.or(Some((seen, service)));
                    continue;
                }
                let may_be_beside = service.takes_over;
                running.push((seen, service));
                if !may_be_beside {
                    break;
                }
            }
            if running.is_empty() {
                running.extend(over);
            }
            found.push(running);
        }
        Ok(found)
    }

    fn begin_stop(&self, instance: &InstanceId, run: &RunId, extent: Extent) -> Result<Stopping, ProcessError> {
        let Some(seen) = self.look(instance, run)? else { return Ok(Stopping::Over(None)) };
        // One that failed to take over is over, and the life before it serves: that is not to be touched.
        let Some(Watched { shim, .. }) = seen.watched else {
            return Ok(Stopping::Over(seen.sighting.ended.map(|(exit, _)| exit)));
        };
        let order = self.folder(instance).run(run.clone()).read::<Order>(ORDER);
        let order = order.map_err(|error| ProcessError::of_records(instance, error))?;
        let beside = match &order {
            Some(order) if order.service.takes_over && extent == Extent::WithUnrelieved => {
                let others = life::others_that_run(&self.folder(instance), run);
                others.map_err(|error| ProcessError::of_records(instance, error))?
            }
            _ => Vec::new(),
        };
        let beside = beside.into_iter().map(|(_, started)| Shim::of(started.shim));
        let shims: Vec<Shim> = std::iter::once(shim).chain(beside).collect();
        shims.iter().for_each(|shim| shim.signal(ProcessSignal::TERM));
        let grace = order.map_or(Duration::ZERO, |order| order.service.stop.grace.into());
        Ok(Stopping::Asked(shims, grace))
    }

    /// A life, if it runs, and those before it that run still.
    pub(crate) fn relief(&self, instance: &InstanceId, run: &RunId) -> Result<Relief, ProcessError> {
        let records = |error| ProcessError::of_records(instance, error);
        let own = self.look(instance, run)?.and_then(|seen| seen.watched).map(|watched| watched.shim);
        let folder = self.folder(instance);
        let lives = folder.lives().map_err(records)?;
        let earlier = lives.iter().skip_while(|(life, _)| life.run != *run).skip(1);
        let earlier: Vec<&RunId> = earlier.map(|(life, _)| &life.run).collect();
        let running = life::others_that_run(&folder, run).map_err(records)?;
        let before = running.iter().filter(|(life, _)| earlier.contains(&&life.run));
        Ok(Relief { own, before: before.map(|(_, started)| Shim::of(started.shim)).collect() })
    }

    /// What became of a life. To be called in the instance's turn.
    fn seen(&self, folder: &RunFolder) -> Result<Option<Seen>, ProcessError> {
        let life = life::look(folder, self.now())
            .map_err(|error| ProcessError::of_records(&folder.instance.instance, error))?;
        let watched = match &life {
            Life::Runs(started) => Some(Watched { folder: folder.clone(), shim: Shim::of(started.shim), child: None }),
            Life::Never | Life::Over(..) => None,
        };
        Ok(life.sighting(folder, self.now()).map(|sighting| Seen { sighting, watched }))
    }
}
