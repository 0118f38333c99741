//! Drives the real executor synchronously, in virtual time, over a storage that can crash and reopen.
//!
//! One run = submissions, then effects in an order drawn from a seed, with at most one planned crash and restart. The
//! invariants are in `judge`, written once and used by every test of crashes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use homeostat_saga::{
    AlarmKind, Batch, Call, Command, Effect, End, Executor, Extra, JournalLedger, Lease, Ledger, LedgerError, Limits,
    Loaded, LogRecord, MemoryLedger, NewSaga, Position, Reply, Saga, SagaError, SagaEvent, SagaId, Undo, invariants,
};
use homeostat_store::{Journal, Options};

use crate::world::{Mood, World};

/// A ledger that can be closed and opened again.
pub trait Storage {
    fn open(&mut self) -> (Lease, Vec<Loaded>);
    fn commit(&mut self, batch: Batch) -> Result<u64, LedgerError>;
    fn load(&self) -> Vec<Loaded>;
    fn ended(&self, id: &SagaId) -> Option<End>;
    fn log(&self, id: &SagaId) -> Vec<LogRecord>;
}

impl Storage for MemoryLedger {
    fn open(&mut self) -> (Lease, Vec<Loaded>) {
        self.reopen();
        (self.take_lease_now("test").unwrap(), self.load_open_now())
    }
    fn commit(&mut self, batch: Batch) -> Result<u64, LedgerError> {
        self.commit_now(batch)
    }
    fn load(&self) -> Vec<Loaded> {
        self.load_open_now()
    }
    fn ended(&self, id: &SagaId) -> Option<End> {
        self.contents().ended.get(id).map(|ended| ended.end.clone())
    }
    fn log(&self, id: &SagaId) -> Vec<LogRecord> {
        self.contents().log.into_iter().filter(|(saga, _)| saga == id).map(|(_, record)| record).collect()
    }
}

/// The journal ledger on a real folder; opening closes the journal and opens it again.
pub struct OnDisk {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    open: Option<(Journal, JournalLedger)>,
}

impl OnDisk {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), runtime, open: None }
    }
    pub fn journal(&self) -> &Journal {
        &self.open.as_ref().expect("opened").0
    }
    fn ledger(&self) -> &JournalLedger {
        &self.open.as_ref().expect("opened").1
    }
}

impl Storage for OnDisk {
    fn open(&mut self) -> (Lease, Vec<Loaded>) {
        if let Some((journal, ledger)) = self.open.take() {
            drop(ledger);
            journal.close();
        }
        let journal = Journal::open(self.folder.path(), Options::default()).unwrap();
        self.open = Some((journal.clone(), JournalLedger::new(journal)));
        (self.runtime.block_on(self.ledger().take_lease("test")).unwrap(), self.load())
    }
    fn commit(&mut self, batch: Batch) -> Result<u64, LedgerError> {
        self.runtime.block_on(self.ledger().commit(batch))
    }
    fn load(&self) -> Vec<Loaded> {
        self.runtime.block_on(self.ledger().load_open()).unwrap()
    }
    fn ended(&self, id: &SagaId) -> Option<End> {
        self.runtime.block_on(self.ledger().ended(id)).unwrap().map(|ended| ended.end)
    }
    fn log(&self, id: &SagaId) -> Vec<LogRecord> {
        let entries = self.journal().reader().unwrap().entries(1, 100_000).unwrap();
        let records = entries.into_iter().filter(|entry| entry.record.kind.starts_with("saga."));
        let records =
            records.map(|entry| serde_json::from_slice::<homeostat_saga::JournalRecord>(&entry.record.payload));
        records.map(Result::unwrap).filter(|record| record.saga == *id).map(|record| record.record).collect()
    }
}

/// Where the engine dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// At the n-th write, which is lost.
    WriteLost(u64),
    /// At the n-th write, which is kept though nobody was told.
    WriteKept(u64),
    /// With the n-th intent durable and its call not made.
    BeforeCall(u64),
    /// After the n-th call, before its result is logged.
    AfterCall(u64),
}

/// A small generator, so that a seed alone repeats a run.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// Decides what the world does with a call.
pub type Moods = Box<dyn FnMut(&Call) -> Mood>;

pub struct Run<S> {
    pub storage: S,
    pub world: World,
    pub executor: Executor,
    pub now_ms: u64,
    pub moods: Moods,
    pub dice: Dice,
    pub limits: Limits,
    /// Planned deaths, each happening once.
    pub crashes: VecDeque<Crash>,
    pub restarts: u32,
    pub submitted: Vec<NewSaga>,
    pub replies: BTreeMap<u64, Result<Reply, SagaError>>,
    pub events: Vec<SagaEvent>,
    pub batches: Vec<Batch>,
    writes: u64,
    calls: u64,
    commits: VecDeque<Box<Batch>>,
    out: Vec<Call>,
    /// Calls made that are never answered, until the engine abandons them.
    hung: Vec<Call>,
    tickets: u64,
}

/// More turns than any run of these tests needs: a run that reaches it loops.
const TURNS_MAX: u32 = 100_000;

impl<S: Storage> Run<S> {
    pub fn new(storage: S, seed: u64, moods: Moods) -> Self {
        Self::with_limits(storage, seed, moods, Limits::default())
    }

    pub fn with_limits(mut storage: S, seed: u64, moods: Moods, limits: Limits) -> Self {
        let (lease, loaded) = storage.open();
        assert!(loaded.is_empty());
        Self {
            storage,
            world: World::default(),
            executor: Executor::new(lease, limits, true),
            now_ms: 1_000_000,
            moods,
            dice: Dice(seed),
            limits,
            crashes: VecDeque::new(),
            restarts: 0,
            submitted: Vec::new(),
            replies: BTreeMap::new(),
            events: Vec::new(),
            batches: Vec::new(),
            writes: 0,
            calls: 0,
            commits: VecDeque::new(),
            out: Vec::new(),
            hung: Vec::new(),
            tickets: 0,
        }
    }

    pub fn submit(&mut self, new: NewSaga) -> u64 {
        for (step, definition) in new.definition.definition().steps.iter().enumerate() {
            self.world.expect(homeostat_saga::StepKey::of(&new.id, step), definition.nature);
        }
        if self.submitted.iter().all(|known| known.id != new.id) {
            self.submitted.push(new.clone());
        }
        self.tickets += 1;
        self.executor.submit(self.tickets, new, Extra::default(), self.now_ms);
        self.tickets
    }

    /// The answer to a command, `None` when a planned crash swallowed it.
    pub fn command(&mut self, id: &SagaId, command: Command) -> Option<Result<Reply, SagaError>> {
        self.tickets += 1;
        let (ticket, restarts) = (self.tickets, self.restarts);
        self.executor.command(ticket, id, command, "ana", self.now_ms);
        self.until_quiet();
        let reply = self.replies.get(&ticket).cloned();
        assert!(reply.is_some() || self.restarts > restarts, "every command is answered");
        reply
    }

    /// Runs until nothing moves any more; a planned crash is followed by a restart.
    pub fn until_quiet(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.turn() {
                return;
            }
        }
        panic!("no end after {TURNS_MAX} turns");
    }

    /// One effect, answer or timer. False when there is none.
    pub fn turn(&mut self) -> bool {
        for effect in self.executor.take_effects() {
            match effect {
                Effect::Commit(batch) => self.commits.push_back(batch),
                Effect::Call(call) => self.out.push(call),
                Effect::Abandon(call) => {
                    self.out.retain(|out| *out != call);
                    self.hung.retain(|hung| *hung != call);
                }
                Effect::Reply { ticket, reply } => drop(self.replies.insert(ticket, reply)),
                Effect::Event(event) => self.events.push(event),
            }
        }
        self.check_exclusion();
        if !self.commits.is_empty() {
            let at = self.dice.roll(self.commits.len() as u64) as usize;
            let batch = self.commits.remove(at).unwrap();
            self.commit(*batch);
        } else if !self.out.is_empty() {
            let at = self.dice.roll(self.out.len() as u64) as usize;
            let call = self.out.remove(at);
            self.call(&call);
        } else if let Some(at_ms) = self.executor.wake_at_ms() {
            self.now_ms = self.now_ms.max(at_ms);
            if self.dice.roll(2) == 0 {
                self.world.settle();
            }
            self.executor.tick(self.now_ms);
        } else {
            return false;
        }
        true
    }

    /// Two sagas never act on one target, and never more than the cap at once.
    fn check_exclusion(&self) {
        let out: Vec<&Call> = self.out.iter().chain(&self.hung).collect();
        let targets: BTreeSet<&str> = out.iter().map(|call| call.target.as_str()).collect();
        assert_eq!(targets.len(), out.len(), "two calls on one target");
        assert!(out.len() <= self.limits.running_max, "more calls than the cap");
    }

    fn commit(&mut self, batch: Batch) {
        self.writes += 1;
        let (lost, kept) = (Crash::WriteLost(self.writes), Crash::WriteKept(self.writes));
        if self.crashes.front() == Some(&lost) {
            return self.crash();
        }
        let id = batch.saga.id.clone();
        let result = self.storage.commit(batch.clone());
        if self.crashes.front() == Some(&kept) {
            return self.crash();
        }
        if result.is_ok() {
            assert_eq!(invariants::check(&batch.saga), Ok(()));
            self.batches.push(batch);
        }
        self.executor.committed(&id, result, self.now_ms);
    }

    fn call(&mut self, call: &Call) {
        self.calls += 1;
        if self.crashes.front() == Some(&Crash::BeforeCall(self.calls)) {
            return self.crash();
        }
        self.check_intent(call);
        let mood = (self.moods)(call);
        let answer = self.world.call(call, mood);
        if self.crashes.front() == Some(&Crash::AfterCall(self.calls)) {
            return self.crash();
        }
        match answer {
            Some(answer) => self.executor.answered(call.clone(), answer, self.now_ms),
            None => self.hung.push(call.clone()),
        }
    }

    /// The intent of every call must be found in storage before the world feels it.
    fn check_intent(&self, call: &Call) {
        let loaded = self.storage.load().into_iter().find(|loaded| loaded.id == call.saga).expect("the saga is stored");
        let state = &loaded.saga.unwrap().steps[call.step];
        assert!(
            matches!(state.position, Position::Calling { verb, .. } if verb == call.verb),
            "{call:?} without intent"
        );
        assert_eq!(state.attempts, call.attempt);
    }

    /// The engine dies and another begins: what was in memory is gone.
    pub fn crash(&mut self) {
        self.crashes.pop_front();
        self.restart();
    }

    pub fn restart(&mut self) {
        self.restarts += 1;
        self.commits.clear();
        self.out.clear();
        self.hung.clear();
        self.events.clear();
        let (lease, loaded) = self.storage.open();
        self.executor = Executor::new(lease, self.limits, true);
        self.executor.adopt(loaded, self.now_ms);
        // Whoever was not answered asks again, as a caller must.
        let answered = |tickets: &BTreeMap<u64, _>, nth: usize| tickets.contains_key(&(nth as u64 + 1));
        let again: Vec<NewSaga> = (0..self.submitted.len())
            .filter(|nth| !answered(&self.replies, *nth))
            .map(|nth| self.submitted[nth].clone())
            .collect();
        for new in again {
            self.submit(new);
        }
    }

    pub fn saga(&self, id: &SagaId) -> Option<Saga> {
        self.storage.load().into_iter().find(|loaded| loaded.id == *id).map(|loaded| loaded.saga.unwrap())
    }

    pub fn standing(&self, id: &SagaId) -> Option<End> {
        self.storage.ended(id).or_else(|| self.saga(id).and_then(|saga| saga.standing()))
    }

    /// The calls made, as `verb step`.
    pub fn calls_made(&self) -> Vec<String> {
        self.world.calls.iter().map(|call| format!("{} {}", call.verb, call.name)).collect()
    }

    /// The invariants of every finished run.
    pub fn judge(&self) {
        for new in &self.submitted {
            self.judge_saga(new);
        }
    }

    fn judge_saga(&self, new: &NewSaga) {
        let id = &new.id;
        let end = self.standing(id).unwrap_or_else(|| panic!("saga {id} was lost or never came to rest"));
        for (step, definition) in new.definition.definition().steps.iter().enumerate() {
            let effect = self.world.effect(&homeostat_saga::StepKey::of(id, step));
            assert!(effect.times <= 1, "step {step} of {id} happened {} times", effect.times);
            match end {
                End::Done { .. } => assert!(effect.standing, "{id} is done, but the effect of step {step} is missing"),
                End::Undone { .. } if definition.undo != Undo::Nothing => {
                    assert!(!effect.standing, "{id} is undone, but the effect of step {step} stands");
                }
                _ => {}
            }
        }
        if let End::Parked { .. } | End::Stuck { .. } = end {
            let alarmed = self.events.iter().any(|event| {
                matches!(event, SagaEvent::Alarm(alarm) if alarm.id.as_ref() == Some(id)
                    && matches!(alarm.kind, AlarmKind::Parked | AlarmKind::Stuck))
            });
            assert!(alarmed, "{id} waits for a person, and nobody was told");
            let log = self.storage.log(id);
            assert_eq!(Saga::replay(&log), self.saga(id), "the document is not the fold of the log");
        }
    }

    /// A person looks at the world and settles whatever waits, until every saga is over.
    pub fn settle_by_hand(&mut self) {
        self.moods = Box::new(|_| Mood::Willing);
        self.world.settle();
        for _ in 0..100 {
            let resting = self.storage.load().into_iter().find_map(|loaded| {
                let saga = loaded.saga.unwrap();
                saga.rest.clone().map(|rest| (saga, rest))
            });
            let Some((saga, rest)) = resting else { return };
            let back = saga.direction != homeostat_saga::Direction::Forward;
            let happened = self.world.effect(&saga.key(rest.step)).times > 0;
            let command = match (back, happened) {
                (true, _) => Command::Resume,
                (false, true) => Command::Skip { output: serde_json::json!("seen by hand") },
                (false, false) => Command::Disprove,
            };
            if let Some(reply) = self.command(&saga.id, command) {
                reply.unwrap();
            }
        }
        panic!("it never ends, whatever a person does");
    }
}

impl Run<MemoryLedger> {
    /// All events of the log, in the order of writing.
    pub fn ledger_log(&self) -> Vec<homeostat_saga::Event> {
        self.storage.contents().log.into_iter().map(|(_, record)| record.event).collect()
    }
}
