//! The modelled world: processes that start slowly, die, hang, recover and ignore what they are told, and the driver's
//! memory of them, which outlives every engine.
//!
//! Changed by [`crate::Simulation`] only, which also keeps the time. Always holds: a life begins once and ends once; what
//! the driver promises (one life a run id, a stop of what is over is a success) is promised here too.

use homeostat_act::Sighting;
use homeostat_vocabulary::{Exit, HealthCheck, InstanceId, Millis, ProbeFailure, RunId, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// How a process behaves towards probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers.
    Well,
    /// Does not answer, and does not hear a stop.
    Hung,
    /// Lives with its port closed.
    Closed,
    /// Answers with errors.
    Sick,
}

/// What goes wrong with a call of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// Nothing happens, and it says so.
    Fails,
    /// Nothing happens, and no retry will help.
    Impossible,
    /// It happens, and the driver cannot tell.
    Unsure,
    /// It happens, and no answer ever comes.
    Silent,
    /// Nothing happens, and the driver cannot tell.
    Lost,
}

impl CallFault {
    /// Whether the call takes effect all the same.
    pub(crate) const fn happens(self) -> bool {
        matches!(self, Self::Unsure | Self::Silent)
    }
}

/// How the lives of an instance are: the same for each of them until the script changes it.
#[derive(Clone, Debug)]
pub struct Nature {
    /// Time from the start to the first answer.
    pub warm_up: Millis,
    /// Time from being asked to end to the end.
    pub stop_takes: Millis,
    /// Whether it has to be killed.
    pub ignores_stop: bool,
    /// Dies by itself this long after each start.
    pub dies_after: Option<Millis>,
    /// How each life behaves from its beginning.
    pub born: Mood,
    /// What goes wrong with the next calls about it.
    pub faults: VecDeque<CallFault>,
}

impl Default for Nature {
    fn default() -> Self {
        Self {
            warm_up: Millis(100),
            stop_takes: Millis(50),
            ignores_stop: false,
            dies_after: None,
            born: Mood::Well,
            faults: VecDeque::new(),
        }
    }
}

/// One life, running or over.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) sighting: Sighting,
    warm_at: Timestamp,
    mood: Mood,
    well_again_at: Option<Timestamp>,
}

impl Life {
    pub(crate) const fn runs(&self) -> bool {
        self.sighting.ended.is_none()
    }
}

/// The world.
#[derive(Debug, Default)]
pub(crate) struct World {
    lives: BTreeMap<RunId, Life>,
    latest: BTreeMap<InstanceId, RunId>,
    natures: BTreeMap<InstanceId, Nature>,
    pids: u32,
}

/// The first process id handed out.
const PID_FIRST: u32 = 1_000;

impl World {
    pub(crate) fn nature(&mut self, instance: &InstanceId) -> &mut Nature {
        self.natures.entry(instance.clone()).or_default()
    }

    /// Begins a life, unless it has begun before; whether it did, and how it stands.
    pub(crate) fn begin(
        &mut self,
        instance: &InstanceId,
        run: &RunId,
        fingerprint: String,
        now: Timestamp,
    ) -> (bool, Sighting) {
        if let Some(life) = self.lives.get(run) {
            return (false, life.sighting.clone());
        }
        self.pids += 1;
        let (warm_at, mood) = (now.after(self.nature(instance).warm_up), self.nature(instance).born);
        let port = 20_000 + u16::try_from(self.pids % 10_000).expect("below ten thousand");
        let sighting = Sighting {
            instance: instance.clone(),
            run: run.clone(),
            pid: PID_FIRST + self.pids,
            ports: BTreeMap::from([("port".to_owned(), port)]),
            since: now,
            fingerprint,
            ended: None,
        };
        let life = Life { sighting: sighting.clone(), warm_at, mood, well_again_at: None };
        self.lives.insert(run.clone(), life);
        self.latest.insert(instance.clone(), run.clone());
        (true, sighting)
    }

    /// Ends a life, if it runs; the instance it was of.
    pub(crate) fn end(&mut self, run: &RunId, exit: &Exit, now: Timestamp) -> Option<InstanceId> {
        let life = self.lives.get_mut(run).filter(|life| life.runs())?;
        life.sighting.ended = Some((exit.clone(), now));
        Some(life.sighting.instance.clone())
    }

    pub(crate) fn look(&self, run: &RunId) -> Option<&Life> {
        self.lives.get(run)
    }

    /// The running life of an instance.
    pub(crate) fn running(&self, instance: &InstanceId) -> Option<&RunId> {
        self.latest.get(instance).filter(|run| self.lives[*run].runs())
    }

    /// All lives of an instance that run; more than one is a fault of the engine.
    pub(crate) fn count_running(&self, instance: &InstanceId) -> usize {
        self.lives.values().filter(|life| life.sighting.instance == *instance && life.runs()).count()
    }

    /// All lives of an instance there ever were.
    pub(crate) fn count_begun(&self, instance: &InstanceId) -> usize {
        self.lives.values().filter(|life| life.sighting.instance == *instance).count()
    }

    /// The latest life of every instance, as the driver finds them for a new engine.
    pub(crate) fn adopt(&self) -> Vec<Sighting> {
        self.latest.values().map(|run| self.lives[run].sighting.clone()).collect()
    }

    /// Changes the mood of what runs of an instance, for ever or for a while.
    pub(crate) fn turn(&mut self, instance: &InstanceId, mood: Mood, well_again_at: Option<Timestamp>) {
        let Some(run) = self.running(instance).cloned() else { return };
        let life = self.lives.get_mut(&run).expect("a running life is known");
        (life.mood, life.well_again_at) = (mood, well_again_at);
    }

    fn mood(life: &Life, now: Timestamp) -> Mood {
        if life.well_again_at.is_some_and(|at| at <= now) { Mood::Well } else { life.mood }
    }

    /// Whether a life hears that it should end.
    pub(crate) fn hears_stop(&mut self, run: &RunId, now: Timestamp) -> bool {
        let Some(life) = self.lives.get(run) else { return false };
        let (hung, instance) = (Self::mood(life, now) == Mood::Hung, life.sighting.instance.clone());
        !hung && !self.nature(&instance).ignores_stop
    }

    /// What a probe of this life is answered.
    pub(crate) fn probe(&self, run: &RunId, check: &HealthCheck, now: Timestamp) -> Result<(), ProbeFailure> {
        let Some(life) = self.lives.get(run).filter(|life| life.runs()) else { return Err(ProbeFailure::Refused) };
        match Self::mood(life, now) {
            Mood::Hung => Err(ProbeFailure::TimedOut { after: check.timeout }),
            Mood::Closed => Err(ProbeFailure::Refused),
            Mood::Sick => Err(ProbeFailure::Status { code: 503 }),
            Mood::Well if now < life.warm_at => Err(ProbeFailure::Refused),
            Mood::Well => Ok(()),
        }
    }

    /// Ends every trouble: from here on all is well.
    pub(crate) fn heal(&mut self) {
        for nature in self.natures.values_mut() {
            *nature = Nature { warm_up: nature.warm_up, stop_takes: nature.stop_takes, ..Nature::default() };
        }
        for life in self.lives.values_mut() {
            life.mood = Mood::Well;
        }
    }
}
