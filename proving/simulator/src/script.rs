//! What a script can do to the world and to the engine: faults, and the wishes of people. Made by [`crate::swarm`] from a seed
//! and by [`crate::scenario`] from a text.

use crate::agenda::Item;
use crate::simulation::Simulation;
use crate::world::{CallFault, Mood};
use homeostat_controller::{Event, Stage};
use homeostat_vocabulary::{ActionClass, ActionEnd, ActionId, Command, Exit, InstanceId, Millis, Policy, ServiceName};

/// One thing done to the world or the engine.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A process ends.
    Crash(InstanceId, Exit),
    /// A process changes its mood; for ever, or for a while.
    Turn(InstanceId, Mood, Option<Millis>),
    /// Every life of the instance ends by itself this long after its start; `None` cures it.
    DieAfter(InstanceId, Option<Millis>),
    /// Every later life of the instance behaves like this from its beginning.
    BornAs(InstanceId, Mood),
    /// The instance hears a stop, or not.
    IgnoreStop(InstanceId, bool),
    /// The next calls about the instance go wrong like this.
    FailCalls(InstanceId, Vec<CallFault>),
    /// The engine dies in the middle of whatever it is doing.
    KillEngine,
    /// An engine is started, if none runs.
    StartEngine,
    /// The engine and its probes stand still.
    Stall(Millis),
    /// The disk takes no more writes, or takes them again.
    BreakJournal(bool),
    /// The owner changes the policy.
    Reload(Box<Policy>),
    /// The owner writes a policy that is not valid.
    ReloadBadly(String),
    /// A person asks for something.
    Ask(Wish),
    /// Requests come for a service, for so long.
    Requests(ServiceName, Millis),
    /// Something must be so at this moment.
    Expect(Expectation),
}

/// What a person asks for; who is meant is looked up when the time comes.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Exactly this.
    Exactly(Command),
    /// Approve what waits for approval, if anything does.
    ApproveWaiting,
    /// Reject what waits for approval, if anything does.
    RejectWaiting,
    /// Take back the latest action that began a life of this instance.
    UndoLatest(InstanceId),
}

/// What a scenario states.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// An instance is in this phase, as the status says it: `ready`, `down`.
    Phase(InstanceId, String),
    /// So many episodes are open.
    Episodes(usize),
    /// So many lives of an instance have begun.
    Lives(InstanceId, usize),
    /// So many repairs were begun.
    Repairs(usize),
    /// At least so many repairs were begun.
    RepairsAtLeast(usize),
    /// So many times a person was called.
    Escalations(usize),
    /// An engine runs, or none does.
    Engine(bool),
}

impl Simulation {
    pub(crate) fn carry_out_deed(&mut self, deed: Deed) {
        self.story.world(self.agenda.now, || format!("{deed:?}"));
        match deed {
            Deed::Crash(instance, exit) => {
                if let Some(run) = self.world.running(&instance).cloned() {
                    self.life_ends(&run, exit);
                }
            }
            Deed::Turn(instance, mood, span) => {
                let until = span.map(|span| self.agenda.now.after(span));
                self.world.turn(&instance, mood, until);
            }
            Deed::DieAfter(instance, after) => self.make_mortal(&instance, after),
            Deed::BornAs(instance, mood) => self.world.nature(&instance).born = mood,
            Deed::IgnoreStop(instance, ignores) => self.world.nature(&instance).ignores_stop = ignores,
            Deed::FailCalls(instance, faults) => self.world.nature(&instance).faults.extend(faults),
            Deed::KillEngine => self.kill_engine(),
            Deed::StartEngine => self.start_engine(),
            Deed::Stall(span) => self.stall(span),
            Deed::BreakJournal(broken) => {
                self.journal.broken = broken.then(|| "no space left on device".to_owned());
            }
            Deed::Reload(policy) => self.reload(*policy),
            Deed::ReloadBadly(problem) => {
                self.tell(Event::PolicyRejected { origin: "file".to_owned(), problems: vec![problem] });
            }
            Deed::Ask(wish) => self.ask(wish),
            Deed::Requests(service, span) => self.requests_come(service, span),
            Deed::Expect(expectation) => self.check_expectation(&expectation),
        }
    }

    fn make_mortal(&mut self, instance: &InstanceId, after: Option<Millis>) {
        self.world.nature(instance).dies_after = after;
        if let (Some(after), Some(run)) = (after, self.world.running(instance).cloned()) {
            self.agenda.after(after, Item::Death { run, exit: Exit::Code { code: 1 } });
        }
    }

    fn stall(&mut self, span: Millis) {
        let until = self.agenda.now.after(span);
        let number = self.engine_number;
        if let Some(engine) = &mut self.engine {
            engine.stalled_until = until;
            self.auditor.stalled_until(until);
            self.agenda.at(until, Item::Wake { engine: number });
        }
    }

    /// Puts a policy in the place of the file that the engine reads; a running engine is told at once.
    pub(crate) fn reload(&mut self, policy: Policy) {
        self.put_policy(policy);
        let event = self.policy_event("file");
        self.tell(event);
    }

    pub(crate) fn ask(&mut self, wish: Wish) {
        let Some(engine) = &self.engine else { return };
        let memory = engine.state.memory();
        let waiting = || -> Option<ActionId> {
            let mut active = memory.active_actions();
            active.find(|(_, it)| matches!(it.stage, Stage::AwaitingApproval { .. })).map(|(id, _)| id)
        };
        let command = match wish {
            Wish::Exactly(command) => Some(command),
            Wish::ApproveWaiting => waiting().map(|action| Command::Approve { action }),
            Wish::RejectWaiting => waiting().map(|action| Command::Reject { action }),
            Wish::UndoLatest(instance) => {
                let begins_a_life = |class| matches!(class, ActionClass::Start | ActionClass::Restart);
                let mut done = memory.actions().rev().filter(|(_, it)| match &it.stage {
                    Stage::Verifying { .. } => true,
                    Stage::Finished { end, .. } => *end == Some(ActionEnd::Done),
                    _ => false,
                });
                let latest = done.find(|(_, it)| it.plan.target == instance && begins_a_life(it.plan.class));
                latest.map(|(action, _)| Command::Undo { action })
            }
        };
        if let Some(command) = command {
            self.tell(Event::Command { command, by: "ana".to_owned() });
        }
    }
}
