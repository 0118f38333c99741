//! One turn: a single step in the making. Holds the state, the time and the effects so far; the other files of this crate
//! are its methods, by what they are about.

use crate::memory::Stage;
use crate::state::{Live, State};
use crate::{Effect, Event};
use homeostat_vocabulary::{Autonomy, Chance, Fact, InstanceId, Policy, Scope, Service, Signal, Timestamp};
use std::collections::BTreeSet;

/// A step in the making.
pub(crate) struct Turn<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
    pub(crate) chance: &'a mut Chance,
    effects: Vec<Effect>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(state: &'a mut State, now: Timestamp, chance: &'a mut Chance) -> Self {
        // A clock that runs backwards must not make due things late or old things young again.
        let now = now.max(state.latest);
        state.latest = now;
        Self { state, now, chance, effects: Vec::new() }
    }

    pub(crate) fn finish(self) -> Vec<Effect> {
        self.effects
    }

    /// Records a fact: into the memory at once, and into the journal before anything else of this step happens.
    pub(crate) fn record(&mut self, fact: Fact) {
        if self.state.cannot_act.is_some() {
            return;
        }
        self.state.tallies_of(&fact);
        self.state.memory.apply(&fact, self.now);
        self.effects.push(Effect::Record(fact));
    }

    pub(crate) fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn service(&self, instance: &InstanceId) -> Option<&Service> {
        self.state.policy.services.get(&instance.service)
    }

    pub(crate) fn live(&mut self, instance: &InstanceId) -> &mut Live {
        self.state.live.entry(instance.clone()).or_default()
    }

    pub(crate) fn is_paused(&self, instance: &InstanceId) -> bool {
        let paused = &self.state.memory.paused;
        paused.contains(&Scope::Everything) || paused.contains(&Scope::Service { name: instance.service.clone() })
    }

    /// Whether the owner wants this instance to run.
    pub(crate) fn is_wanted(&self, instance: &InstanceId) -> bool {
        let declared = self
            .service(instance)
            .is_some_and(|service| instance.index < service.instances && self.state.is_awake(service));
        declared && self.state.shutting_down.is_none() && !self.state.memory.held.contains_key(instance)
    }

    /// Opens the gate for steps of actions, or shuts it: shut while everything is paused, but for an orderly end that the
    /// owner asked for after the pause.
    pub(crate) fn set_gate(&mut self) {
        let paused = self.state.memory.paused.contains(&Scope::Everything) && self.state.shutting_down.is_none();
        let open = !paused && self.state.cannot_act.is_none();
        self.emit(Effect::Gate { open });
    }

    pub(crate) fn boot(&mut self, version: String, pid: u32, signals: Vec<Signal>) {
        self.state.engine_since = self.now;
        let adopted = self.count_running(&signals);
        self.record(Fact::EngineStarted { version, pid, adopted });
        self.set_gate();
        for signal in signals {
            self.perceive(signal);
        }
        self.state.booted = true;
        self.keep_awake_what_runs();
        self.reconcile();
    }

    fn count_running(&self, signals: &[Signal]) -> u32 {
        use homeostat_vocabulary::SignalKind::{Exited, Up};
        let lives = |exited: bool| -> BTreeSet<_> {
            let of_kind = signals.iter().filter(|signal| match signal.kind {
                Up { .. } => !exited,
                Exited { .. } => exited,
                _ => false,
            });
            of_kind.map(|signal| (&signal.subject, &signal.run)).collect()
        };
        let running = lives(false).difference(&lives(true)).count();
        u32::try_from(running).unwrap_or(u32::MAX)
    }

    pub(crate) fn apply_policy(&mut self, policy: Policy, origin: String, fingerprint: String) {
        let services = policy.services.keys().cloned().collect();
        let before = std::mem::replace(&mut self.state.policy, policy);
        self.record(Fact::PolicyApplied { origin, fingerprint, services });
        if !self.state.booted {
            return;
        }
        self.rewatch_changed_checks(&before);
        self.reconsider_awaiting_approval();
        self.keep_awake_what_runs();
        self.reconcile();
    }

    /// Where the owner no longer wants to be asked, nothing waits for an answer.
    fn reconsider_awaiting_approval(&mut self) {
        let awaiting = self.state.memory.active_actions().filter(|(_, action)| {
            let autonomy = self.state.policy.services.get(&action.plan.target.service).map(|service| service.autonomy);
            matches!(action.stage, Stage::AwaitingApproval { .. }) && autonomy != Some(Autonomy::Approve)
        });
        let awaiting: Vec<_> = awaiting.map(|(id, action)| (id, action.plan.target.clone())).collect();
        for (action, instance) in awaiting {
            self.drop_and_propose_anew(action, &instance, "the policy has changed since it was planned");
        }
    }

    /// A changed health check, or detection switched on or off, counts for the lives that run already.
    fn rewatch_changed_checks(&mut self, before: &Policy) {
        for instance in self.state.live.keys().cloned().collect::<Vec<_>>() {
            let check_in = |policy: &Policy| {
                let service = policy.services.get(&instance.service)?;
                service.health.clone().filter(|_| policy.switches.detection)
            };
            let check = check_in(&self.state.policy);
            if check_in(before) == check {
                continue;
            }
            self.watch(&instance);
            if check.is_none() {
                self.ready_unasked(&instance);
            }
        }
    }

    pub(crate) fn journal_lost(&mut self, reason: String) {
        if self.state.cannot_act.is_none() {
            self.state.cannot_act = Some(reason);
            self.set_gate();
        }
    }

    pub(crate) fn tick(&mut self) {
        if self.state.cannot_act.is_some() {
            return;
        }
        self.settle_due_verifications();
        self.retry_due_plans();
        self.reconcile();
    }
}

impl Event {
    /// Whether this event can wait behind others: probes and traffic come again, facts do not.
    #[must_use]
    pub const fn can_wait(&self) -> bool {
        use homeostat_vocabulary::SignalKind::{ProbeFailed, ProbePassed};
        matches!(self, Self::Traffic(_) | Self::Signal(Signal { kind: ProbePassed { .. } | ProbeFailed { .. }, .. }))
    }
}
