//! The shell around the executor: carries out its effects under tokio and feeds the results back.
//!
//! One task owns it; everything reaches it as a message, a finished commit, a finished call, or time. What always holds:
//! the gate is looked at immediately before each call. It must never decide what a saga does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::board::Board;
use super::clock::Clock;
use super::{Message, RunnerOptions, Sight};
use crate::call::{Answer, Call, Hands, SagaId};
use crate::error::{LedgerError, SagaError};
use crate::event::SagaEvent;
use crate::executor::{Effect, Executor, Reply};
use crate::ledger::{Batch, Ledger};

/// Events waiting for the owner; beyond that no new call is made until some are read.
const EVENTS_WAITING_MAX: usize = 1024;

/// The shell shows a sign of life at least this often.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// Ended sagas are forgotten in bites of this size, this often.
const FORGET_LIMIT: usize = 1000;
const FORGET_EVERY: Duration = Duration::from_secs(600);

type CallName = (SagaId, usize, u32);

pub(super) struct Shell<L, H> {
    executor: Executor,
    ledger: Arc<L>,
    hands: Arc<H>,
    options: RunnerOptions,
    clock: Clock,
    board: Arc<Board>,
    gate: watch::Receiver<bool>,
    acting: bool,
    events: mpsc::Sender<SagaEvent>,
    outbox: VecDeque<SagaEvent>,
    commits: JoinSet<(SagaId, Result<u64, LedgerError>)>,
    calls: JoinSet<(Call, Option<Answer>)>,
    out: BTreeMap<CallName, (AbortHandle, Call)>,
    errands: JoinSet<()>,
    replies: BTreeMap<u64, oneshot::Sender<Result<Reply, SagaError>>>,
    tickets: u64,
    forget_at: Instant,
    stop: Option<(Instant, oneshot::Sender<()>)>,
}

impl<L: Ledger, H: Hands> Shell<L, H> {
    #[allow(clippy::too_many_arguments)] // each is one part, and only `Runner::recover` puts them together
    pub(super) fn new(
        executor: Executor,
        ledger: L,
        hands: H,
        options: RunnerOptions,
        clock: Clock,
        board: Arc<Board>,
        gate: watch::Receiver<bool>,
        events: mpsc::Sender<SagaEvent>,
    ) -> Self {
        Self {
            executor,
            ledger: Arc::new(ledger),
            hands: Arc::new(hands),
            acting: options.acting,
            options,
            clock,
            board,
            gate,
            events,
            outbox: VecDeque::new(),
            commits: JoinSet::new(),
            calls: JoinSet::new(),
            out: BTreeMap::new(),
            errands: JoinSet::new(),
            replies: BTreeMap::new(),
            tickets: 0,
            forget_at: Instant::now(),
            stop: None,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let events = self.events.clone();
        loop {
            self.keep_house();
            self.carry_out();
            if self.has_stopped() {
                break;
            }
            let wake_at = self.wake_at();
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.receive(message),
                    // Nobody holds a handle any more.
                    None => break,
                },
                Some(done) = self.commits.join_next() => self.committed(done),
                Some(done) = self.calls.join_next_with_id() => self.returned(done),
                Some(_) = self.errands.join_next() => {}
                room = events.reserve(), if !self.outbox.is_empty() => match room {
                    Ok(room) => room.send(self.outbox.pop_front().expect("the outbox is not empty")),
                    Err(_) => self.outbox.clear(),
                },
                Ok(()) = self.gate.changed() => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
        if let Some((_, stopped)) = self.stop {
            // The asker may have gone; the runner ends all the same.
            let _ = stopped.send(());
        }
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Time, sign of life, the gate, and forgetting what ended long ago.
    fn keep_house(&mut self) {
        let now_ms = self.now_ms();
        self.board.beat(now_ms);
        self.executor.tick(now_ms);
        let acting = *self.gate.borrow_and_update() && self.outbox.len() < EVENTS_WAITING_MAX && self.stop.is_none();
        if acting != self.acting {
            self.acting = acting;
            self.executor.set_acting(acting, now_ms);
        }
        if Instant::now() >= self.forget_at && self.executor.halted().is_none() {
            self.forget_at = Instant::now() + FORGET_EVERY;
            let remember_ms = u64::try_from(self.options.remember_ended.as_millis()).unwrap_or(u64::MAX);
            let (ledger, before_ms) = (Arc::clone(&self.ledger), now_ms.saturating_sub(remember_ms));
            self.errands.spawn(async move {
                if let Err(error) = ledger.forget_ended(before_ms, FORGET_LIMIT).await {
                    tracing::warn!(%error, "ended sagas could not be forgotten");
                }
            });
        }
    }

    fn wake_at(&self) -> Instant {
        let timer = self.executor.wake_at_ms().map(|at_ms| self.clock.instant_of(at_ms));
        let stop = self.stop.as_ref().map(|(until, _)| *until);
        let beat = Instant::now() + BEAT_EVERY;
        [timer, stop].into_iter().flatten().fold(beat, Instant::min)
    }

    fn has_stopped(&self) -> bool {
        let Some((until, _)) = &self.stop else { return false };
        let idle = self.calls.is_empty() && self.commits.is_empty() && self.outbox.is_empty();
        idle || Instant::now() >= *until
    }

    fn receive(&mut self, message: Message) {
        let now_ms = self.now_ms();
        match message {
            Message::Submit { new, extra, reply } => {
                let ticket = self.ticket(reply);
                self.executor.submit(ticket, new, extra, now_ms);
            }
            Message::Command { id, command, by, reply } => {
                let ticket = self.ticket(reply);
                self.executor.command(ticket, &id, command, &by, now_ms);
            }
            Message::Look { id, reply } => self.look(id, reply),
            Message::Stop { grace, stopped } => self.stop = Some((Instant::now() + grace, stopped)),
        }
    }

    fn ticket(&mut self, reply: oneshot::Sender<Result<Reply, SagaError>>) -> u64 {
        self.tickets += 1;
        self.replies.insert(self.tickets, reply);
        self.tickets
    }

    fn look(&mut self, id: SagaId, reply: oneshot::Sender<Result<Option<Sight>, SagaError>>) {
        if let Some(saga) = self.executor.saga(&id) {
            // The asker may have stopped waiting, here and below.
            let _ = reply.send(Ok(Some(Sight::Open(Box::new(saga.clone())))));
            return;
        }
        let ledger = Arc::clone(&self.ledger);
        self.errands.spawn(async move {
            let ended = ledger.ended(&id).await.map_err(|error| SagaError::Halted { why: error.to_string() });
            let _ = reply.send(ended.map(|ended| ended.map(Sight::Ended)));
        });
    }

    fn carry_out(&mut self) {
        for effect in self.executor.take_effects() {
            match effect {
                Effect::Commit(batch) => self.commit(*batch),
                Effect::Call(call) => self.call(call),
                Effect::Abandon(call) => {
                    if let Some((task, _)) = self.out.remove(&name_of(&call)) {
                        task.abort();
                    }
                }
                Effect::Reply { ticket, reply } => {
                    if let Some(asker) = self.replies.remove(&ticket) {
                        // The asker may have stopped waiting.
                        let _ = asker.send(reply);
                    }
                }
                Effect::Event(event) => self.tell(event),
            }
        }
    }

    fn tell(&mut self, event: SagaEvent) {
        match &event {
            SagaEvent::Alarm(alarm) => {
                self.board.count_alarm();
                tracing::warn!(saga = ?alarm.id, code = alarm.kind.code(), why = alarm.why, "saga alarm");
            }
            SagaEvent::Halted { why } => tracing::error!(why, "the saga engine has stopped acting"),
            _ => {}
        }
        self.outbox.push_back(event);
    }

    fn commit(&mut self, mut batch: Batch) {
        if let Some(companion) = &self.options.companion {
            batch.extra.append(companion(&batch.saga, &batch.records));
        }
        let ledger = Arc::clone(&self.ledger);
        self.commits.spawn(async move {
            let id = batch.saga.id.clone();
            (id, ledger.commit(batch).await)
        });
    }

    fn committed(&mut self, done: Result<(SagaId, Result<u64, LedgerError>), JoinError>) {
        match done {
            Ok((id, result)) => {
                let now_ms = self.now_ms();
                self.executor.committed(&id, result, now_ms);
                self.board.show(&id, self.executor.saga(&id));
            }
            Err(error) => self.executor.halt(&format!("the ledger broke off a commit: {error}")),
        }
    }

    fn call(&mut self, call: Call) {
        let (hands, gate, made) = (Arc::clone(&self.hands), self.gate.clone(), call.clone());
        let task = self.calls.spawn(async move {
            if !*gate.borrow() {
                return (made, None);
            }
            let answer = hands.call(made.clone()).await;
            (made, Some(answer))
        });
        self.out.insert(name_of(&call), (task, call));
    }

    fn returned(&mut self, done: Result<(Id, (Call, Option<Answer>)), JoinError>) {
        let now_ms = self.now_ms();
        match done {
            Ok((_, (call, answer))) => {
                self.out.remove(&name_of(&call));
                match answer {
                    Some(answer) => self.executor.answered(call, answer, now_ms),
                    None => self.executor.withheld(call, now_ms),
                }
            }
            // An abandoned call is in `out` no more; what is found there has panicked.
            Err(error) => {
                let found = self.out.values().find(|(task, _)| task.id() == error.id());
                if let Some((_, call)) = found.cloned() {
                    self.out.remove(&name_of(&call));
                    let why = format!("the driver panicked: {error}");
                    self.executor.answered(call, Answer::Unknown { why }, now_ms);
                }
            }
        }
    }
}

fn name_of(call: &Call) -> CallName {
    (call.saga.clone(), call.step, call.attempt)
}
