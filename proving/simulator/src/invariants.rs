//! What must always hold, each rule written once: asked of every durable fact, every driver call, every life that begins and
//! every turn of every run.
//!
//! The auditor sees only what happened, never the controller's own state, so that it cannot share its mistakes. It must never
//! change a run.

use crate::resting::Resting;
use crate::script::Expectation;
use homeostat_controller::Memory;
use homeostat_saga::{Call, Event as SagaRecord, LogRecord, SagaId};
use homeostat_vocabulary::{
    ActionClass, ActionId, Autonomy, EpisodeId, Fact, Finding, InstanceId, Millis, Outcome, Plan, Policy, Repair,
    Resolution, RunId, Scope, ServiceName, Signal, SignalKind, StepVerb, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// Evidence of a health finding is at most so many intervals of its check old.
const EVIDENCE_INTERVALS_MAX: u64 = 3;

/// What slow probes and slow writes may add to that.
const EVIDENCE_SLACK: Millis = Millis(10_000);

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{after} after the beginning: {what}")]
pub struct Violation {
    /// When.
    pub after: Millis,
    /// Which, and how.
    pub what: String,
}

type Verdict = Result<(), String>;

/// Watches a run.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    broken: Option<Violation>,
    policies: BTreeMap<String, Policy>,
    policy: Policy,
    plans: BTreeMap<ActionId, Plan>,
    action_of_saga: BTreeMap<String, ActionId>,
    approved: BTreeSet<ActionId>,
    running: BTreeMap<InstanceId, ActionId>,
    over: BTreeSet<ActionId>,
    unmeasured: BTreeMap<ActionId, EpisodeId>,
    repairs_begun: usize,
    paused: BTreeSet<Scope>,
    /// A pause of everything was carried out, not only written.
    stopped: bool,
    shutting_down: bool,
    episodes: BTreeMap<EpisodeId, InstanceId>,
    outcomes: BTreeMap<EpisodeId, Outcome>,
    lives: BTreeMap<InstanceId, RunId>,
    ready_since: BTreeMap<InstanceId, Timestamp>,
    windows: BTreeMap<ActionId, Millis>,
    repairs: BTreeMap<InstanceId, Vec<Timestamp>>,
    intents: BTreeSet<(SagaId, usize, u32)>,
    begun_by: BTreeMap<ActionId, RunId>,
    stalled_until: Timestamp,
    resting: Resting,
    idle_ticks: u32,
    last_tick: Timestamp,
}

impl Auditor {
    /// What was broken first, if anything was.
    pub(crate) fn verdict(&self) -> Result<(), Violation> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn judge(&mut self, at: Timestamp, verdict: Verdict) {
        if let (None, Err(what)) = (&self.broken, verdict) {
            self.broken = Some(Violation { after: at.since(crate::BEGINNING), what });
        }
    }

    /// Something outside of the rules below did not come as it should: a scenario's statement, or the end of a run.
    pub(crate) fn broken(&mut self, at: Timestamp, what: String) {
        self.judge(at, Err(what));
    }

    /// A statement of a scenario that does not hold.
    pub(crate) fn not_as_expected(&mut self, at: Timestamp, expected: &Expectation, found: &str) {
        self.judge(at, Err(format!("expected {expected:?}, found {found}")));
    }

    pub(crate) fn policy_written(&mut self, fingerprint: String, policy: Policy) {
        self.policies.insert(fingerprint, policy);
    }

    pub(crate) fn stalled_until(&mut self, until: Timestamp) {
        self.stalled_until = until;
    }

    pub(crate) fn asked_until(&mut self, service: &ServiceName, until: Timestamp) {
        self.resting.asked_until(service, until);
    }

    pub(crate) const fn repairs_begun(&self) -> usize {
        self.repairs_begun
    }

    /// Memory is the fold over the journal.
    pub(crate) fn remembered(&mut self, at: Timestamp, memory: &Memory, fold: &Memory) {
        let verdict =
            if memory == fold { Ok(()) } else { Err("the memory is not the fold over the journal".to_owned()) };
        self.judge(at, verdict);
    }

    /// A checkpoint with the later facts folded in is the fold over the whole journal.
    pub(crate) fn recalled(&mut self, at: Timestamp, memory: &Memory, fold: &Memory) {
        let verdict = if memory == fold { Ok(()) } else { Err("the checkpoint lost something".to_owned()) };
        self.judge(at, verdict);
    }

    /// After a tick the next one is due later, or the engine would spin.
    pub(crate) fn ticked(&mut self, now: Timestamp, wake_at: Option<Timestamp>) {
        let again = wake_at.is_some_and(|at| at <= now);
        self.idle_ticks = if again && self.last_tick == now { self.idle_ticks + 1 } else { 0 };
        self.last_tick = now;
        let spins = self.idle_ticks > 2;
        self.judge(
            now,
            if spins { Err("the engine spins: a tick leaves the next one due at once".to_owned()) } else { Ok(()) },
        );
    }

    /// Each action begins at most one life, and no life begins beside another one of the same instance.
    pub(crate) fn life_began(&mut self, now: Timestamp, instance: &InstanceId, run: &RunId, running: usize) {
        let verdict = if running > 1 { Err(format!("{instance} has {running} lives at once")) } else { Ok(()) };
        self.judge(now, verdict);
        let Some(action) = self.running.get(instance).copied() else {
            return self.judge(now, Err(format!("life {run} of {instance} began outside of any action")));
        };
        let before = self.begun_by.insert(action, run.clone());
        let doubled = before.is_some_and(|before| before != *run);
        self.judge(now, if doubled { Err(format!("action {action} began two lives")) } else { Ok(()) });
    }

    /// Every effect is preceded by its durable intent, belongs to an action that was begun, touches no life but the one named,
    /// and comes neither beside another call on the same instance nor during a pause.
    pub(crate) fn called(
        &mut self,
        now: Timestamp,
        call: &Call,
        instance: &InstanceId,
        run: &RunId,
        starts: bool,
        others: usize,
    ) {
        let verdict = self.may_call(call, instance, run, starts, others);
        self.judge(now, verdict.map_err(|what| format!("call {} {} on {instance}: {what}", call.verb, call.name)));
    }

    fn may_call(&self, call: &Call, instance: &InstanceId, run: &RunId, starts: bool, others: usize) -> Verdict {
        let intent = (call.saga.clone(), call.step, call.attempt);
        if !self.intents.contains(&intent) {
            return Err("no durable intent".to_owned());
        }
        let action = self.action_of_saga.get(&call.saga.0).ok_or("a saga of no action")?;
        let plan = self.plans.get(action).filter(|plan| plan.target == *instance).ok_or("not the plan's target")?;
        if !self.over.contains(action) && self.running.get(instance) != Some(action) {
            return Err(format!("action {action} was not begun"));
        }
        if others > 0 {
            return Err("another call on it is out".to_owned());
        }
        let own = homeostat_act::run_of(&call.key);
        let named = plan.steps.iter().any(|step| matches!(&step.verb, StepVerb::Stop { run: named } if named == run));
        if !starts && !named && *run != own {
            return Err(format!("life {run} is not the one to end"));
        }
        if self.stopped { Err("everything is paused".to_owned()) } else { Ok(()) }
    }

    /// What the durable facts ask for was carried out: from here on a pause must be kept.
    pub(crate) fn carried_out(&mut self) {
        self.stopped = self.paused.contains(&Scope::Everything) && !self.shutting_down;
    }

    /// Nothing of a turn happens, and nobody is answered, before the turn's facts are durable: else a crash could take back
    /// what was acknowledged.
    pub(crate) fn carries_out(&mut self, now: Timestamp, facts_wait: bool) {
        let verdict = if facts_wait { Err("effects come before their facts are durable".to_owned()) } else { Ok(()) };
        self.judge(now, verdict);
    }

    /// Durable records of a saga.
    pub(crate) fn saga_records(&mut self, id: &SagaId, records: &[LogRecord]) {
        for record in records {
            if let SagaRecord::StepStarted { step, attempt, .. } = &record.event {
                self.intents.insert((id.clone(), *step, *attempt));
            }
        }
    }

    /// A durable fact.
    pub(crate) fn fact(&mut self, at: Timestamp, fact: &Fact) {
        let verdict = self.may_be_recorded(at, fact);
        self.judge(at, verdict.map_err(|what| format!("{}: {what}", fact.kind())));
        self.take_in(at, fact);
    }

    fn may_be_recorded(&self, at: Timestamp, fact: &Fact) -> Verdict {
        match fact {
            Fact::ActionBegun { action, target, .. } => self.may_begin(at, *action, target),
            Fact::FindingMade { episode, finding } => {
                if self.episodes.get(episode) != Some(&finding.subject) {
                    return Err(format!("{episode} is not open for {}", finding.subject));
                }
                self.is_well_founded(at, finding)
            }
            Fact::EpisodeOpened { subject, .. } if self.episodes.values().any(|other| other == subject) => {
                Err(format!("{subject} has two episodes at once"))
            }
            Fact::OutcomeMeasured { action, outcome: Outcome::Fixed { .. }, .. } => self.is_fixed(at, *action),
            Fact::EpisodeClosed { episode, resolution, .. } => self.may_close(*episode, *resolution),
            Fact::ServiceRested { service, .. } => {
                self.resting.may_rest(&self.policy, service, at, self.stalled_until >= at)
            }
            Fact::Escalated { episode, .. } if !self.episodes.contains_key(episode) => {
                Err(format!("{episode} is not open"))
            }
            _ => Ok(()),
        }
    }

    /// The guards held: one action on a target, no action during a pause, and for repairs the owner's leave and the budget.
    fn may_begin(&self, at: Timestamp, action: ActionId, target: &InstanceId) -> Verdict {
        let plan = self.plans.get(&action).ok_or_else(|| format!("{action} was never planned"))?;
        if let Some(other) = self.running.get(target) {
            return Err(format!("{action} begins while {other} is under way on {target}"));
        }
        let of_service = Scope::Service { name: target.service.clone() };
        let paused = self.paused.contains(&Scope::Everything) || self.paused.contains(&of_service);
        if paused && !self.shutting_down {
            return Err(format!("{action} begins while {target} is paused"));
        }
        let begins = plan.steps.iter().any(|step| step.verb == StepVerb::Start);
        if begins && !self.resting.is_wanted(&self.policy, &target.service) {
            return Err(format!("{action} begins a life of {target}, which nobody asked for"));
        }
        if !plan.class.is_repair() {
            return Ok(());
        }
        let autonomy = self.policy.services.get(&target.service).map(|service| service.autonomy).unwrap_or_default();
        match autonomy {
            Autonomy::Observe | Autonomy::Propose => return Err(format!("{action} repairs at level {autonomy:?}")),
            Autonomy::Approve if !self.approved.contains(&action) => return Err(format!("nobody approved {action}")),
            Autonomy::Approve | Autonomy::Auto => {}
        }
        if !self.policy.switches.recovery {
            return Err(format!("{action} repairs while recovery is switched off"));
        }
        self.within_budget(at, target)
    }

    fn within_budget(&self, at: Timestamp, target: &InstanceId) -> Verdict {
        let Repair { budget, budget_window, backoff_max, .. } = self.policy.repair;
        let from = Timestamp(at.0.saturating_sub(budget_window.0));
        let repairs = self.repairs.get(target).map_or(&[][..], Vec::as_slice);
        let recent = repairs.iter().filter(|begun| **begun > from).count() as u64 + 1;
        // One more than the quotient: a window can hold both its ends.
        let slow_pace = budget_window.0 / backoff_max.0.max(1) + 1;
        if recent > u64::from(budget.max(1)) + slow_pace {
            return Err(format!("{recent} repairs of {target} within {budget_window}"));
        }
        Ok(())
    }

    /// Evidence is about the subject's present life, in order, and fresh.
    fn is_well_founded(&self, at: Timestamp, finding: &Finding) -> Verdict {
        let in_order = finding.evidence.is_sorted_by_key(|signal| signal.at);
        let about_it =
            |signal: &Signal| signal.subject == finding.subject && self.lives.get(&signal.subject) == Some(&signal.run);
        if !in_order || !finding.evidence.iter().all(about_it) {
            return Err(format!("evidence of another life, or out of order: {:?}", finding.evidence));
        }
        let Some(newest) = finding.evidence.last() else { return Ok(()) };
        let health = self.policy.services.get(&finding.subject.service).and_then(|service| service.health.as_ref());
        let interval = health.map_or(Millis(0), |check| check.interval);
        let oldest_allowed = at.0.saturating_sub(interval.0 * EVIDENCE_INTERVALS_MAX + EVIDENCE_SLACK.0);
        let stalled = self.stalled_until >= newest.at;
        if newest.at.0 < oldest_allowed && !stalled {
            return Err(format!("the newest evidence is of {}, it is {at}", newest.at));
        }
        Ok(())
    }

    /// A success was ready for the whole window, in the life that runs now.
    fn is_fixed(&self, at: Timestamp, action: ActionId) -> Verdict {
        let target = self.plans.get(&action).map(|plan| &plan.target).ok_or("no such action")?;
        let since =
            self.ready_since.get(target).ok_or_else(|| format!("{action} fixed {target}, which is not ready"))?;
        let window = self.windows.get(&action).copied().unwrap_or_default();
        if at.since(*since) < window {
            return Err(format!("{action} fixed {target}, which was ready for {} of {window}", at.since(*since)));
        }
        Ok(())
    }

    /// An episode closes with its outcome: no repair of it is left unmeasured, and "repaired" rests on a measured success.
    fn may_close(&self, episode: EpisodeId, resolution: Resolution) -> Verdict {
        if !self.episodes.contains_key(&episode) {
            return Err(format!("{episode} is not open"));
        }
        if let Some((action, _)) = self.unmeasured.iter().find(|(_, of)| **of == episode) {
            return Err(format!("{episode} closes, and nobody measured what {action} brought"));
        }
        let fixed = matches!(self.outcomes.get(&episode), Some(Outcome::Fixed { .. }));
        if resolution == Resolution::Repaired && !fixed {
            return Err(format!("{episode} closes as repaired without a success"));
        }
        Ok(())
    }

    fn take_in(&mut self, at: Timestamp, fact: &Fact) {
        self.resting.take_in(fact);
        match fact {
            Fact::EngineStarted { .. } => self.shutting_down = false,
            Fact::ShutdownRequested { .. } => (self.shutting_down, self.stopped) = (true, false),
            Fact::PolicyApplied { fingerprint, .. } => {
                self.policy = self.policies.get(fingerprint).cloned().unwrap_or_default();
                // Other limits, other count: the old repairs kept to the old ones.
                self.repairs.clear();
                for instance in self.lives.keys().cloned().collect::<Vec<_>>() {
                    self.ready_if_unasked(at, &instance);
                }
            }
            Fact::SignalSeen { signal, .. } => self.perceived(at, signal),
            Fact::FindingMade { finding, .. } => drop(self.ready_since.remove(&finding.subject)),
            Fact::VerificationBegun { action, window, .. } => drop(self.windows.insert(*action, *window)),
            Fact::EpisodeOpened { episode, subject } => drop(self.episodes.insert(*episode, subject.clone())),
            Fact::EpisodeClosed { episode, .. } => drop(self.episodes.remove(episode)),
            Fact::PlanMade { plan, .. } => {
                self.action_of_saga.insert(plan.saga.clone(), plan.action);
                self.plans.insert(plan.action, plan.clone());
            }
            Fact::ActionApproved { action, .. } => drop(self.approved.insert(*action)),
            Fact::ActionBegun { action, episode, target } => self.begun(at, *action, *episode, target),
            Fact::ActionEnded { action, .. } => self.ended(*action),
            Fact::OutcomeMeasured { action, episode, outcome } => {
                self.unmeasured.remove(action);
                self.outcomes.insert(*episode, outcome.clone());
            }
            Fact::ActingPaused { scope, .. } => drop(self.paused.insert(scope.clone())),
            Fact::ActingResumed { scope: Scope::Everything, .. } => {
                self.paused.clear();
                self.stopped = false;
            }
            Fact::ActingResumed { scope, .. } => drop(self.paused.remove(scope)),
            _ => {}
        }
    }

    fn perceived(&mut self, at: Timestamp, signal: &Signal) {
        let subject = &signal.subject;
        match &signal.kind {
            SignalKind::Up { .. } => {
                self.lives.insert(subject.clone(), signal.run.clone());
                self.ready_since.remove(subject);
                self.ready_if_unasked(at, subject);
            }
            SignalKind::Exited { .. } => drop(self.ready_since.remove(subject)),
            SignalKind::ProbePassed { .. } => drop(self.ready_since.insert(subject.clone(), at)),
            SignalKind::ProbeFailed { .. } => {}
        }
    }

    /// Without a health check, running is ready.
    fn ready_if_unasked(&mut self, at: Timestamp, instance: &InstanceId) {
        let check = self.policy.services.get(&instance.service).and_then(|service| service.health.as_ref());
        if check.filter(|_| self.policy.switches.detection).is_none() {
            self.ready_since.entry(instance.clone()).or_insert(at);
        }
    }

    fn begun(&mut self, at: Timestamp, action: ActionId, episode: Option<EpisodeId>, target: &InstanceId) {
        self.running.insert(target.clone(), action);
        if self.plans.get(&action).is_some_and(|plan| plan.class == ActionClass::Restart) {
            self.repairs.entry(target.clone()).or_default().push(at);
            self.repairs_begun += 1;
            self.unmeasured.extend(episode.map(|episode| (action, episode)));
        }
    }

    fn ended(&mut self, action: ActionId) {
        self.over.insert(action);
        self.running.retain(|_, running| *running != action);
    }
}
