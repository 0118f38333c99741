//! A bulkhead: so many calls at once and no more, so that one slow dependency cannot take every task and connection with it.
//!
//! [`Bulkhead`] is the policy; [`gate`] is its pure core. It keeps a share of the permits free for each priority, has the rest wait
//! in a short line, the most important first, and drops whoever waited past its deadline without running it. No lock is held
//! while a call runs; a permit comes back when the call ends, fails, panics or is dropped.

pub mod gate;
mod permit;
mod settings;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use homeostat_reactor::{Clock, Moment};
use serde::Serialize;

pub use permit::Permit;
pub use settings::{BulkheadSettings, Plan};

use self::gate::{Answer, Arrival, Gate};
use self::permit::Waiter;
use crate::shares::PerPriority;
use crate::{Call, Failure, Listener, PolicyEvent, Priority, Refusal};

/// A bulkhead at one moment. Counts are of all time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulkheadSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// How many calls may be under way at once.
    pub permits: usize,
    /// How many of those are kept for each priority.
    pub guarantees: PerPriority<usize>,
    /// Calls under way.
    pub in_flight: PerPriority<usize>,
    /// Calls in the line.
    pub waiting: PerPriority<usize>,
    /// Calls let in.
    pub admitted: PerPriority<u64>,
    /// Calls refused on arrival.
    pub refused: PerPriority<u64>,
    /// Calls that made way for a more important one while they waited.
    pub shed: PerPriority<u64>,
    /// Calls that waited too long.
    pub late: PerPriority<u64>,
    /// Calls that were given up by the caller while they waited.
    pub cancelled: PerPriority<u64>,
}

/// Lets so many calls through at once. Cheap to clone; clones share the permits.
///
/// ```
/// # use homeostat_reactor::Clock;
/// # use homeostat_resilience::{Call, Failure, bulkhead::Bulkhead};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let orders = Bulkhead::builder("orders", &Clock::machine()).permits(8).build();
/// let answer = orders.call(&Call::default(), || async { Ok::<_, std::io::Error>("created") }).await;
/// assert!(matches!(answer, Ok("created")));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Bulkhead {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    listener: Listener,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: BulkheadSettings,
    gate: Gate<Waker>,
}

/// Makes a [`Bulkhead`].
#[derive(Debug, Clone)]
pub struct BulkheadBuilder {
    name: Arc<str>,
    settings: BulkheadSettings,
    clock: Clock,
    listener: Listener,
}

impl BulkheadBuilder {
    /// All settings at once.
    #[must_use]
    pub fn settings(mut self, settings: BulkheadSettings) -> Self {
        self.settings = settings;
        self
    }

    /// How many calls may be under way at once; 64 unless said.
    #[must_use]
    pub const fn permits(mut self, permits: usize) -> Self {
        self.settings.permits = permits;
        self
    }

    /// Who is told of refusals; nobody unless said.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// The bulkhead.
    pub fn build(self) -> Bulkhead {
        let state = State { gate: Gate::new(Plan::of(&self.settings)), settings: self.settings };
        Bulkhead {
            shared: Arc::new(Shared {
                name: self.name,
                clock: self.clock,
                listener: self.listener,
                state: Mutex::new(state),
            }),
        }
    }
}

impl Bulkhead {
    /// A bulkhead with the default settings, to be changed.
    pub fn builder(name: impl Into<Arc<str>>, clock: &Clock) -> BulkheadBuilder {
        BulkheadBuilder {
            name: name.into(),
            settings: BulkheadSettings::default(),
            clock: clock.clone(),
            listener: Listener::default(),
        }
    }

    /// Runs `work` once there is a permit for it. It is not even made when there is none in time.
    ///
    /// # Errors
    /// The call's own, or a refusal: full, shed, or past its deadline.
    pub async fn call<T, E, F>(&self, call: &Call, work: impl FnOnce() -> F) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let _permit = self.acquire(call).await?;
        work().await.map_err(Failure::Inner)
    }

    /// A permit, at the latest when the wait limit or the deadline comes. Dropping the future gives the place in the line up.
    ///
    /// # Errors
    /// A refusal: full, shed, or past its deadline.
    pub async fn acquire(&self, call: &Call) -> Result<Permit, Refusal> {
        let now = self.shared.clock.now();
        if call.is_over(now) {
            return Err(self.refuse(Refusal::DeadlinePassed, call.priority));
        }
        let answer = Waiter::new(&self.shared, call, now).await;
        answer.map_err(|refusal| self.refuse(refusal, call.priority))
    }

    /// A permit, if there is one now for this priority and nobody waits for it.
    ///
    /// # Errors
    /// A refusal.
    pub fn try_acquire(&self, priority: Priority) -> Result<Permit, Refusal> {
        let now = self.shared.clock.now();
        let arrival = self.shared.turn(|state, wakes| {
            state.gate.arrive(priority, Moment::ZERO, now, || unreachable!("it may not wait"), wakes)
        });
        match arrival {
            Arrival::Admitted => Ok(Permit::new(&self.shared, priority)),
            Arrival::Waits(_) | Arrival::Refused => Err(self.refuse(self.shared.full(), priority)),
        }
    }

    /// Goes on with other settings, also for those who wait (but not for how long: that was settled when they came). Calls under
    /// way go on even if there are fewer permits now.
    pub fn reload(&self, settings: BulkheadSettings) {
        let now = self.shared.clock.now();
        self.shared.turn(|state, wakes| {
            state.gate.change(Plan::of(&settings), now, wakes);
            state.settings = settings;
        });
    }

    /// What it looks like now.
    pub fn snapshot(&self) -> BulkheadSnapshot {
        let state = self.shared.lock();
        let (plan, counts) = (state.gate.plan(), state.gate.counts());
        BulkheadSnapshot {
            name: Arc::clone(&self.shared.name),
            permits: plan.permits,
            guarantees: plan.guarantees,
            in_flight: state.gate.in_flight_by_priority(),
            waiting: state.gate.waiting_by_priority(),
            admitted: counts.admitted,
            refused: counts.refused,
            shed: counts.shed,
            late: counts.late,
            cancelled: counts.cancelled,
        }
    }

    fn refuse(&self, refusal: Refusal, priority: Priority) -> Refusal {
        let name = &self.shared.name;
        self.shared.listener.tell(|| PolicyEvent::Refused {
            name: Arc::clone(name),
            refusal: refusal.clone(),
            priority,
        });
        refusal
    }
}

impl Shared {
    /// Does something with the state, and wakes whoever is to be woken once the lock is released: a waker may run whatever it
    /// likes. The list allocates only when somebody is woken.
    fn turn<T>(&self, act: impl FnOnce(&mut State, &mut Vec<Waker>) -> T) -> T {
        let mut wakes = Vec::new();
        let output = act(&mut self.lock(), &mut wakes);
        wakes.into_iter().for_each(Waker::wake);
        output
    }

    fn full(&self) -> Refusal {
        let state = self.lock();
        Refusal::Full { name: self.name.to_string(), in_flight: state.gate.in_flight(), waiting: state.gate.waiting() }
    }

    fn refusal(&self, answer: Answer, priority: Priority, is_over: bool) -> Refusal {
        match answer {
            Answer::Shed => Refusal::Shed { name: self.name.to_string(), priority },
            Answer::TimeUp | Answer::Admitted if is_over => Refusal::DeadlinePassed,
            Answer::TimeUp | Answer::Admitted => self.full(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
