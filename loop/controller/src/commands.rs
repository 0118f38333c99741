//! What people and programs ask for: pause, resume, approve, reject, undo, activate, shut down. Every answer is a reply effect.

use crate::Effect;
use crate::memory::Stage;
use crate::turn::Turn;
use homeostat_vocabulary::{
    ActionClass, ActionEnd, ActionId, Autonomy, Command, CommandReply, Fact, Guard, InstanceId, Refusal, Scope,
    StepVerb,
};

pub(crate) type Answer = Result<CommandReply, Refusal>;

impl Turn<'_> {
    pub(crate) fn command(&mut self, command: Command, by: String) {
        let answer = self.may(&command).and_then(|()| match command {
            Command::Pause { scope } => self.pause(scope, by),
            Command::Resume { scope } => self.resume(&scope, &by),
            Command::Approve { action } => self.approve(action, by),
            Command::Reject { action } => self.reject(action, &by),
            Command::Undo { action } => self.undo(action, by),
            Command::Activate { service } => self.activate(service, by),
            Command::Shutdown { keep_services } => self.shut_down(keep_services, by),
        });
        self.emit(Effect::Reply(answer));
    }

    /// Without a journal nothing can be asked for, but that the engine ends and leaves the services as they are.
    fn may(&self, command: &Command) -> Result<(), Refusal> {
        let harmless = matches!(command, Command::Shutdown { keep_services: true });
        match &self.state.cannot_act {
            Some(why) if !harmless => Err(Refusal::Guarded { guard: Guard::Journal, reason: why.clone() }),
            _ if self.state.shutting_down.is_some() && !harmless => Err(Refusal::ShuttingDown),
            _ => Ok(()),
        }
    }

    fn must_exist(&self, scope: &Scope) -> Result<(), Refusal> {
        match scope {
            Scope::Service { name } if !self.state.policy.services.contains_key(name) => {
                Err(Refusal::NoSuchService { name: name.clone() })
            }
            _ => Ok(()),
        }
    }

    fn pause(&mut self, scope: Scope, by: String) -> Answer {
        self.must_exist(&scope)?;
        if self.state.memory.paused.contains(&scope) {
            return Ok(CommandReply::Already);
        }
        self.record(Fact::ActingPaused { scope, by });
        self.set_gate();
        Ok(CommandReply::Done)
    }

    fn resume(&mut self, scope: &Scope, by: &str) -> Answer {
        self.must_exist(scope)?;
        let covers = |instance: &InstanceId| match scope {
            Scope::Everything => true,
            Scope::Service { name } => instance.service == *name,
        };
        let held: Vec<InstanceId> = self.state.memory.held.keys().filter(|id| covers(id)).cloned().collect();
        let paused = match scope {
            Scope::Everything => !self.state.memory.paused.is_empty(),
            Scope::Service { .. } => self.state.memory.paused.contains(scope),
        };
        let known = self.state.live.keys();
        let left = known.filter(|id| covers(id) && self.state.memory.is_left_to_person(id)).cloned();
        let left: Vec<InstanceId> = left.collect();
        let down = self.left_down(scope);
        if !paused && held.is_empty() && left.is_empty() && down.is_empty() {
            return Ok(CommandReply::Already);
        }
        if paused {
            self.record(Fact::ActingResumed { scope: scope.clone(), by: by.to_owned() });
        }
        for instance in held {
            self.record(Fact::InstanceReleased { instance, by: by.to_owned() });
        }
        self.set_gate();
        for instance in left {
            self.take_up(&instance, by);
        }
        for instance in down {
            self.start_again_for_owner(&instance);
        }
        self.reconcile();
        Ok(CommandReply::Done)
    }

    /// Instances of a service named by a person that are not well and that the engine may not repair by itself: the person's
    /// word is what starts them again.
    fn left_down(&self, scope: &Scope) -> Vec<InstanceId> {
        let Scope::Service { name } = scope else { return Vec::new() };
        let Some(service) = self.state.policy.services.get(name) else { return Vec::new() };
        if !matches!(service.autonomy, Autonomy::Observe | Autonomy::Propose) {
            return Vec::new();
        }
        let ready = |id: &InstanceId| self.state.live.get(id).is_some_and(|live| live.ready_since.is_some());
        let unwell = |id: &InstanceId| self.state.memory.episode_of(id).is_some() && !ready(id);
        service.instance_ids().filter(unwell).collect()
    }

    fn start_again_for_owner(&mut self, instance: &InstanceId) {
        let busy = self.state.memory.active_of(instance).is_some();
        if busy || self.is_paused(instance) || !self.is_wanted(instance) {
            return;
        }
        let class = if self.live(instance).run.is_some() { ActionClass::Replace } else { ActionClass::Start };
        let episode = self.state.memory.episode_of(instance);
        self.begin_for_owner(class, instance, episode);
    }

    /// What was left to a person goes on: an action that rests is let go on, and after a rejection something new is proposed.
    fn take_up(&mut self, instance: &InstanceId, by: &str) {
        let Some(resting) = self.state.memory.resting_on(instance).next_back() else {
            return self.propose_repair(instance, self.state.memory.attempts_of(instance));
        };
        let (action, episode, saga) = (resting.plan.action, resting.plan.episode, resting.plan.saga.clone());
        self.record(Fact::ActionResumed { action, episode, by: by.to_owned() });
        self.emit(Effect::Resume { action, saga, by: by.to_owned() });
    }

    fn awaiting(&self, action: ActionId) -> Result<(), Refusal> {
        let remembered = self.state.memory.action(action).ok_or(Refusal::NoSuchAction { action })?;
        match &remembered.stage {
            Stage::AwaitingApproval { .. } => Ok(()),
            other => Err(Refusal::WrongState { action, state: describe(other) }),
        }
    }

    fn approve(&mut self, action: ActionId, by: String) -> Answer {
        self.awaiting(action)?;
        let plan =
            self.state.memory.action(action).map(|it| it.plan.clone()).ok_or(Refusal::NoSuchAction { action })?;
        // A person's word outweighs no other guard; the plan goes on waiting, and can be approved when that guard gives way.
        if let Some(guard) = self.rule_on(&plan, self.now, true).refusals().next() {
            return Err(Refusal::Guarded { guard, reason: why_refused(guard).to_owned() });
        }
        self.record(Fact::ActionApproved { action, episode: plan.episode, by });
        self.retry_due_plans();
        Ok(CommandReply::Done)
    }

    fn reject(&mut self, action: ActionId, by: &str) -> Answer {
        self.awaiting(action)?;
        self.drop_action(action, by, "rejected");
        Ok(CommandReply::Done)
    }

    /// Ends the life that an action began and holds the instance there until it is resumed.
    fn undo(&mut self, action: ActionId, by: String) -> Answer {
        let remembered = self.state.memory.action(action).ok_or(Refusal::NoSuchAction { action })?;
        let plan = remembered.plan.clone();
        let done = match &remembered.stage {
            Stage::Verifying { .. } => true,
            Stage::Finished { end, .. } => *end == Some(ActionEnd::Done),
            _ => false,
        };
        if !done {
            return Err(Refusal::WrongState { action, state: describe(&remembered.stage) });
        }
        if !plan.is_reversible() {
            let reason = "it ended a process, and what that process held in memory cannot be brought back".to_owned();
            return Err(Refusal::Guarded { guard: Guard::Reversible, reason });
        }
        if self.is_paused(&plan.target) {
            let reason = "acting is paused; resume first".to_owned();
            return Err(Refusal::Guarded { guard: Guard::KillSwitch, reason });
        }
        let instance = plan.target.clone();
        if self.service(&instance).is_none() {
            return Err(Refusal::NoSuchInstance { instance });
        }
        if !self.is_latest_start(action, &instance) {
            let state = "has been overtaken: the instance has begun another life since".to_owned();
            return Err(Refusal::WrongState { action, state });
        }
        self.abandon(&instance);
        if let Some((other, _)) = self.state.memory.active_of(&instance) {
            let reason = format!("action {other} is under way on {instance}");
            return Err(Refusal::Guarded { guard: Guard::OneActor, reason });
        }
        let undo = self.state.memory.next_action();
        self.record(Fact::InstanceHeld { instance: instance.clone(), by, action: undo });
        let begun = self.begin_for_owner(ActionClass::Undo, &instance, plan.episode);
        Ok(CommandReply::Begun { action: begun })
    }

    /// Whether the life this action began is the one that runs now: no later action began one, and it has not ended.
    fn is_latest_start(&mut self, action: ActionId, instance: &InstanceId) -> bool {
        let runs = self.live(instance).run.is_some();
        let mut later = self.state.memory.actions().filter(|(id, it)| *id > action && it.plan.target == *instance);
        runs && !later.any(|(_, it)| {
            let starts = it.plan.steps.iter().any(|step| step.verb == StepVerb::Start);
            starts
                && matches!(it.stage, Stage::Running | Stage::Verifying { .. } | Stage::Finished { end: Some(_), .. })
        })
    }

    fn shut_down(&mut self, keep_services: bool, by: String) -> Answer {
        self.state.shutting_down = Some(keep_services);
        self.record(Fact::ShutdownRequested { by, keep_services });
        if keep_services {
            self.emit(Effect::Gate { open: false });
            self.emit(Effect::Exit { services_kept: true });
        } else {
            self.set_gate();
            self.reconcile();
        }
        Ok(CommandReply::Done)
    }
}

const fn why_refused(guard: Guard) -> &'static str {
    match guard {
        Guard::KillSwitch => "acting is paused; resume first",
        Guard::RecoverySwitch => "repairs are switched off in the configuration",
        Guard::Autonomy => "the service's level does not let it be carried out",
        Guard::OneActor => "something else acts on the instance, or a person holds it",
        Guard::Freshness => "the plan is too old",
        Guard::Rate | Guard::Backoff => "it is too early for another repair",
        Guard::Journal => "the journal takes no more records",
        Guard::Reversible => "it cannot be taken back",
    }
}

fn describe(stage: &Stage) -> String {
    match stage {
        Stage::Planned { due } => format!("is planned for {due}"),
        Stage::AwaitingApproval { .. } => "waits for approval".to_owned(),
        Stage::Running => "is being carried out".to_owned(),
        Stage::Verifying { .. } => "was carried out and is being verified".to_owned(),
        Stage::Finished { end: None, .. } => "was never begun".to_owned(),
        Stage::Finished { end: Some(ActionEnd::Done), .. } => "is over".to_owned(),
        Stage::Finished { end: Some(_), .. } => "did not come to its end".to_owned(),
    }
}
