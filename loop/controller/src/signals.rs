//! What follows from a signal: a life begins, ends, becomes ready or stops being so.

use crate::Effect;
use crate::availability::Availability;
use crate::memory::Stage;
use crate::state::LiveRun;
use crate::turn::Turn;
use homeostat_detect::{Health, HealthChange};
use homeostat_vocabulary::{
    EpisodeId, Exit, Fact, Finding, HealthCheck, InstanceId, Millis, RunId, Signal, SignalKind, Timestamp, Unfixed,
};

impl Turn<'_> {
    pub(crate) fn perceive(&mut self, signal: Signal) {
        self.state.tallies.signals += 1;
        match &signal.kind {
            SignalKind::Up { .. } => self.came_up(signal),
            SignalKind::Exited { exit, ended_at } => {
                let (exit, ended_at) = (exit.clone(), *ended_at);
                self.exited(signal, exit, ended_at);
            }
            SignalKind::ProbePassed { .. } | SignalKind::ProbeFailed { .. } => self.probed(signal),
        }
    }

    fn came_up(&mut self, signal: Signal) {
        let instance = signal.subject.clone();
        let SignalKind::Up { pid, ports, since, fingerprint, .. } = signal.kind.clone() else { return };
        let ended_already =
            self.state.memory.life_of(&instance).is_some_and(|life| life.run == signal.run && life.exited);
        let known = self.live(&instance).run.as_ref().is_some_and(|run| run.run == signal.run);
        if ended_already || known {
            return;
        }
        let repairing = self.state.memory.active_of(&instance).is_some_and(|(_, action)| action.plan.class.is_repair());
        let health = Health::of_new_life(since, self.check(&instance).is_some());
        let ready = health.is_ready();
        let live = self.live(&instance);
        live.run = Some(LiveRun { run: signal.run.clone(), pid, ports, since, fingerprint, health });
        live.restarts += u64::from(repairing);
        live.waits_for_dependency = false;
        live.retry_at = None;
        live.failures_for_owner = 0;
        // The word of the end of the life before can come late, or never: its readiness is not that of the new one.
        live.ready_since = None;
        self.readiness_changed(&instance);
        let episode = self.state.memory.episode_of(&instance);
        self.record(Fact::SignalSeen { episode, signal });
        self.watch(&instance);
        if ready {
            self.became_ready(&instance, None);
        }
    }

    /// The health check in force for an instance.
    fn check(&self, instance: &InstanceId) -> Option<HealthCheck> {
        self.service(instance)?.health.clone().filter(|_| self.state.policy.switches.detection)
    }

    /// Has the running life probed as the policy says now.
    pub(crate) fn watch(&mut self, instance: &InstanceId) {
        let check = self.check(instance);
        let Some(run) = &self.live(instance).run else { return };
        let (run, ports) = (run.run.clone(), run.ports.clone());
        let instance = instance.clone();
        self.emit(match check {
            Some(check) => Effect::Watch { instance, run, ports, check },
            None => Effect::Forget { instance },
        });
    }

    fn exited(&mut self, signal: Signal, exit: Exit, ended_at: Timestamp) {
        let instance = signal.subject.clone();
        let live = self.live(&instance);
        let Some(run) = live.run.take_if(|run| run.run == signal.run) else { return };
        let was_ready_for = live.ready_since.take().map(|since| self.now.since(since));
        self.live(&instance).last_exit = Some(exit.clone());
        self.emit(Effect::Forget { instance: instance.clone() });
        self.readiness_changed(&instance);

        let asked = self.state.memory.life_of(&instance).is_some_and(|life| life.run == run.run && life.stop_asked);
        let episode = self.state.memory.episode_of(&instance);
        self.record(Fact::SignalSeen { episode, signal: signal.clone() });
        if asked || !self.is_wanted(&instance) {
            self.reconcile();
            return;
        }
        // While an action is being carried out its end tells the rest: see `action_ended`.
        let acting = self.state.memory.active_of(&instance).is_some_and(|(_, it)| it.stage == Stage::Running);
        if acting || self.state.cannot_act.is_some() {
            return;
        }
        self.verification_failed(&instance, Unfixed::ExitedAgain { exit: exit.clone() });
        let ran_for = ended_at.since(run.since);
        // This engine has seen an adopted life be ready only since it adopted it; the one before saw the rest.
        let adopted = run.since < self.state.engine_since;
        let was_ready_for = was_ready_for.map(|span| if adopted { span.max(ran_for) } else { span });
        let others_ready = self.state.others_ready(&instance);
        let finding = homeostat_detect::exited(&instance, exit, ran_for, vec![signal], others_ready);
        self.found(finding, was_ready_for);
    }

    fn probed(&mut self, signal: Signal) {
        let instance = signal.subject.clone();
        let Some(check) = self.check(&instance) else { return };
        let others_ready = self.state.others_ready(&instance);
        let Some(run) = self.running(&instance, &signal.run) else { return };
        match run.health.observe(&signal, &check, others_ready) {
            None => {}
            Some(HealthChange::Ready) => self.became_ready(&instance, Some(signal)),
            Some(HealthChange::Unhealthy(finding)) => self.became_unhealthy(&instance, finding),
        }
    }

    fn running(&mut self, instance: &InstanceId, run: &RunId) -> Option<&mut LiveRun> {
        self.live(instance).run.as_mut().filter(|live| live.run == *run)
    }

    fn became_ready(&mut self, instance: &InstanceId, because: Option<Signal>) {
        let now = self.now;
        self.live(instance).ready_since = Some(now);
        self.readiness_changed(instance);
        if let Some(signal) = because {
            let episode = self.state.memory.episode_of(instance);
            self.record(Fact::SignalSeen { episode, signal });
        }
        if self.state.cannot_act.is_none() {
            self.recovered_unless_acting(instance);
            self.reconcile();
        }
    }

    /// Nothing asks for the health of what runs any more: running is ready.
    pub(crate) fn ready_unasked(&mut self, instance: &InstanceId) {
        let live = self.live(instance);
        let Some(run) = live.run.as_mut().filter(|run| !run.health.is_ready()) else { return };
        run.health = Health::of_new_life(run.since, false);
        self.became_ready(instance, None);
    }

    fn became_unhealthy(&mut self, instance: &InstanceId, finding: Finding) {
        let was_ready_for = self.live(instance).ready_since.take().map(|since| self.now.since(since));
        self.readiness_changed(instance);
        let acting = self.state.memory.active_of(instance).is_some_and(|(_, it)| it.stage == Stage::Running);
        if acting || !self.is_wanted(instance) || self.state.cannot_act.is_some() {
            // Not now; but if it is still so when the action is over or the instance wanted again, it must be found then.
            if let Some(run) = &mut self.live(instance).run {
                run.health.find_again();
            }
            return;
        }
        self.verification_failed(instance, Unfixed::UnhealthyAgain);
        self.found(finding, was_ready_for);
    }

    /// A finding opens an episode or joins the one that is open; then something is thought and proposed.
    pub(crate) fn found(&mut self, finding: Finding, was_ready_for: Option<Millis>) {
        let instance = finding.subject.clone();
        let attempts = self.state.memory.attempts_of(&instance);
        self.think_about(finding);
        let healthy_long_enough = was_ready_for.is_some_and(|span| span >= self.state.policy.repair.backoff_reset);
        let attempt = if healthy_long_enough { 0 } else { attempts };
        self.propose_repair(&instance, attempt);
    }

    /// Puts a finding into its episode, with what may have caused it; the episode.
    pub(crate) fn think_about(&mut self, finding: Finding) -> EpisodeId {
        let instance = finding.subject.clone();
        let episode = self.state.memory.episode_of(&instance).unwrap_or_else(|| {
            let episode = self.state.memory.next_episode();
            self.record(Fact::EpisodeOpened { episode, subject: instance.clone() });
            episode
        });
        let dependency_down = self
            .service(&instance)
            .is_some_and(|service| service.depends_on.iter().any(|name| !self.state.is_service_ready(name)));
        let attempts = self.state.memory.attempts_of(&instance);
        let hypotheses = homeostat_decide::hypotheses(&finding, attempts, dependency_down);
        self.record(Fact::FindingMade { episode, finding });
        self.record(Fact::HypothesesFormed { episode, hypotheses });
        episode
    }

    fn readiness_changed(&mut self, instance: &InstanceId) {
        let ready =
            self.state.live.iter().any(|(id, live)| id.service == instance.service && live.ready_since.is_some());
        let awake = self.service(instance).is_none_or(|service| self.state.is_awake(service));
        let now = self.now;
        match self.state.availability.get_mut(&instance.service) {
            Some(availability) if !awake => availability.rests(now),
            Some(availability) => {
                availability.wakes(now);
                availability.observe(ready, now);
            }
            None if ready => {
                self.state.availability.insert(instance.service.clone(), Availability::beginning_at(now));
            }
            None => {}
        }
    }
}
