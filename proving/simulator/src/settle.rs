//! The end of a run: all faults are healed, a person looks after what was left to people, and then everything must come to
//! rest within a bounded time. What does not was given up on, which must never happen.

use crate::invariants::Violation;
use crate::script::{Expectation, Wish};
use crate::simulation::Simulation;
use homeostat_vocabulary::{Autonomy, Command, InstanceId, Millis, Phase, Policy, Scope};

/// The time everything may take to come to rest.
pub const SETTLE_MAX: Millis = Millis::from_secs(45 * 60);

/// The time in which whatever is wrong must be noticed, and something begun about it.
const NOTICE_MAX: Millis = Millis::from_secs(180);

/// How often is looked, and how often the person acts.
const LOOK_EVERY: Millis = Millis::from_secs(10);

/// It must stay at rest for so many looks.
const LOOKS_AT_REST: u32 = 3;

impl Simulation {
    /// Heals everything, lets a person do what is left to people, and waits for all to be well.
    pub fn settle(&mut self) -> Result<(), Violation> {
        self.calm();
        self.run_for(NOTICE_MAX)?;
        if let Some(neglected) = self.neglected() {
            self.auditor.broken(self.agenda.now, format!("nobody looks after {neglected}"));
        }
        self.heal();
        let now = self.agenda.now;
        if self.engine.as_ref().is_some_and(|engine| engine.state.status(now).cannot_act.is_some()) {
            // An engine that lost its journal does not come back by itself: a person starts it again.
            self.kill_engine();
        }
        self.start_engine();
        self.run_for(Millis::from_secs(5))?;
        self.give_leave();
        let mut at_rest = 0;
        for _ in 0..SETTLE_MAX.0 / LOOK_EVERY.0 {
            self.run_for(LOOK_EVERY)?;
            at_rest = if self.unrest().is_none() { at_rest + 1 } else { 0 };
            if at_rest == LOOKS_AT_REST {
                return Ok(());
            }
            self.ask(Wish::Exactly(Command::Resume { scope: Scope::Everything }));
            self.auditor.verdict()?;
        }
        let why = self.unrest().unwrap_or_default();
        self.auditor
            .broken(self.agenda.now, format!("still not at rest {SETTLE_MAX} after all faults were healed: {why}"));
        self.auditor.verdict()
    }

    /// The owner lets the engine do everything by itself from now on.
    fn give_leave(&mut self) {
        let mut policy: Policy = self.policy.clone();
        for service in policy.services.values_mut() {
            service.autonomy = Autonomy::Auto;
        }
        policy.switches.recovery = true;
        self.reload(policy);
    }

    /// An instance that is not well in truth, and about which nothing is known, done or waited for.
    fn neglected(&self) -> Option<String> {
        let engine = self.engine.as_ref()?;
        let status = engine.state.status(self.agenda.now);
        if status.cannot_act.is_some() || status.shutting_down {
            return None;
        }
        let memory = engine.state.memory();
        let mut instances = status.services.iter().flat_map(|service| &service.instances);
        let neglected = instances.find(|instance| {
            let of_service = Scope::Service { name: instance.id.service.clone() };
            let paused = status.paused.contains(&Scope::Everything) || status.paused.contains(&of_service);
            let active = memory.active_actions().any(|(_, action)| action.plan.target == instance.id);
            let looked_after = instance.episode.is_some() || active || paused;
            !looked_after
                && !self.is_well(&instance.id)
                && !matches!(instance.phase, Phase::Waiting | Phase::Stopped | Phase::Resting)
        })?;
        Some(format!("{}, which is {:?} and not well", neglected.id, neglected.phase))
    }

    /// In truth: it runs, and what asks for its health, if anything does, is answered.
    fn is_well(&self, instance: &InstanceId) -> bool {
        let service = self.policy.services.get(&instance.service);
        let check = service.and_then(|it| it.health.as_ref()).filter(|_| self.policy.switches.detection);
        self.world
            .running(instance)
            .is_some_and(|run| check.is_none_or(|check| self.world.probe(run, check, self.agenda.now).is_ok()))
    }

    /// What is not at rest yet, in words.
    #[must_use]
    pub fn unrest(&self) -> Option<String> {
        let Some(engine) = &self.engine else { return Some("no engine runs".to_owned()) };
        let status = engine.state.status(self.agenda.now);
        if let Some(why) = status.cannot_act {
            // Only a person can help here, by starting it again.
            return Some(format!("the engine cannot act: {why}"));
        }
        for instance in status.services.iter().flat_map(|service| &service.instances) {
            let Some(service) = self.policy.services.get(&instance.id.service) else {
                return Some(format!("{} is looked after, and nobody declares it", instance.id));
            };
            let well = self.is_well(&instance.id);
            if instance.phase == Phase::Resting && self.world.running(&instance.id).is_none() {
                continue;
            }
            if instance.phase != Phase::Ready || !well {
                return Some(format!(
                    "{} is {:?}, in truth {}",
                    instance.id,
                    instance.phase,
                    if well { "well" } else { "not well" }
                ));
            }
            let life = self.world.running(&instance.id).and_then(|run| self.world.look(run));
            if life.is_some_and(|life| life.sighting.fingerprint != service.fingerprint()) {
                return Some(format!("{} runs what was declared before", instance.id));
            }
        }
        if let Some(episode) = status.episodes.first() {
            return Some(format!("{} about {} is open", episode.id, episode.subject));
        }
        if let Some((action, _)) = engine.state.memory().active_actions().next() {
            return Some(format!("{action} is active"));
        }
        let open = engine.executor.sagas().find(|saga| saga.rest.is_none());
        open.map(|saga| format!("saga {} is open", saga.id))
    }

    pub(crate) fn check_expectation(&mut self, expected: &Expectation) {
        let now = self.agenda.now;
        let facts = self.journal.facts();
        let count = |kind: &str| facts.iter().filter(|(_, fact)| fact.kind() == kind).count();
        let status = self.engine.as_ref().map(|engine| engine.state.status(now)).unwrap_or_default();
        let (holds, found) = match expected {
            Expectation::Phase(instance, phase) => {
                let mut all = status.services.iter().flat_map(|service| &service.instances);
                let found = all.find(|it| it.id == *instance).map_or_else(String::new, |it| format!("{:?}", it.phase));
                (found.eq_ignore_ascii_case(phase), found)
            }
            Expectation::Episodes(number) => (status.episodes.len() == *number, status.episodes.len().to_string()),
            Expectation::Lives(instance, number) => {
                let lives = self.world.count_begun(instance);
                (lives == *number, lives.to_string())
            }
            Expectation::Repairs(number) => {
                let begun = self.auditor.repairs_begun();
                (begun == *number, begun.to_string())
            }
            Expectation::RepairsAtLeast(number) => {
                let begun = self.auditor.repairs_begun();
                (begun >= *number, begun.to_string())
            }
            Expectation::Escalations(number) => {
                let calls = count("episode.escalated");
                (calls == *number, calls.to_string())
            }
            Expectation::Engine(runs) => (self.engine.is_some() == *runs, self.engine.is_some().to_string()),
        };
        if !holds {
            self.auditor.not_as_expected(now, expected, &found);
        }
    }
}
