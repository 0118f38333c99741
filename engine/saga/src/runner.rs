//! Runs sagas under tokio: the handle an owner keeps.
//!
//! [`Runner::recover`] takes the ledger's lease, resumes what is open and starts two tasks: the shell, which owns the
//! executor and carries out its effects, and the watchdog beside it. What always holds: no call without a durable
//! intent; after the first ledger error nothing is acted on any more. The handle must never hold state of a saga.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::call::{Hands, SagaId};
use crate::decide::{Command, NewSaga};
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::executor::{Executor, Limits, Reply};
use crate::ledger::{Ended, Extra, Ledger};
use crate::record::LogRecord;
use crate::saga::Saga;

mod board;
mod clock;
mod shell;
mod watch_task;

use board::Board;
pub use board::Figures;
use clock::Clock;
use shell::Shell;

/// Submissions and commands waiting for the shell; a caller beyond that waits.
const MESSAGES_MAX: usize = 256;

/// Adds the caller's own records and offsets to the transaction of a saga's records.
pub type Companion = Arc<dyn Fn(&Saga, &[LogRecord]) -> Extra + Send + Sync>;

/// How a runner runs.
#[derive(Clone)]
pub struct RunnerOptions {
    /// Written into the lease and every saga taken over.
    pub owner: String,
    /// How much it takes on.
    pub limits: Limits,
    /// Whether calls may be made from the start.
    pub acting: bool,
    /// No record is stamped earlier than this unix time: the newest of whatever else stands in the same ledger.
    pub not_before_ms: u64,
    /// How often the watchdog looks.
    pub watch_every: Duration,
    /// The executor is alarmed about when silent for longer.
    pub silent_max: Duration,
    /// How long an ended saga is remembered, so that its id is not run twice.
    pub remember_ended: Duration,
    /// Adds the owner's own records to every transaction.
    pub companion: Option<Companion>,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            owner: format!("process {}", std::process::id()),
            limits: Limits::default(),
            acting: true,
            not_before_ms: 0,
            watch_every: Duration::from_secs(1),
            silent_max: Duration::from_secs(10),
            remember_ended: Duration::from_secs(7 * 24 * 3600),
            companion: None,
        }
    }
}

/// What is known of a saga.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// It is open.
    Open(Box<Saga>),
    /// It is over.
    Ended(Ended),
}

pub(crate) enum Message {
    Submit { new: NewSaga, extra: Extra, reply: oneshot::Sender<Result<Reply, SagaError>> },
    Command { id: SagaId, command: Command, by: String, reply: oneshot::Sender<Result<Reply, SagaError>> },
    Look { id: SagaId, reply: oneshot::Sender<Result<Option<Sight>, SagaError>> },
    Stop { grace: Duration, stopped: oneshot::Sender<()> },
}

/// The handle to running sagas; cheap to clone. When the last one is dropped, everything stops where it is, as in a
/// crash: use [`Runner::stop`] to end in order.
#[derive(Clone)]
pub struct Runner {
    messages: mpsc::Sender<Message>,
    gate: watch::Sender<bool>,
    board: Arc<Board>,
}

impl Runner {
    /// Takes the lease, resumes all open sagas, and runs. Events go to `events`, which should be read: while it is
    /// full, no new call is made.
    pub async fn recover<L: Ledger, H: Hands>(
        ledger: L,
        hands: H,
        options: RunnerOptions,
        events: mpsc::Sender<SagaEvent>,
    ) -> Result<Self, SagaError> {
        let halted = |error| SagaError::Halted { why: format!("{error}") };
        let lease = ledger.take_lease(&options.owner).await.map_err(halted)?;
        let loaded = ledger.load_open().await.map_err(halted)?;
        let latest = loaded.iter().filter_map(|loaded| loaded.saga.as_ref().ok()).map(|saga| saga.last_at_ms).max();
        let clock = Clock::start(latest.unwrap_or(0).max(options.not_before_ms));
        let board = Arc::new(Board::default());
        for loaded in &loaded {
            board.show(&loaded.id, loaded.saga.as_ref().ok());
        }
        board.beat(clock.now_ms());
        let mut executor = Executor::new(lease, options.limits, options.acting);
        executor.adopt(loaded, clock.now_ms());

        let (messages, inbox) = mpsc::channel(MESSAGES_MAX);
        let (gate, gate_seen) = watch::channel(options.acting);
        let watching = watch_task::watch(Arc::clone(&board), clock, options.clone(), events.clone());
        let shell = Shell::new(executor, ledger, hands, options, clock, Arc::clone(&board), gate_seen, events.clone());
        tokio::spawn(supervise(shell.run(inbox), watching, events));
        Ok(Self { messages, gate, board })
    }

    /// Begins a saga; returns when it is durable. Submitting the same id again says how far it is.
    pub async fn submit(&self, new: NewSaga) -> Result<Reply, SagaError> {
        self.submit_with(new, Extra::default()).await
    }

    /// [`Runner::submit`], with records and offsets of the caller's in the same transaction.
    pub async fn submit_with(&self, new: NewSaga, extra: Extra) -> Result<Reply, SagaError> {
        self.ask(|reply| Message::Submit { new, extra, reply }).await
    }

    /// Follows a command; returns when it is durable.
    pub async fn command(&self, id: &SagaId, command: Command, by: &str) -> Result<(), SagaError> {
        let (id, by) = (id.clone(), by.to_owned());
        self.ask(|reply| Message::Command { id, command, by, reply }).await.map(|_| ())
    }

    /// Asks for a saga to be undone.
    pub async fn cancel(&self, id: &SagaId, by: &str, cause: &str) -> Result<(), SagaError> {
        self.command(id, Command::Cancel { cause: cause.to_owned() }, by).await
    }

    /// What is known of a saga; none when the id was never submitted or is forgotten.
    pub async fn look(&self, id: &SagaId) -> Result<Option<Sight>, SagaError> {
        let id = id.clone();
        self.ask(|reply| Message::Look { id, reply }).await
    }

    /// The kill switch: while off, no call is made. It works from the next call on, without waiting for anything; a
    /// call that is out already is not cut off, since that would leave its effect unknown.
    pub fn set_acting(&self, acting: bool) {
        self.gate.send_replace(acting);
    }

    /// How it stands, in numbers.
    pub fn figures(&self) -> Figures {
        self.board.figures()
    }

    /// Makes no further call, waits for those that are out, at most for `grace`, writes their results down, and ends.
    pub async fn stop(&self, grace: Duration) {
        self.set_acting(false);
        let (stopped, done) = oneshot::channel();
        if self.messages.send(Message::Stop { grace, stopped }).await.is_ok() {
            // An error means that the shell is gone, which is what was asked for.
            let _ = done.await;
        }
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, SagaError>>) -> Message,
    ) -> Result<T, SagaError> {
        let gone = || SagaError::Halted { why: "the runner has ended".into() };
        let (reply, answered) = oneshot::channel();
        self.messages.send(message(reply)).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Shell and watchdog live and die together; a panic in either is told to the owner instead of being lost.
async fn supervise(
    shell: impl Future<Output = ()> + Send + 'static,
    watching: impl Future<Output = ()> + Send + 'static,
    events: mpsc::Sender<SagaEvent>,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(shell);
    tasks.spawn(watching);
    if let Some(Err(error)) = tasks.join_next().await {
        tasks.shutdown().await;
        tracing::error!(%error, "the saga runner ended unexpectedly");
        // The owner may be gone as well; then there is nobody left to tell.
        let _ = events.send(SagaEvent::Halted { why: format!("the runner ended unexpectedly: {error}") }).await;
    }
}
