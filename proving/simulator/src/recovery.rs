//! How an engine begins: memory from the journal, the drivers' word of what runs, and the sagas that were under way.
//!
//! Always holds: nothing is begun before the drivers have told what runs.

use crate::engine::Engine;
use crate::hands::ended;
use crate::simulation::Simulation;
use homeostat_act::{end_of, saga_of};
use homeostat_controller::{Event, Stage, State};
use homeostat_saga::{
    AlarmKind, Command as SagaCommand, Effect, Executor, Extra, Limits, Reply, SagaError, SagaEvent, SagaId,
};
use homeostat_vocabulary::{ActionEnd, ActionId, Chance, Millis, Plan, Signal, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// The grace of a service that is no longer declared.
const GRACE_UNDECLARED: Millis = Millis(10_000);

impl Simulation {
    /// Starts an engine, unless one runs; on a broken disk it gives up and is tried again later.
    pub(crate) fn start_engine(&mut self) {
        if self.engine.is_some() {
            return;
        }
        let now = self.agenda.now;
        let number = self.engine_number;
        let Some((lease, loaded)) = self.journal.take_over(&format!("engine {number}")) else {
            self.story.world(now, || "an engine cannot start: the journal takes no writes".to_owned());
            return self.agenda.after(Millis::from_secs(5), crate::agenda::Item::EngineStarts);
        };
        self.counts.engines += 1;
        self.story.world(now, || "an engine starts".to_owned());
        let memory = self.journal.recall();
        self.auditor.recalled(now, &memory, self.journal.memory());
        let running = memory.active_actions().filter(|(_, it)| it.stage == Stage::Running);
        let to_resume = running.map(|(_, it)| it.plan.clone()).collect();
        let mut executor = Executor::new(lease, Limits::default(), false);
        executor.adopt(loaded, now.0);
        self.engine = Some(Engine {
            state: State::remembering(memory),
            chance: Chance::from_seed(self.seed ^ (number << 32)),
            executor,
            told: VecDeque::new(),
            lives: VecDeque::new(),
            ends: VecDeque::new(),
            probes: VecDeque::new(),
            after_write: None,
            watches: BTreeMap::new(),
            watches_made: 0,
            calls: BTreeMap::new(),
            calls_made: 0,
            gate_open: false,
            tickets: BTreeMap::new(),
            resumptions: BTreeMap::new(),
            tickets_made: 0,
            to_resume,
            stalled_until: Timestamp(0),
            wake_noted: None,
            facts_since_checkpoint: 0,
        });
        let pid = u32::try_from(number).unwrap_or(u32::MAX);
        let boot = Event::Boot { version: "simulated".to_owned(), pid, signals: self.found_by_driver() };
        self.take(vec![self.policy_event("start"), boot]);
        self.carry_out_saga_effects();
        self.turn_while_possible();
    }

    fn found_by_driver(&self) -> Vec<Signal> {
        let now = self.agenda.now;
        self.world.adopt().iter().flat_map(|sighting| sighting.signals(now, true)).collect()
    }

    /// Every action that was begun and not heard of since is handed over again.
    pub(crate) fn resume_actions(&mut self) {
        let Some(engine) = &mut self.engine else { return };
        for plan in std::mem::take(&mut engine.to_resume) {
            self.submit(&plan);
        }
        self.carry_out_saga_effects();
    }

    /// Hands a plan to the saga engine. Its name makes it happen once, however often it is handed over.
    ///
    /// A saga that is parked or stuck on the same target would hold it for ever: it is told to try again first, since whoever
    /// made this plan wants the instance to go on.
    pub(crate) fn submit(&mut self, plan: &Plan) {
        let now = self.agenda.now;
        let grace = self.policy.services.get(&plan.target.service).map_or(GRACE_UNDECLARED, |it| it.stop.grace);
        let Some(engine) = &mut self.engine else { return };
        engine.tickets_made += 1;
        let ticket = engine.tickets_made;
        match saga_of(plan, grace) {
            Ok(saga) => {
                engine.tickets.insert(ticket, plan.action);
                engine.executor.submit(ticket, saga, Extra::default(), now.0);
            }
            Err(error) => {
                let end = ActionEnd::Undone { cause: error.to_string() };
                engine.ends.push_back(Event::ActionEnded { action: plan.action, end });
            }
        }
    }

    /// A person, or a later action on the same instance, lets an action go on; if it cannot, it is where it was.
    pub(crate) fn let_go_on(&mut self, action: ActionId, saga: &str, by: &str) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        engine.tickets_made += 1;
        engine.resumptions.insert(engine.tickets_made, action);
        engine.executor.command(engine.tickets_made, &SagaId(saga.to_owned()), SagaCommand::Resume, by, now.0);
    }

    pub(crate) fn carry_out_saga_effects(&mut self) {
        while let Some(engine) = &mut self.engine {
            let effects = engine.executor.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                // A crash in the middle of these takes the rest with it.
                if self.engine.is_none() {
                    return;
                }
                match effect {
                    Effect::Commit(batch) => self.ask_write(crate::journal::Write::Saga(batch)),
                    Effect::Call(call) => self.call(call),
                    Effect::Abandon(call) => self.abandon_call(&call),
                    Effect::Reply { ticket, reply } => self.submission_answered(ticket, reply),
                    Effect::Event(event) => self.hear_saga(event),
                }
            }
        }
    }

    fn submission_answered(&mut self, ticket: u64, reply: Result<Reply, SagaError>) {
        let Some(engine) = &mut self.engine else { return };
        if let Some(action) = engine.resumptions.remove(&ticket) {
            if let Err(error) = reply {
                let end = ActionEnd::Stuck { why: error.to_string() };
                engine.ends.push_back(Event::ActionEnded { action, end });
            }
            return;
        }
        let Some(action) = engine.tickets.remove(&ticket) else { return };
        match reply {
            Ok(Reply::Accepted | Reply::Obeyed) => {}
            // With another definition it is still the same saga: the policy changed between two engines, and with it the limits
            // that a new saga would get. It goes on with its own.
            Ok(Reply::Open | Reply::Ended) | Err(SagaError::IdReused(_)) => {
                let Some(plan) = engine.state.memory().action(action).map(|it| it.plan.clone()) else { return };
                let id = SagaId(plan.saga);
                let open = engine.executor.saga(&id).and_then(homeostat_saga::Saga::standing);
                if let Some(end) = open.or_else(|| self.journal.end_of(&id).cloned()) {
                    engine.ends.push_back(Event::ActionEnded { action, end: end_of(&end) });
                }
            }
            Err(SagaError::Halted { why }) => engine.told.push_back(Event::JournalLost { reason: why }),
            Err(error) => {
                let end = ActionEnd::Undone { cause: error.to_string() };
                engine.ends.push_back(Event::ActionEnded { action, end });
            }
        }
    }

    fn hear_saga(&mut self, event: SagaEvent) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        match event {
            SagaEvent::Ended { id, end, .. } => {
                let action = action_of(&id);
                let known = action.and_then(|action| engine.state.memory().action(action));
                if let (Some(action), true) = (action, known.is_some_and(|it| it.plan.saga == id.0)) {
                    engine.ends.push_back(ended(action, &end));
                }
            }
            SagaEvent::Halted { why } => engine.told.push_back(Event::JournalLost { reason: why }),
            SagaEvent::Alarm(alarm) if matches!(alarm.kind, AlarmKind::Parked | AlarmKind::Stuck) => {
                self.story.world(now, || format!("saga alarm: {alarm:?}"));
            }
            SagaEvent::Alarm(alarm) => {
                let action = alarm.id.as_ref().and_then(action_of);
                engine.told.push_back(Event::Alarm { action, code: alarm.kind.code().to_owned(), why: alarm.why });
            }
            SagaEvent::StepStarted { .. } | SagaEvent::StepEnded { .. } | SagaEvent::TurnedBack { .. } => {}
        }
    }
}

/// The action of a saga, from its name `A12-9f3a0b1c`.
fn action_of(id: &SagaId) -> Option<ActionId> {
    id.0.split_once('-')?.0.parse().ok()
}
