//! From a finding to an action: propose, ask the guards, begin; and what follows when an action ends.

use crate::Effect;
use crate::memory::{ENGINE, Stage};
use crate::turn::Turn;
use homeostat_decide::{Circumstances, Occasion, Ruling, ask, candidates, plan, wait_before_attempt};
use homeostat_vocabulary::{
    ActionClass, ActionEnd, ActionId, Decision, EpisodeId, EscalationReason, Fact, Guard, InstanceId, LessonKey,
    Millis, Plan, StepVerb, Timestamp, Unfixed, Verdict,
};

/// How long an action that was asked for by the owner and failed waits at least before it is tried again.
const OWNER_RETRY_MIN: Millis = Millis(1_000);

/// Why a plan is dropped when what it was made for is no longer so.
const OVERTAKEN: &str = "the instance has changed since it was planned";

impl Turn<'_> {
    /// Makes a plan for an instance that is not well and asks the guards about it; nothing if a plan that still applies is
    /// active already.
    pub(crate) fn propose_repair(&mut self, instance: &InstanceId, attempt: u32) {
        let Some(episode) = self.state.memory.episode_of(instance) else { return };
        self.drop_outdated_plan(instance);
        // One that came back while its repair was failing needs none.
        let ready = self.live(instance).ready_since.is_some();
        if ready || self.state.memory.active_of(instance).is_some() || !self.is_wanted(instance) {
            return;
        }
        let wait = wait_before_attempt(attempt, &self.state.policy.repair, self.chance);
        let predicted =
            self.lesson_key(instance, episode).map_or_else(Default::default, |key| self.state.memory.lesson(&key));
        let predicted_success_permille = homeostat_learn::predict_permille(predicted);
        let plan =
            self.compose(ActionClass::Restart, instance, Some(episode), attempt, wait, predicted_success_permille);
        let action = plan.action;
        let runs = self.live(instance).run.is_some();
        self.record(Fact::PlanMade { plan, considered: candidates(runs, predicted_success_permille) });
        self.ask_guards(action);
    }

    fn drop_outdated_plan(&mut self, instance: &InstanceId) {
        let waiting = self
            .state
            .memory
            .active_of(instance)
            .filter(|(_, action)| matches!(action.stage, Stage::Planned { .. } | Stage::AwaitingApproval { .. }));
        let Some(action) = waiting.map(|(id, _)| id) else { return };
        if !self.still_applies(action, instance) {
            self.drop_action(action, ENGINE, OVERTAKEN);
        }
    }

    fn lesson_key(&self, instance: &InstanceId, episode: EpisodeId) -> Option<LessonKey> {
        let finding = self.state.memory.episodes.get(&episode)?.finding.as_ref()?.name().to_owned();
        Some(LessonKey { service: instance.service.clone(), finding, class: ActionClass::Restart })
    }

    fn compose(
        &mut self,
        class: ActionClass,
        target: &InstanceId,
        episode: Option<EpisodeId>,
        attempt: u32,
        wait: Millis,
        predicted_success_permille: u16,
    ) -> Plan {
        let live = self.live(target);
        let (running, ready) = (live.run.as_ref().map(|run| run.run.clone()), live.ready_since.is_some());
        let takes_over = self.service(target).is_some_and(|service| service.takes_over);
        let occasion = Occasion {
            action: self.state.memory.next_action(),
            nonce: self.chance.next_u64(),
            episode,
            class,
            target: target.clone(),
            running,
            ready,
            takes_over,
            attempt,
            wait,
            predicted_success_permille,
        };
        plan(occasion, &self.state.policy.repair, self.now)
    }

    /// Asks the guards about a planned action, records every answer, and does as they decide.
    fn ask_guards(&mut self, action: ActionId) {
        let Some(remembered) = self.state.memory.action(action) else { return };
        let Stage::Planned { due } = remembered.stage else { return };
        let (plan, approved) = (remembered.plan.clone(), remembered.approved);
        let ruling = self.rule_on(&plan, due, approved);
        let (episode, decision) = (plan.episode, ruling.decision);
        self.record(Fact::GuardsAsked { action, episode, verdicts: ruling.verdicts.clone(), decision });
        match decision {
            Decision::Go => self.begin(plan),
            Decision::Wait { .. } => self.escalate_if_budget_is_spent(&plan, &ruling),
            Decision::AskPerson { .. } => {}
            Decision::Refuse => self.refused(&plan, &ruling),
        }
    }

    pub(crate) fn rule_on(&self, plan: &Plan, due: Timestamp, approved: bool) -> Ruling {
        let policy = &self.state.policy;
        let window_start = Timestamp(self.now.0.saturating_sub(policy.repair.budget_window.0));
        let other_actor = self.state.memory.active_of(&plan.target).is_some_and(|(id, _)| id != plan.action);
        ask(&Circumstances {
            now: self.now,
            due,
            paused: self.is_paused(&plan.target),
            recovery_on: policy.switches.recovery,
            autonomy: self.service(&plan.target).map(|service| service.autonomy).unwrap_or_default(),
            approved,
            occupied: other_actor || self.state.memory.held.contains_key(&plan.target),
            repairs: self.state.memory.repairs_since(&plan.target, window_start),
            repair: &policy.repair,
        })
    }

    fn refused(&mut self, plan: &Plan, ruling: &Ruling) {
        use homeostat_vocabulary::Autonomy::Propose;
        let Some(episode) = plan.episode else { return };
        let guards: Vec<Guard> = ruling.refusals().collect();
        if guards == [Guard::Freshness] {
            // Only too old: the same trouble gets a new plan from what is so now.
            return self.propose_repair(&plan.target, plan.attempt);
        }
        let proposes = self.service(&plan.target).is_some_and(|service| service.autonomy == Propose);
        if proposes && guards.contains(&Guard::Autonomy) {
            self.escalate(episode, EscalationReason::NotAllowed);
        }
    }

    fn escalate_if_budget_is_spent(&mut self, plan: &Plan, ruling: &Ruling) {
        let spent = ruling.verdicts.iter().any(|it| it.guard == Guard::Rate && it.verdict != Verdict::Pass);
        if let (true, Some(episode)) = (spent, plan.episode) {
            let repair = &self.state.policy.repair;
            let why = EscalationReason::BudgetSpent { repairs: repair.budget, window: repair.budget_window };
            self.escalate(episode, why);
        }
    }

    /// Calls a person, once an episode.
    pub(crate) fn escalate(&mut self, episode: EpisodeId, why: EscalationReason) {
        if self.state.memory.episodes.get(&episode).is_some_and(|open| !open.escalated) {
            self.record(Fact::Escalated { episode, why });
        }
    }

    /// What the saga engine finds wrong goes into the journal, and with it before people.
    pub(crate) fn alarm(&mut self, action: Option<ActionId>, code: String, why: String) {
        let episode = action.and_then(|action| self.state.memory.action(action)).and_then(|it| it.plan.episode);
        self.record(Fact::AlarmRaised { action, episode, code, why });
    }

    /// Begins an action: its record is durable before its first step.
    pub(crate) fn begin(&mut self, plan: Plan) {
        if self.state.cannot_act.is_some() {
            return;
        }
        self.record(Fact::ActionBegun { action: plan.action, episode: plan.episode, target: plan.target.clone() });
        // An earlier action that rests on the same instance would hold this one up: it gets another try first.
        let resting = self.state.memory.resting_on(&plan.target).map(|it| (it.plan.action, it.plan.saga.clone()));
        for (action, saga) in resting.collect::<Vec<_>>() {
            self.emit(Effect::Resume { action, saga, by: ENGINE.to_owned() });
        }
        self.emit(Effect::Carry(Box::new(plan)));
    }

    /// Begins what the owner asked for: no guard but the kill switch stands before it.
    pub(crate) fn begin_for_owner(
        &mut self,
        class: ActionClass,
        target: &InstanceId,
        episode: Option<EpisodeId>,
    ) -> ActionId {
        /// What the owner asks for is not predicted.
        const NOT_PREDICTED: u16 = 1000;
        let plan = self.compose(class, target, episode, 0, Millis(0), NOT_PREDICTED);
        let action = plan.action;
        self.record(Fact::PlanMade { plan: plan.clone(), considered: Vec::new() });
        self.begin(plan);
        action
    }

    /// Plans whose time has come are looked at again: the world may have changed since.
    pub(crate) fn retry_due_plans(&mut self) {
        let now = self.now;
        let due: Vec<(ActionId, InstanceId, Stage)> = self
            .state
            .memory
            .active_actions()
            .filter(|(_, action)| match action.stage {
                Stage::Planned { due } => due <= now,
                Stage::AwaitingApproval { until } => until <= now,
                _ => false,
            })
            .map(|(id, action)| (id, action.plan.target.clone(), action.stage.clone()))
            .collect();
        for (action, instance, stage) in due {
            if matches!(stage, Stage::AwaitingApproval { .. }) {
                self.drop_and_propose_anew(action, &instance, "nobody approved it in time");
            } else if self.still_applies(action, &instance) {
                self.ask_guards(action);
            } else {
                self.drop_and_propose_anew(action, &instance, OVERTAKEN);
            }
        }
    }

    /// Preconditions, checked again at the last moment: the instance is still not ready, and the life to end, if any, is
    /// still the one that runs.
    fn still_applies(&mut self, action: ActionId, instance: &InstanceId) -> bool {
        let live = self.live(instance);
        let (running, ready) = (live.run.as_ref().map(|run| run.run.clone()), live.ready_since.is_some());
        let Some(remembered) = self.state.memory.action(action) else { return false };
        let to_end = remembered.plan.steps.iter().find_map(|step| match &step.verb {
            StepVerb::Stop { run } => Some(run.clone()),
            StepVerb::Start => None,
        });
        !ready && to_end == running
    }

    pub(crate) fn drop_action(&mut self, action: ActionId, by: &str, why: &str) {
        let episode = self.state.memory.action(action).and_then(|it| it.plan.episode);
        self.record(Fact::ActionDropped { action, episode, by: by.to_owned(), why: why.to_owned() });
    }

    pub(crate) fn drop_and_propose_anew(&mut self, action: ActionId, instance: &InstanceId, why: &str) {
        self.drop_action(action, ENGINE, why);
        let attempt = self.state.memory.attempts_of(instance);
        if self.live(instance).ready_since.is_none() {
            self.propose_repair(instance, attempt);
        }
    }

    pub(crate) fn action_ended(&mut self, action: ActionId, end: ActionEnd) {
        let running = self.state.memory.action(action).filter(|it| it.stage == Stage::Running);
        // Told twice, for example again after a crash: the first telling counts.
        let Some(plan) = running.map(|it| it.plan.clone()) else { return };
        self.record(Fact::ActionEnded { action, episode: plan.episode, end: end.clone() });
        match (plan.class, end) {
            (ActionClass::Restart, ActionEnd::Done) => self.begin_verification(&plan),
            (ActionClass::Restart, end) => self.repair_failed(&plan, end),
            (ActionClass::Start | ActionClass::Replace, ActionEnd::Done) => self.look_after_start(&plan.target),
            (ActionClass::Start | ActionClass::Replace, end) => self.start_failed(&plan.target, end),
            (ActionClass::Stop | ActionClass::Undo, ActionEnd::Done) => {}
            (ActionClass::Stop | ActionClass::Undo, _) => self.try_again_for_owner(&plan.target),
        }
        self.reconcile();
    }

    fn repair_failed(&mut self, plan: &Plan, end: ActionEnd) {
        let Some(episode) = plan.episode else { return };
        match end {
            ActionEnd::Done => {}
            ActionEnd::Undone { cause } => {
                self.measured_no_effect(plan, Unfixed::ActionFailed { error: cause });
                self.propose_repair(&plan.target, self.state.memory.attempts_of(&plan.target));
            }
            ActionEnd::Parked { why } | ActionEnd::Stuck { why } => {
                self.measured_unknown(plan);
                self.escalate(episode, EscalationReason::ActionNeedsPerson { why });
            }
        }
    }

    /// A life may begin and end again before the action that began it is told to have ended.
    fn look_after_start(&mut self, instance: &InstanceId) {
        let live = self.live(instance);
        if live.run.is_some() || !self.is_wanted(instance) {
            return;
        }
        let Some(exit) = self.live(instance).last_exit.clone() else { return };
        let others_ready = self.state.others_ready(instance);
        self.found(homeostat_detect::exited(instance, exit, Millis(0), Vec::new(), others_ready), None);
    }

    /// What the owner asked for is tried again and again, ever more slowly: it was not the engine's idea, so it is never given up.
    fn try_again_for_owner(&mut self, instance: &InstanceId) {
        let failures = self.live(instance).failures_for_owner.saturating_add(1);
        self.live(instance).failures_for_owner = failures;
        let wait = wait_before_attempt(failures, &self.state.policy.repair, self.chance);
        self.live(instance).retry_at = Some(self.now.after(wait.max(OWNER_RETRY_MIN)));
    }

    fn start_failed(&mut self, instance: &InstanceId, end: ActionEnd) {
        let (error, rests) = match end {
            ActionEnd::Done => return,
            ActionEnd::Undone { cause } => (cause, false),
            ActionEnd::Parked { why } | ActionEnd::Stuck { why } => (why, true),
        };
        if self.live(instance).ready_since.is_some() {
            // The life that was to be replaced runs on and is well: nothing to repair.
            return self.try_again_for_owner(instance);
        }
        if self.is_wanted(instance) {
            let others_ready = self.state.others_ready(instance);
            let finding = homeostat_detect::start_failed(instance, error.clone(), others_ready);
            if rests {
                // It keeps the instance until a person lets it go on: another plan would only wait behind it, unseen.
                let episode = self.think_about(finding);
                self.escalate(episode, EscalationReason::ActionNeedsPerson { why: error });
            } else {
                self.found(finding, None);
            }
        }
    }
}
