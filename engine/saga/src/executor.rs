//! The executor without I/O: all open sagas, who may act, what to write and call next.
//!
//! Driven by the [`Runner`](crate::Runner) under tokio and by a simulator in virtual time: the driver carries out the
//! [`Effect`]s and reports back. What always holds: at most one write is under way for a saga; a call is handed out only
//! after the write that holds its intent was reported durable. It must never touch a clock, a thread or the world.
//!
//! A synchronous driver is a loop: take the effects; commit a batch and report [`Executor::committed`]; make a call,
//! now or later, and report [`Executor::answered`]; move the time to [`Executor::wake_at_ms`] and [`Executor::tick`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::call::{Answer, Call, SagaId};
use crate::decide::{self, Command, NewSaga, Turn};
use crate::error::{LedgerError, SagaError};
use crate::event::{Alarm, AlarmKind, SagaEvent};
use crate::invariants;
use crate::ledger::{Batch, Extra, Lease, Loaded};
use crate::roster::Roster;
use crate::saga::Saga;

mod events;

/// Commands waiting for one saga's write to finish.
const INBOX_MAX: usize = 64;

/// How much one executor takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sagas acting at once, over all targets.
    pub running_max: usize,
    /// Open sagas, acting, waiting or resting.
    pub open_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { running_max: 64, open_max: 4096 }
    }
}

/// What the driver of the executor has to carry out.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Commit this and report [`Executor::committed`].
    Commit(Box<Batch>),
    /// Make this call and report [`Executor::answered`], or [`Executor::withheld`] if it was not made.
    Call(Call),
    /// Nobody waits for this call any more; its answer would be ignored.
    Abandon(Call),
    /// Answer to the submission or command with this ticket; durable by now.
    Reply {
        /// The number given by the asker.
        ticket: u64,
        /// The answer.
        reply: Result<Reply, SagaError>,
    },
    /// Tell the owner.
    Event(SagaEvent),
}

/// What became of a submission or command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// A new saga, durable by now.
    Accepted,
    /// The same saga was submitted before and is still open.
    Open,
    /// The same saga was submitted before and is over.
    Ended,
    /// The command is durable and being followed.
    Obeyed,
}

/// All open sagas of one ledger.
#[derive(Debug, Clone)]
pub struct Executor {
    lease: Lease,
    limits: Limits,
    acting: bool,
    halted: Option<String>,
    sagas: BTreeMap<SagaId, Entry>,
    refused: BTreeMap<SagaId, SagaError>,
    roster: Roster,
    timers: BTreeSet<(u64, SagaId)>,
    effects: Vec<Effect>,
}

#[derive(Debug, Clone)]
struct Entry {
    saga: Saga,
    version: u64,
    writing: Option<Writing>,
    inbox: VecDeque<Input>,
    out: Option<Call>,
    wake_at_ms: Option<u64>,
}

#[derive(Debug, Clone)]
struct Writing {
    turn: Turn,
    tickets: Vec<(u64, Reply)>,
}

#[derive(Debug, Clone)]
enum Input {
    Take,
    Answered(Call, Answer),
    Withheld(Call),
    Command { ticket: u64, command: Command, by: String },
}

impl Executor {
    /// An executor with nothing to do yet; hand it the open sagas with [`Executor::adopt`].
    pub fn new(lease: Lease, limits: Limits, acting: bool) -> Self {
        Self {
            lease,
            limits,
            acting,
            halted: None,
            sagas: BTreeMap::new(),
            refused: BTreeMap::new(),
            roster: Roster::new(limits.running_max),
            timers: BTreeSet::new(),
            effects: Vec::new(),
        }
    }

    /// Takes over sagas found in the ledger: resting and refused ones keep their target, begun ones go before those
    /// that still wait, the rest in order of age.
    pub fn adopt(&mut self, loaded: Vec<Loaded>, now_ms: u64) {
        let mut joining = Vec::new();
        for Loaded { id, version, target, saga } in loaded {
            match saga {
                Ok(saga) => {
                    if saga.rest.is_some() {
                        self.roster.hold(&id, &saga.target);
                    } else {
                        joining.push((!saga.has_begun(), saga.created_at_ms, id.clone(), saga.target.clone()));
                    }
                    let inbox = VecDeque::from([Input::Take]);
                    self.sagas.insert(id, Entry { saga, version, writing: None, inbox, out: None, wake_at_ms: None });
                }
                Err(error) => self.refuse(id, target.as_deref(), error),
            }
        }
        joining.sort();
        for (_, _, id, target) in &joining {
            self.roster.join(id, target);
        }
        self.roster.admit();
        let ids: Vec<SagaId> = self.sagas.keys().cloned().collect();
        ids.iter().for_each(|id| self.drive(id, now_ms));
    }

    fn refuse(&mut self, id: SagaId, target: Option<&str>, error: SagaError) {
        if let Some(target) = target {
            self.roster.hold(&id, target);
        }
        let alarm = Alarm { id: Some(id.clone()), kind: AlarmKind::Refused, why: error.to_string() };
        self.effects.push(Effect::Event(SagaEvent::Alarm(alarm)));
        self.refused.insert(id, error);
    }

    /// Begins a saga, or recognises one submitted before. `extra` becomes durable with its creation.
    pub fn submit(&mut self, ticket: u64, new: NewSaga, extra: Extra, now_ms: u64) {
        match self.recognise(&new) {
            Ok(None) => self.begin(ticket, new, extra, now_ms),
            Ok(Some(Reply::Accepted)) => {
                let writing = self.sagas.get_mut(&new.id).and_then(|entry| entry.writing.as_mut());
                writing.expect("a saga without a version is being written").tickets.push((ticket, Reply::Open));
            }
            Ok(Some(known)) => self.effects.push(Effect::Reply { ticket, reply: Ok(known) }),
            Err(error) => self.effects.push(Effect::Reply { ticket, reply: Err(error) }),
        }
    }

    /// `Accepted` stands for: known, but its creation is not durable yet.
    fn recognise(&self, new: &NewSaga) -> Result<Option<Reply>, SagaError> {
        if let Some(why) = &self.halted {
            return Err(SagaError::Halted { why: why.clone() });
        }
        if let Some(error) = self.refused.get(&new.id) {
            return Err(error.clone());
        }
        let Some(entry) = self.sagas.get(&new.id) else {
            new.validate()?;
            let open = self.sagas.len();
            return if open < self.limits.open_max { Ok(None) } else { Err(SagaError::Full { open }) };
        };
        if entry.saga.definition != new.definition || entry.saga.target != new.target {
            return Err(SagaError::IdReused(new.id.clone()));
        }
        Ok(Some(if entry.version == 0 { Reply::Accepted } else { Reply::Open }))
    }

    fn begin(&mut self, ticket: u64, new: NewSaga, extra: Extra, now_ms: u64) {
        let id = new.id.clone();
        self.roster.join(&id, &new.target);
        self.admit(now_ms);
        let may_call = self.acting && self.roster.runs(&id);
        let turn = decide::create(new, &self.lease.owner, self.lease.fencing, now_ms, may_call);
        let saga = turn.after.clone();
        let entry = Entry { saga, version: 0, writing: None, inbox: VecDeque::new(), out: None, wake_at_ms: None };
        self.sagas.insert(id.clone(), entry);
        self.write(&id, turn, vec![(ticket, Reply::Accepted)], extra);
    }

    /// A person's or the owner's command.
    pub fn command(&mut self, ticket: u64, id: &SagaId, command: Command, by: &str, now_ms: u64) {
        let refusal = match (&self.halted, self.sagas.get_mut(id)) {
            (Some(why), _) => SagaError::Halted { why: why.clone() },
            (None, None) => self.refused.get(id).cloned().unwrap_or_else(|| SagaError::NotOpen(id.clone())),
            (None, Some(entry)) if entry.inbox.len() < INBOX_MAX => {
                entry.inbox.push_back(Input::Command { ticket, command, by: by.to_owned() });
                return self.drive(id, now_ms);
            }
            (None, Some(_)) => SagaError::NotNow { saga: id.clone(), why: "too many commands wait for it" },
        };
        self.effects.push(Effect::Reply { ticket, reply: Err(refusal) });
    }

    /// Reports the answer to a call.
    pub fn answered(&mut self, call: Call, answer: Answer, now_ms: u64) {
        self.returned(&call.saga.clone(), Input::Answered(call, answer.bounded()), now_ms);
    }

    /// Reports that a call was not made because acting was switched off meanwhile.
    pub fn withheld(&mut self, call: Call, now_ms: u64) {
        self.returned(&call.saga.clone(), Input::Withheld(call), now_ms);
    }

    fn returned(&mut self, id: &SagaId, input: Input, now_ms: u64) {
        let Some(entry) = self.sagas.get_mut(id) else { return };
        entry.out = None;
        entry.inbox.push_back(input);
        self.drive(id, now_ms);
    }

    /// Switches acting on or off. Off, no call is handed out; results, timers and commands still count.
    pub fn set_acting(&mut self, acting: bool, now_ms: u64) {
        self.acting = acting;
        let ids: Vec<SagaId> = if acting { self.sagas.keys().cloned().collect() } else { Vec::new() };
        ids.iter().for_each(|id| self.drive(id, now_ms));
    }

    /// Reports what became of the write of one saga.
    pub fn committed(&mut self, id: &SagaId, result: Result<u64, LedgerError>, now_ms: u64) {
        if self.halted.is_some() {
            return;
        }
        let Some(entry) = self.sagas.get_mut(id) else { return };
        let Some(Writing { turn, tickets }) = entry.writing.take() else { return };
        match result {
            Ok(version) => {
                let rested = entry.version > 0 && entry.saga.rest.is_some();
                entry.version = version;
                self.effects
                    .extend(tickets.into_iter().map(|(ticket, reply)| Effect::Reply { ticket, reply: Ok(reply) }));
                self.settle(id, turn, rested, now_ms);
            }
            Err(LedgerError::Exists(_)) if entry.version == 0 => {
                let reply = |ticket| Effect::Reply { ticket, reply: Ok(Reply::Ended) };
                self.effects.extend(tickets.into_iter().map(|(ticket, _)| reply(ticket)));
                self.forget(id, now_ms);
            }
            Err(error) => {
                entry.writing = Some(Writing { turn, tickets });
                self.halt(&error.to_string());
            }
        }
    }

    /// The turn is durable: tell, call, and go on.
    fn settle(&mut self, id: &SagaId, turn: Turn, rested: bool, now_ms: u64) {
        let Turn { records, call, after, .. } = turn;
        debug_assert_eq!(invariants::check(&after), Ok(()), "after {records:?}");
        self.effects.extend(records.iter().flat_map(|record| events::of(&after, record)).map(Effect::Event));
        let entry = self.sagas.get_mut(id).expect("only open sagas are written");
        entry.saga = after;
        if let Some(out) = entry.out.take_if(|out| !decide::awaits(&entry.saga, out)) {
            self.effects.push(Effect::Abandon(out));
        }
        if let Some(call) = call {
            if self.acting {
                entry.out = Some(call.clone());
                self.effects.push(Effect::Call(call));
            } else {
                entry.inbox.push_back(Input::Withheld(call));
            }
        }
        let (over, rests) = (entry.saga.end.is_some(), entry.saga.rest.is_some());
        if over {
            return self.forget(id, now_ms);
        }
        if rests {
            self.roster.rest(id);
            self.admit(now_ms);
        } else if rested {
            let target = entry.saga.target.clone();
            self.roster.wake(id, &target);
            self.admit(now_ms);
        }
        self.drive(id, now_ms);
    }

    fn forget(&mut self, id: &SagaId, now_ms: u64) {
        let Some(entry) = self.sagas.remove(id) else { return };
        self.sleep_until(id, entry.wake_at_ms, None);
        for input in entry.inbox {
            if let Input::Command { ticket, .. } = input {
                self.effects.push(Effect::Reply { ticket, reply: Err(SagaError::NotOpen(id.clone())) });
            }
        }
        self.roster.leave(id, &entry.saga.target);
        self.admit(now_ms);
    }

    fn admit(&mut self, now_ms: u64) {
        for id in self.roster.admit() {
            self.drive(&id, now_ms);
        }
    }

    /// Moves the time on.
    pub fn tick(&mut self, now_ms: u64) {
        while let Some((at_ms, id)) = self.timers.first().cloned() {
            if at_ms > now_ms {
                return;
            }
            self.timers.remove(&(at_ms, id.clone()));
            if let Some(entry) = self.sagas.get_mut(&id) {
                entry.wake_at_ms = None;
            }
            self.drive(&id, now_ms);
        }
    }

    /// When [`Executor::tick`] is due next.
    pub fn wake_at_ms(&self) -> Option<u64> {
        self.timers.first().map(|(at_ms, _)| *at_ms)
    }

    /// Works off the saga's inbox, or asks what time has brought, up to the next write.
    fn drive(&mut self, id: &SagaId, now_ms: u64) {
        let may_call = self.acting && self.roster.runs(id);
        while self.halted.is_none() {
            let Some(entry) = self.sagas.get_mut(id).filter(|entry| entry.writing.is_none()) else { return };
            let saga = &entry.saga;
            let mut tickets = Vec::new();
            let turn = match entry.inbox.pop_front() {
                None => {
                    let turn = decide::next(saga, now_ms, may_call);
                    return self.write(id, turn, tickets, Extra::default());
                }
                Some(Input::Take) => Some(decide::take(saga, &self.lease.owner, self.lease.fencing, now_ms, may_call)),
                Some(Input::Answered(call, answer)) => decide::answer(saga, &call, answer, now_ms, may_call),
                Some(Input::Withheld(call)) => decide::withheld(saga, &call, now_ms),
                Some(Input::Command { ticket, command, by }) => {
                    tickets.push((ticket, Reply::Obeyed));
                    let turn = decide::command(saga, command, &by, now_ms, may_call);
                    turn.map_err(|error| self.effects.push(Effect::Reply { ticket, reply: Err(error) })).ok()
                }
            };
            if let Some(turn) = turn {
                return self.write(id, turn, tickets, Extra::default());
            }
        }
    }

    fn write(&mut self, id: &SagaId, turn: Turn, tickets: Vec<(u64, Reply)>, extra: Extra) {
        let Some(entry) = self.sagas.get_mut(id) else { return };
        let (before, wake_at_ms) = (entry.wake_at_ms, turn.wake_at_ms.filter(|_| turn.records.is_empty()));
        entry.wake_at_ms = wake_at_ms;
        if !turn.records.is_empty() {
            self.effects.push(Effect::Commit(Box::new(Batch {
                saga: turn.after.clone(),
                expected_version: entry.version,
                fencing: self.lease.fencing,
                records: turn.records.clone(),
                extra,
            })));
            entry.writing = Some(Writing { turn, tickets });
        }
        self.sleep_until(id, before, wake_at_ms);
    }

    fn sleep_until(&mut self, id: &SagaId, before: Option<u64>, at_ms: Option<u64>) {
        if let Some(before) = before {
            self.timers.remove(&(before, id.clone()));
        }
        if let Some(at_ms) = at_ms {
            self.timers.insert((at_ms, id.clone()));
        }
    }

    /// Stops acting for good: every question still open is answered with the cause.
    pub fn halt(&mut self, why: &str) {
        if self.halted.is_some() {
            return;
        }
        self.halted = Some(why.to_owned());
        self.acting = false;
        self.timers.clear();
        self.effects.retain(|effect| !matches!(effect, Effect::Call(_) | Effect::Commit(_)));
        let reply = |ticket| Effect::Reply { ticket, reply: Err(SagaError::Halted { why: why.to_owned() }) };
        for entry in self.sagas.values_mut() {
            let written = entry.writing.take().into_iter().flat_map(|writing| writing.tickets);
            self.effects.extend(written.map(|(ticket, _)| reply(ticket)));
            for input in entry.inbox.drain(..) {
                if let Input::Command { ticket, .. } = input {
                    self.effects.push(reply(ticket));
                }
            }
        }
        self.effects.push(Effect::Event(SagaEvent::Halted { why: why.to_owned() }));
    }

    /// Why it stopped acting, if it did.
    pub fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    /// What there is to carry out, in this order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The open sagas, as last written.
    pub fn sagas(&self) -> impl Iterator<Item = &Saga> {
        self.sagas.values().filter(|entry| entry.version > 0).map(|entry| &entry.saga)
    }

    /// One open saga, as last written.
    pub fn saga(&self, id: &SagaId) -> Option<&Saga> {
        self.sagas.get(id).filter(|entry| entry.version > 0).map(|entry| &entry.saga)
    }

    /// Who acts on a target, or holds it.
    pub fn holder(&self, target: &str) -> Option<&SagaId> {
        self.roster.holder(target)
    }
}
