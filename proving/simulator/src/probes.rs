//! Health checks in virtual time: quick until the first pass, then at the declared interval, as the live probes are.

use crate::agenda::Item;
use crate::simulation::Simulation;
use homeostat_vocabulary::{HealthCheck, InstanceId, Millis, ProbeFailure, RunId, Signal, SignalKind};

/// The first probe comes this long after it was asked for; the wait grows from here until the first pass.
const FIRST_WAIT: Millis = Millis(20);

/// While it starts, each wait is this much longer than the one before, in percent.
const WAIT_GROWTH_PERCENT: u64 = 150;

/// How long an answer takes that comes.
const ANSWER_TAKES: Millis = Millis(2);

/// One check that goes on until it is forgotten or replaced.
pub(crate) struct Watched {
    number: u64,
    run: RunId,
    check: HealthCheck,
    wait: Millis,
    passed: bool,
}

impl Simulation {
    pub(crate) fn watch(&mut self, instance: InstanceId, run: RunId, check: HealthCheck) {
        let Some(engine) = &mut self.engine else { return };
        engine.watches_made += 1;
        let number = engine.watches_made;
        engine.watches.insert(instance.clone(), Watched { number, run, check, wait: FIRST_WAIT, passed: false });
        self.agenda.after(FIRST_WAIT, Item::Probe { engine: self.engine_number, instance, watch: number });
    }

    pub(crate) fn forget(&mut self, instance: &InstanceId) {
        if let Some(engine) = &mut self.engine {
            engine.watches.remove(instance);
        }
    }

    pub(crate) fn probe(&mut self, instance: &InstanceId, watch: u64) {
        let now = self.agenda.now;
        let flakes = self.luck.probe_flake_permille > 0 && self.chance.happens(self.luck.probe_flake_permille);
        let Some(engine) = &mut self.engine else { return };
        let Some(watched) = engine.watches.get_mut(instance).filter(|it| it.number == watch) else { return };
        let again = Item::Probe { engine: self.engine_number, instance: instance.clone(), watch };
        if engine.stalled_until > now {
            return self.agenda.at(engine.stalled_until, again);
        }
        let mut result = self.world.probe(&watched.run, &watched.check, now);
        if flakes && result.is_ok() {
            result = Err(ProbeFailure::TimedOut { after: watched.check.timeout });
        }
        let takes = match &result {
            Err(ProbeFailure::TimedOut { after }) => *after,
            _ => ANSWER_TAKES,
        };
        watched.passed |= result.is_ok();
        let wait = if watched.passed { watched.check.interval } else { watched.wait };
        watched.wait = Millis((watched.wait.0 * WAIT_GROWTH_PERCENT / 100).min(watched.check.interval.0));
        let kind = match result {
            Ok(()) => SignalKind::ProbePassed { took: takes },
            Err(failure) => SignalKind::ProbeFailed { failure },
        };
        let signal = Signal { at: now.after(takes), subject: instance.clone(), run: watched.run.clone(), kind };
        self.agenda.after(takes, Item::ProbeAnswers { engine: self.engine_number, watch, signal });
        self.agenda.after(wait.max(takes), again);
    }

    pub(crate) fn probe_answers(&mut self, watch: u64, signal: Signal) {
        let watched = self.engine.as_ref().and_then(|engine| engine.watches.get(&signal.subject));
        if watched.is_some_and(|it| it.number == watch) {
            self.hear_probe(signal);
        }
    }
}
