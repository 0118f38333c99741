//! The engine's shell in virtual time: takes events in, has the controller say what follows, makes the facts durable, then
//! does the rest. It does what the live shell does, in the same order.
//!
//! Always holds: nothing of a turn happens before the turn's facts are durable; after the first lost write nothing is begun.

use crate::agenda::Item;
use crate::hands::Outstanding;
use crate::journal::{Write, Written};
use crate::probes::Watched;
use crate::simulation::{KillPoint, Simulation};
use homeostat_controller::{Effect, Event, State, step};
use homeostat_saga::Executor;
use homeostat_vocabulary::{
    ActionId, Chance, CommandReply, Fact, Guard, InstanceId, Millis, Plan, Refusal, Signal, Timestamp,
};
use std::collections::{BTreeMap, VecDeque};

/// Events taken in one turn: their facts share one write.
const EVENTS_A_TURN_MAX: usize = 256;

/// Results of probes that wait; the oldest gives way.
const PROBES_WAITING_MAX: usize = 1_024;

/// How long any write takes.
const WRITE_TAKES: Millis = Millis(1);

/// The time between an engine's death and the next one, at least.
const RESTART_TAKES: Millis = Millis(1_000);

/// Facts between two checkpoints: few, so that every run reads some back.
const CHECKPOINT_EVERY: usize = 32;

/// A living engine.
pub(crate) struct Engine {
    pub(crate) state: State,
    pub(crate) chance: Chance,
    pub(crate) executor: Executor,
    /// Policies and commands.
    pub(crate) told: VecDeque<Event>,
    /// Starts and exits.
    pub(crate) lives: VecDeque<Signal>,
    /// Ends of sagas.
    pub(crate) ends: VecDeque<Event>,
    pub(crate) probes: VecDeque<Signal>,
    /// The effects that wait for the facts of their turn to be durable.
    pub(crate) after_write: Option<Vec<Effect>>,
    pub(crate) watches: BTreeMap<InstanceId, Watched>,
    pub(crate) watches_made: u64,
    pub(crate) calls: BTreeMap<u64, Outstanding>,
    pub(crate) calls_made: u64,
    pub(crate) gate_open: bool,
    /// Submissions on their way, by ticket.
    pub(crate) tickets: BTreeMap<u64, ActionId>,
    /// The actions that were let go on, by the ticket of the command.
    pub(crate) resumptions: BTreeMap<u64, ActionId>,
    pub(crate) tickets_made: u64,
    /// Actions that were begun before this engine and are handed over again once the first turn is durable.
    pub(crate) to_resume: Vec<Plan>,
    pub(crate) stalled_until: Timestamp,
    pub(crate) wake_noted: Option<Timestamp>,
    pub(crate) facts_since_checkpoint: usize,
}

impl Simulation {
    /// Tells a running engine something; without one, nobody hears it.
    pub(crate) fn tell(&mut self, event: Event) {
        if let Some(engine) = &mut self.engine {
            engine.told.push_back(event);
            self.turn_while_possible();
        }
    }

    pub(crate) fn hear_life(&mut self, signal: Signal) {
        if let Some(engine) = &mut self.engine {
            engine.lives.push_back(signal);
            self.turn_while_possible();
        }
    }

    pub(crate) fn hear_probe(&mut self, signal: Signal) {
        if let Some(engine) = &mut self.engine {
            if engine.probes.len() == PROBES_WAITING_MAX {
                engine.probes.pop_front();
            }
            engine.probes.push_back(signal);
            self.turn_while_possible();
        }
    }

    pub(crate) fn wake(&mut self) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        engine.wake_noted = None;
        if engine.stalled_until <= now {
            engine.executor.tick(now.0);
        }
        self.carry_out_saga_effects();
        self.turn_while_possible();
    }

    /// Takes turns until there is nothing to hear, or a write has to be waited for; then notes when to wake.
    pub(crate) fn turn_while_possible(&mut self) {
        while self.auditor.verdict().is_ok()
            && let Some(turn) = self.gather()
        {
            self.take(turn);
        }
        self.note_wake();
    }

    fn gather(&mut self) -> Option<Vec<Event>> {
        let now = self.agenda.now;
        let engine = self.engine.as_mut()?;
        if engine.after_write.is_some() || engine.stalled_until > now {
            return None;
        }
        let mut turn: Vec<Event> = engine.told.drain(..).collect();
        // Starts and exits go before the ends of sagas: an end heard before the life it began is known would have it begun again.
        turn.extend(engine.lives.drain(..).map(Event::Signal));
        turn.extend(engine.ends.drain(..));
        if turn.is_empty() && engine.state.wake_at().is_some_and(|at| at <= now) {
            turn.push(Event::Tick);
        }
        while turn.len() < EVENTS_A_TURN_MAX
            && let Some(signal) = engine.probes.pop_front()
        {
            turn.push(Event::Signal(signal));
        }
        (!turn.is_empty()).then_some(turn)
    }

    /// Takes a turn's events in: all facts in one write, then all the rest.
    pub(crate) fn take(&mut self, turn: Vec<Event>) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        let (mut facts, mut rest) = (Vec::new(), Vec::new());
        for event in turn {
            let ticked = event == Event::Tick;
            for effect in step(&mut engine.state, event, now, &mut engine.chance) {
                match effect {
                    Effect::Record(fact) => facts.push((now, fact)),
                    other => rest.push(other),
                }
            }
            if ticked {
                self.auditor.ticked(now, engine.state.wake_at());
            }
        }
        if facts.is_empty() {
            return self.carry_out(rest);
        }
        engine.after_write = Some(rest);
        self.ask_write(Write::Facts(facts));
    }

    pub(crate) fn ask_write(&mut self, write: Write) {
        self.journal.ask(write);
        let takes = Millis(WRITE_TAKES.0 + self.up_to(self.luck.write_slow_max).0);
        let number = self.counts.writes + self.journal.waiting() as u64;
        if self.kill == Some(KillPoint::BeforeWrite(number)) {
            self.kill = None;
            return self.engine_dies(self.journal.waiting() - 1);
        }
        self.agenda.after(takes, Item::Durable { engine: self.engine_number });
    }

    /// One writer, and one transaction for all that waits. Whoever waited for the end of a saga's write may hear of it before
    /// the controller hears of its own.
    pub(crate) fn waiting_writes_end(&mut self) {
        let mut done = Vec::new();
        for _ in 0..self.journal.waiting() {
            let Some(written) = self.journal.write() else { break };
            self.audit_written(&written);
            done.push(written);
            if self.kill == Some(KillPoint::AfterWrite(self.counts.writes)) {
                self.kill = None;
                return self.engine_dies(0);
            }
        }
        let (facts, sagas): (Vec<Written>, Vec<Written>) =
            done.into_iter().partition(|written| matches!(written, Written::Facts(..)));
        for written in sagas.into_iter().chain(facts) {
            self.heard_of_write(written);
        }
        self.turn_while_possible();
    }

    fn heard_of_write(&mut self, written: Written) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        match written {
            Written::Facts(facts, Ok(())) => {
                self.auditor.remembered(now, engine.state.memory(), self.journal.memory());
                engine.facts_since_checkpoint += facts.len();
                if engine.facts_since_checkpoint >= CHECKPOINT_EVERY {
                    engine.facts_since_checkpoint = 0;
                    self.journal.save_checkpoint();
                }
                let rest = engine.after_write.take().unwrap_or_default();
                self.carry_out(rest);
                self.auditor.carried_out();
                self.resume_actions();
            }
            Written::Facts(_, Err(reason)) => self.journal_lost(reason),
            Written::Saga(id, _, result) => {
                engine.executor.committed(&id, result, now.0);
                self.carry_out_saga_effects();
            }
        }
    }

    pub(crate) fn audit_written(&mut self, written: &Written) {
        let now = self.agenda.now;
        match written {
            Written::Facts(facts, Ok(())) => {
                self.counts.writes += 1;
                for (at, fact) in facts {
                    self.story.fact(*at, fact);
                    self.auditor.fact(*at, fact);
                }
            }
            Written::Saga(id, records, Ok(_)) => {
                self.counts.writes += 1;
                self.auditor.saga_records(id, records);
            }
            Written::Facts(_, Err(why)) => self.story.world(now, || format!("the journal loses facts: {why}")),
            Written::Saga(id, _, Err(why)) => self.story.world(now, || format!("the journal loses saga {id}: {why}")),
        }
    }

    /// Nothing of this turn may be begun, since its facts are not durable. Whoever asked for something is told so.
    fn journal_lost(&mut self, reason: String) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        let refusal = Refusal::Guarded { guard: Guard::Journal, reason: reason.clone() };
        let rest = engine.after_write.take().unwrap_or_default().into_iter().filter_map(|effect| match effect {
            Effect::Reply(_) => Some(Effect::Reply(Err(refusal.clone()))),
            Effect::Watch { .. } | Effect::Forget { .. } | Effect::Exit { .. } => Some(effect),
            _ => None,
        });
        let mut rest: Vec<Effect> = rest.collect();
        rest.extend(step(&mut engine.state, Event::JournalLost { reason }, now, &mut engine.chance));
        self.carry_out(rest);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        self.auditor.carries_out(self.agenda.now, self.journal.facts_wait());
        for effect in effects {
            match effect {
                Effect::Record(fact) => unreachable!("{fact:?} was written before"),
                Effect::Carry(plan) => self.submit(&plan),
                Effect::Resume { action, saga, by } => self.let_go_on(action, &saga, &by),
                Effect::Watch { instance, run, ports: _, check } => self.watch(instance, run, check),
                Effect::Forget { instance } => self.forget(&instance),
                Effect::Gate { open } => self.set_gate(open),
                Effect::Reply(answer) => self.replied(&answer),
                Effect::Exit { services_kept } => return self.engine_ends(services_kept),
            }
        }
        self.carry_out_saga_effects();
    }

    fn replied(&mut self, answer: &Result<CommandReply, Refusal>) {
        self.story.reply(self.agenda.now, answer);
    }

    fn set_gate(&mut self, open: bool) {
        let now = self.agenda.now;
        if let Some(engine) = &mut self.engine {
            engine.gate_open = open;
            engine.executor.set_acting(open, now.0);
        }
    }

    fn note_wake(&mut self) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        if engine.stalled_until > now {
            return;
        }
        let of_controller = engine.state.wake_at().filter(|_| engine.after_write.is_none());
        let of_sagas = engine.executor.wake_at_ms().map(Timestamp);
        let Some(at) = of_controller.into_iter().chain(of_sagas).min() else { return };
        if engine.wake_noted.is_none_or(|noted| at < noted) {
            engine.wake_noted = Some(at);
            self.agenda.at(at, Item::Wake { engine: self.engine_number });
        }
    }

    /// The engine ends in good order; what the sagas still had to write is written.
    fn engine_ends(&mut self, services_kept: bool) {
        let now = self.agenda.now;
        self.audit_exit(services_kept);
        let able = self.engine.as_ref().is_some_and(|it| it.state.status(now).cannot_act.is_none());
        self.engine = None;
        self.engine_number += 1;
        for written in self.journal.crash(self.journal.waiting()) {
            self.audit_written(&written);
        }
        if able {
            self.journal.ask(Write::Facts(vec![(now, Fact::EngineStopped { services_kept })]));
            for written in self.journal.crash(1) {
                self.audit_written(&written);
            }
            self.journal.save_checkpoint();
        }
        self.start_again_later();
    }

    /// After an orderly end that was to take the services along nothing runs, but where a stuck saga has called a person already.
    fn audit_exit(&mut self, services_kept: bool) {
        let Some(engine) = &self.engine else { return };
        let left_to_person =
            |target: &str| engine.executor.sagas().any(|saga| saga.rest.is_some() && saga.target == target);
        let left = self.world.adopt().into_iter().find(|sighting| {
            sighting.ended.is_none() && !services_kept && !left_to_person(&sighting.instance.to_string())
        });
        if let Some(left) = left {
            self.auditor.broken(self.agenda.now, format!("the engine ended and left {} running", left.instance));
        }
    }

    /// The engine is killed; of the writes under way some reach the disk, some do not.
    pub(crate) fn kill_engine(&mut self) {
        let kept = self.up_to(Millis(self.journal.waiting() as u64)).0;
        self.engine_dies(usize::try_from(kept).expect("no more than waits"));
    }

    pub(crate) fn engine_dies(&mut self, kept: usize) {
        if self.engine.take().is_none() {
            return;
        }
        self.story.world(self.agenda.now, || "the engine is killed".to_owned());
        self.engine_number += 1;
        for written in self.journal.crash(kept) {
            self.audit_written(&written);
        }
        self.start_again_later();
    }

    fn start_again_later(&mut self) {
        if self.supervised {
            let late = self.up_to(self.luck.restart_late_max);
            self.agenda.after(Millis(RESTART_TAKES.0 + late.0), Item::EngineStarts);
        }
    }
}
