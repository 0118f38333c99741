//! The engine: the thin shell around the controller. Takes events in, has the controller say what follows, makes the facts
//! durable, then does the rest; the results come back as events.
//!
//! Always holds: one task owns the state; facts are durable before the effects that rest on them; after the first failure
//! of the journal nothing more is begun, and everything that runs goes on running.

use crate::clock::Clock;
use crate::told::{Asker, SagaWord, Told, Word};
use crate::{ShellError, memory};
use homeostat_act::{end_of, saga_of};
use homeostat_controller::{Effect, Event, Stage, State, step};
use homeostat_reactor::{Emitter, Events, Outcome};
use homeostat_saga::{AlarmKind, Reply, Runner, SagaError, SagaEvent, SagaId, Sight};
use homeostat_sense::{Prober, Watch};
use homeostat_store::{Commit, Journal};
use homeostat_vocabulary::{
    ActionEnd, ActionId, Chance, Fact, Guard, Millis, Plan, Policy, Refusal, Status, Timestamp,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Events taken in one turn: their facts share one write to disk.
const EVENTS_A_TURN_MAX: usize = 256;

/// Stands for a time that never comes: no engine runs that long without another event.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 3_600);

/// How often the status is made anew when nothing happens: times and shares in it move on.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// How long results of steps that are out may take when the engine ends.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// The engine at work.
pub struct Engine {
    /// The controller's state.
    pub state: State,
    /// Its randomness.
    pub chance: Chance,
    /// The time.
    pub clock: Clock,
    /// The system of record.
    pub journal: Journal,
    /// Carries actions out.
    pub runner: Runner,
    /// Asks for health.
    pub prober: Prober,
    /// The policy in force, for those who act by it.
    pub policy: watch::Sender<Arc<Policy>>,
    /// Everything at a glance, for those who show it.
    pub status: watch::Sender<Arc<Status>>,
    /// When the status was last made.
    pub shown_at: Instant,
    /// Where the engine tells itself what came of what it began.
    pub emitter: Emitter<Told>,
    /// Submissions of sagas on their way.
    pub submissions: JoinSet<()>,
    /// Facts recorded since the last checkpoint.
    pub since_checkpoint: u64,
}

impl Engine {
    /// Runs until the controller says to exit; whether the services were left running.
    pub async fn run(mut self, mut ear: Events<Told, Told>, first: Vec<Word>) -> Result<bool, ShellError> {
        let mut turn: Vec<Told> = first.into_iter().map(Told::from).collect();
        let mut resumed = false;
        loop {
            if let Some(services_kept) = self.take(turn).await? {
                self.end(services_kept).await?;
                return Ok(services_kept);
            }
            if !resumed {
                self.resume_actions();
                resumed = true;
            }
            turn = self.listen(&mut ear).await;
        }
    }

    /// What is heard next, the most urgent first, and whatever else waits already: their facts share one write to disk.
    async fn listen(&mut self, ear: &mut Events<Told, Told>) -> Vec<Told> {
        let wait = self.state.wake_at().map(|at| Duration::from(at.since((self.clock)())));
        let due = Instant::now() + wait.unwrap_or(FAR_AWAY);
        loop {
            tokio::select! {
                biased;
                Some(batch) = ear.next_batch(EVENTS_A_TURN_MAX) => {
                    let mut turn: Vec<_> = batch.into_iter().map(|told| told.settle(Outcome::Done)).collect();
                    // However much there is to hear, time does not stand still.
                    if due <= Instant::now() {
                        turn.push(Event::Tick.into());
                    }
                    return turn;
                }
                Some(_) = self.submissions.join_next() => {}
                () = tokio::time::sleep_until(due) => return vec![Event::Tick.into()],
                () = tokio::time::sleep_until(self.shown_at + SHOW_EVERY) => self.show(),
            }
        }
    }

    /// Takes a turn's events in: all facts in one transaction, then all the rest. `Some` when the engine is to exit.
    async fn take(&mut self, turn: Vec<Told>) -> Result<Option<bool>, ShellError> {
        let (mut records, mut rest) = (Vec::new(), Vec::new());
        let mut to_show = false;
        for told in turn {
            let Some(Word { event, mut asker }) = self.word_of(told) else { continue };
            to_show |= !event.can_wait();
            if let Event::PolicyApplied { policy, .. } = &event {
                self.policy.send_replace(Arc::new((**policy).clone()));
            }
            let now = (self.clock)();
            for effect in step(&mut self.state, event, now, &mut self.chance) {
                match effect {
                    Effect::Record(fact) => records.push(memory::record_of(&fact, now)),
                    Effect::Reply(answer) => rest.push((Effect::Reply(answer), asker.take())),
                    other => rest.push((other, None)),
                }
            }
        }
        // Probes alone change little, but they must not keep the status from moving on either.
        to_show |= !records.is_empty() || self.shown_at.elapsed() >= SHOW_EVERY;
        let lost = self.write(records).await.err();
        let exit = match lost {
            Some(reason) => self.journal_lost(&reason, rest),
            None => self.carry_out(rest),
        };
        if to_show {
            self.show();
        }
        Ok(exit)
    }

    fn show(&mut self) {
        self.shown_at = Instant::now();
        self.status.send_replace(Arc::new(self.state.status((self.clock)())));
    }

    async fn write(&mut self, records: Vec<homeostat_store::Record>) -> Result<(), String> {
        if records.is_empty() {
            return Ok(());
        }
        self.since_checkpoint += records.len() as u64;
        let written = memory::commit(&self.journal, Commit { records, ..Commit::default() }).await;
        let committed = written.map_err(|error| error.to_string())?;
        if self.since_checkpoint >= memory::CHECKPOINT_EVERY {
            self.since_checkpoint = 0;
            let saved = memory::checkpoint(&self.journal, self.state.memory(), committed.last_seq).await;
            return saved.map_err(|error| error.to_string());
        }
        Ok(())
    }

    /// Nothing of this turn may be begun, since its facts are not durable. Whoever asked for something is told so.
    fn journal_lost(&mut self, reason: &str, rest: Vec<(Effect, Option<Asker>)>) -> Option<bool> {
        tracing::error!(%reason, "H0106: the journal takes no more records: nothing is acted on from here on");
        let lost = Event::JournalLost { reason: reason.to_owned() };
        let effects = step(&mut self.state, lost, (self.clock)(), &mut self.chance);
        let refusal = || Refusal::Guarded { guard: Guard::Journal, reason: reason.to_owned() };
        let keep =
            |effect: &Effect| matches!(effect, Effect::Watch { .. } | Effect::Forget { .. } | Effect::Exit { .. });
        let kept = rest.into_iter().filter_map(|(effect, asker)| match effect {
            Effect::Reply(_) => Some((Effect::Reply(Err(refusal())), asker)),
            other => keep(&other).then_some((other, None)),
        });
        let all = kept.chain(effects.into_iter().map(|effect| (effect, None))).collect();
        self.carry_out(all)
    }

    fn carry_out(&mut self, effects: Vec<(Effect, Option<Asker>)>) -> Option<bool> {
        let mut exit = None;
        for (effect, asker) in effects {
            match effect {
                Effect::Record(_) => unreachable!("facts were written before"),
                Effect::Carry(plan) => self.submit(*plan),
                Effect::Resume { action, saga, by } => self.let_go_on(action, SagaId(saga), by),
                Effect::Watch { instance, run, ports, check } => {
                    let service = self.policy.borrow().services.get(&instance.service).cloned();
                    let working_folder =
                        service.map(|service| PathBuf::from(service.working_folder)).unwrap_or_default();
                    self.prober.watch(Watch { instance, run, ports, check, working_folder });
                }
                Effect::Forget { instance } => self.prober.forget(&instance),
                Effect::Gate { open } => self.runner.set_acting(open),
                Effect::Reply(answer) => {
                    if let Some(asker) = asker {
                        asker.answer(answer);
                    }
                }
                Effect::Exit { services_kept } => exit = Some(services_kept),
            }
        }
        exit
    }

    /// Hands a plan to the saga engine. Its name makes it happen once, however often it is handed over.
    fn submit(&mut self, plan: Plan) {
        let services = self.policy.borrow().clone();
        let grace = services.services.get(&plan.target.service).map_or(Millis(10_000), |service| service.stop.grace);
        let runner = self.runner.clone();
        self.begin(async move { handed_over(&runner, &plan, grace).await });
    }

    /// Begins something aside; what it comes to, if anything, is heard like everything else.
    fn begin(&mut self, aside: impl Future<Output = Option<Event>> + Send + 'static) {
        let emitter = self.emitter.clone();
        self.submissions.spawn(async move {
            if let Some(event) = aside.await {
                // Refused only when the engine ends.
                let _ = emitter.emit(event).await;
            }
        });
    }

    /// A person lets an action go on; if it cannot, it is where it was.
    fn let_go_on(&mut self, action: ActionId, saga: SagaId, by: String) {
        let runner = self.runner.clone();
        self.begin(async move {
            let refused = runner.command(&saga, homeostat_saga::Command::Resume, &by).await.err()?;
            Some(Event::ActionEnded { action, end: ActionEnd::Stuck { why: refused.to_string() } })
        });
    }

    /// After a crash: every action that was begun and not heard of since is handed over again.
    fn resume_actions(&mut self) {
        let running = self.state.memory().active_actions().filter(|(_, action)| action.stage == Stage::Running);
        let plans: Vec<Plan> = running.map(|(_, action)| action.plan.clone()).collect();
        for plan in plans {
            self.submit(plan);
        }
    }

    fn word_of(&self, told: Told) -> Option<Word> {
        match told {
            Told::Word(word) => Some(word),
            Told::SagaWord(SagaWord(event)) => self.heard_of_saga(event).map(Word::from),
        }
    }

    fn heard_of_saga(&self, event: SagaEvent) -> Option<Event> {
        match event {
            SagaEvent::Ended { id, end, .. } => {
                let action = action_of(&id)?;
                let known = self.state.memory().action(action).is_some_and(|it| it.plan.saga == id.0);
                known.then(|| Event::ActionEnded { action, end: end_of(&end) })
            }
            // How a saga came to rest is told by its end.
            SagaEvent::Alarm(alarm) if matches!(alarm.kind, AlarmKind::Parked | AlarmKind::Stuck) => None,
            SagaEvent::Alarm(alarm) => {
                let action = alarm.id.as_ref().and_then(action_of);
                Some(Event::Alarm { action, code: alarm.kind.code().to_owned(), why: alarm.why })
            }
            SagaEvent::Halted { why } => Some(Event::JournalLost { reason: why }),
            SagaEvent::StepStarted { .. } | SagaEvent::StepEnded { .. } | SagaEvent::TurnedBack { .. } => None,
        }
    }

    /// Ends in good order: results of steps that are out are written down, then the memory.
    async fn end(mut self, services_kept: bool) -> Result<(), ShellError> {
        self.runner.stop(STOP_GRACE).await;
        if self.state.status(Timestamp(0)).cannot_act.is_none() {
            let now = (self.clock)();
            let record = memory::record_of(&Fact::EngineStopped { services_kept }, now);
            let commit = Commit { records: vec![record], ..Commit::default() };
            let committed = memory::commit(&self.journal, commit).await?;
            memory::checkpoint(&self.journal, self.state.memory(), committed.last_seq).await?;
        }
        self.submissions.shutdown().await;
        self.journal.close();
        Ok(())
    }
}

/// Hands a plan over; what the controller is to be told at once, if anything.
async fn handed_over(runner: &Runner, plan: &Plan, grace: Millis) -> Option<Event> {
    let action = plan.action;
    let failed = |cause: String| Some(Event::ActionEnded { action, end: ActionEnd::Undone { cause } });
    let saga = match saga_of(plan, grace) {
        Ok(saga) => saga,
        Err(error) => return failed(error.to_string()),
    };
    let id = saga.id.clone();
    match runner.submit(saga).await {
        Ok(Reply::Accepted | Reply::Obeyed) => None,
        // With another definition it is still the same saga: the policy changed between two engines, and with it the
        // limits that a new saga would get. It goes on with its own.
        Ok(Reply::Open | Reply::Ended) | Err(SagaError::IdReused(_)) => standing(runner, &id, action).await,
        Err(SagaError::Halted { why }) => Some(Event::JournalLost { reason: why }),
        // Begun by a version that this one cannot follow: what has happened is not known, least of all that nothing has.
        Err(error @ SagaError::Refused { .. }) => {
            Some(Event::ActionEnded { action, end: ActionEnd::Parked { why: error.to_string() } })
        }
        Err(error) => failed(error.to_string()),
    }
}

/// How a saga that was handed over before stands: told if it is at rest, else its end will be heard of.
async fn standing(runner: &Runner, id: &SagaId, action: ActionId) -> Option<Event> {
    let end = match runner.look(id).await.ok()?? {
        Sight::Ended(ended) => ended.end,
        Sight::Open(saga) => saga.standing()?,
    };
    Some(Event::ActionEnded { action, end: end_of(&end) })
}

/// The action of a saga, from its name `A12-9f3a0b1c`.
fn action_of(id: &SagaId) -> Option<ActionId> {
    id.0.split_once('-')?.0.parse().ok()
}
