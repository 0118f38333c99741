//! The circuit breaker: when too much fails, or is too slow, calls are refused at once instead of being made in vain.
//!
//! Around one endpoint or one dependency, by whoever calls it. Closed, it counts; open, it refuses without touching what it guards:
//! the inner call is not even made; after a pause, half open, it lets a few trials through and believes them. What says "full"
//! is not broken and never opens it. Timeouts belong inside: a call that is given up says nothing, unless it was slow by then.

pub mod core;
mod guard;
mod memory;
pub mod settings;
pub mod state;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use serde::{Deserialize, Serialize};

use self::core::Core;
pub use self::guard::Permit;
pub use self::memory::BreakerMemory;
pub use self::settings::{BreakerSettings, InvalidBreaker, WindowShape};
pub use self::state::Door;
use self::state::{Ending, Ticket};
use crate::chance::Chance;
use crate::{Advice, Call, Failure, Listener, PolicyEvent, Priority, Refusal, Verdict};

/// How many bits of the sign at the door say whom it lets through; the rest is the generation.
const DOOR_BITS: u32 = 2;

/// A circuit breaker. Cheap to clone; clones are the same breaker.
///
/// Closed, a call costs one atomic load to begin, one short lock to end, two looks at the clock, and no allocation: about 0.1
/// microseconds of one core, half of it the clock.
///
/// ```
/// # use homeostat_reactor::ManualClock;
/// # use homeostat_resilience::{Call, breaker::Breaker, judge_result};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), homeostat_resilience::breaker::InvalidBreaker> {
/// let breaker = Breaker::builder("orders", &ManualClock::new().clock()).build()?;
/// assert_eq!(breaker.call(&Call::default(), judge_result, || async { Ok::<_, ()>(7) }).await, Ok(7));
/// breaker.force_open();
/// let asked = || async { unreachable!("nobody is asked") as Result<u32, ()> };
/// let refused = breaker.call(&Call::default(), judge_result, asked).await;
/// assert!(refused.unwrap_err().refusal().is_some());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Breaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    listener: Listener,
    chance: Chance,
    /// The generation and the door of the core, kept up to date by whoever holds its lock, so that a closed breaker lets calls
    /// through without it.
    sign: AtomicU64,
    core: Mutex<Core>,
}

/// A breaker at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerSnapshot {
    /// Its name.
    pub name: String,
    /// What it is: closed, open, half_open, forced_open or forced_closed.
    pub state: String,
    /// Calls in the window that say anything; while open, those that opened it.
    pub calls: u32,
    /// The share of them that failed.
    pub failure_rate: f64,
    /// The share of them that was slow.
    pub slow_rate: f64,
    /// Trials under way.
    pub trials_under_way: u32,
    /// Until it lets a trial through.
    pub retry_in: Duration,
    /// How often it has opened by itself.
    pub opened: u64,
    /// How many calls it has refused.
    pub refused: u64,
}

/// Makes a [`Breaker`].
#[derive(Debug)]
pub struct BreakerBuilder {
    name: Arc<str>,
    settings: BreakerSettings,
    clock: Clock,
    listener: Listener,
    chance: Chance,
}

impl BreakerBuilder {
    /// With these settings instead of the defaults.
    #[must_use]
    pub fn settings(self, settings: BreakerSettings) -> Self {
        Self { settings, ..self }
    }

    /// Telling somebody.
    #[must_use]
    pub fn listener(self, listener: Listener) -> Self {
        Self { listener, ..self }
    }

    /// With this chance instead of one of the machine's: it spreads the pauses.
    #[must_use]
    pub fn chance(self, chance: Chance) -> Self {
        Self { chance, ..self }
    }

    /// The breaker, closed.
    ///
    /// # Errors
    /// When the settings make no breaker.
    pub fn build(self) -> Result<Breaker, InvalidBreaker> {
        self.settings.check()?;
        let core = Core::new(self.settings, self.clock.now());
        Ok(Breaker(Arc::new(Shared {
            name: self.name,
            listener: self.listener,
            chance: self.chance,
            sign: AtomicU64::new(sign_of(&core)),
            core: Mutex::new(core),
            clock: self.clock,
        })))
    }
}

impl Breaker {
    /// One of this name on this clock, to be built.
    pub fn builder(name: &str, clock: &Clock) -> BreakerBuilder {
        BreakerBuilder {
            name: name.into(),
            settings: BreakerSettings::default(),
            clock: clock.clone(),
            listener: Listener::default(),
            chance: Chance::default(),
        }
    }

    /// Makes a call unless it is open. `advise` tells what a result says: [`judge_result`](crate::judge_result) where every error
    /// is a failure. `work` is asked only when the call is let through.
    ///
    /// # Errors
    /// The call's own, or the refusal.
    pub async fn call<T, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl FnOnce() -> F,
    ) -> Result<T, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
    {
        // The ticket first: who is refused need not know what time it is.
        let ticket = self.ticket(call.priority)?;
        let permit = Permit::new(self, ticket, self.now());
        let result = work().await;
        permit.end(advise(&result).into().verdict);
        result.map_err(Failure::Inner)
    }

    /// For whoever makes the call by itself: a permit, to be ended with what the answer says. Dropped, it says that the call was
    /// given up.
    ///
    /// # Errors
    /// The refusal, when it is open or all trials are taken.
    pub fn begin(&self, priority: Priority) -> Result<Permit, Refusal> {
        let ticket = self.ticket(priority)?;
        Ok(Permit::new(self.clone(), ticket, self.now()))
    }

    /// The same for whoever keeps the breaker in sight and has just looked at the clock.
    pub(crate) fn enter(&self, priority: Priority, now: Moment) -> Result<Permit<&Self>, Refusal> {
        Ok(Permit::new(self, self.ticket(priority)?, now))
    }

    fn ticket(&self, priority: Priority) -> Result<Ticket, Refusal> {
        let ticket = match self.pass() {
            Some(ticket) => Ok(ticket),
            None => self.turn(|core, clock, chance| core.begin(clock.now(), chance)),
        };
        ticket.map_err(|retry_in| {
            let refusal = Refusal::Open { name: self.0.name.to_string(), retry_in };
            let told = || PolicyEvent::Refused { name: Arc::clone(&self.0.name), refusal: refusal.clone(), priority };
            self.0.listener.tell(told);
            refusal
        })
    }

    fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// What a permit says at its end. Here and not there, where it would be compiled anew for each caller and not as one piece.
    fn end(&self, ticket: Ticket, (begun, ended): (Moment, Option<Moment>), verdict: Option<Verdict>) {
        self.turn(|core, clock, chance| {
            // Another call that looked at the clock later may have come first: that must not seem a clock that goes back.
            let now = ended.filter(|ended| core.is_no_earlier(*ended)).unwrap_or_else(|| clock.now());
            core.end(ticket, Ending { verdict, took: now.since(begun) }, now, chance);
        });
    }

    /// Opens it by hand: nothing is let through until it is released.
    pub fn force_open(&self) {
        self.turn(|core, _, _| core.force_open());
    }

    /// Closes it by hand: everything is let through until it is released. It goes on counting.
    pub fn force_closed(&self) {
        self.turn(|core, _, _| core.force_closed());
    }

    /// Lets it move by itself again: from forced open by way of trials, from forced closed with all that it counted.
    pub fn release(&self) {
        self.turn(|core, _, _| core.release());
    }

    /// Goes on with other settings, and with its state and all that it counted.
    ///
    /// # Errors
    /// When the settings make no breaker; nothing changes then.
    pub fn reload(&self, settings: BreakerSettings) -> Result<(), InvalidBreaker> {
        settings.check()?;
        self.turn(|core, clock, _| core.reload(settings, clock.now()));
        Ok(())
    }

    /// It in numbers.
    pub fn snapshot(&self) -> BreakerSnapshot {
        self.turn(|core, clock, _| core.snapshot(&self.0.name, clock.now()))
    }

    /// A ticket, if it lets everybody through; without the lock.
    fn pass(&self) -> Option<Ticket> {
        let (door, generation) = self.sign();
        (door == Door::Open).then_some(Ticket { generation })
    }

    /// A permit if it lets everybody through; otherwise whom it does let through, and since which move.
    pub(crate) fn knock(&self, now: Moment) -> Result<Permit<&Self>, (Door, u64)> {
        match self.sign() {
            (Door::Open, generation) => Ok(Permit::new(self, Ticket { generation }, now)),
            shut => Err(shut),
        }
    }

    /// Closes it when recovery was proven elsewhere, unless it has moved since.
    pub(crate) fn recover(&self, generation: u64, because: impl FnOnce() -> String) {
        self.turn(|core, _, _| core.recover(generation, because));
    }

    fn sign(&self) -> (Door, u64) {
        // Whoever reads an old sign gets a ticket of an earlier generation: as if it had come a little sooner.
        let sign = self.0.sign.load(Ordering::Acquire);
        let door = match sign & ((1 << DOOR_BITS) - 1) {
            0 => Door::Open,
            1 => Door::Guarded,
            _ => Door::Shut,
        };
        (door, sign >> DOOR_BITS)
    }

    /// Does something with the core and tells what moved. The clock is read under the lock: read before it, two calls could take
    /// each other's reading for a clock that goes back and forth.
    fn turn<T>(&self, act: impl FnOnce(&mut Core, &Clock, &Chance) -> T) -> T {
        let shared = &*self.0;
        let (output, moved) = {
            let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
            let output = act(&mut core, &shared.clock, &shared.chance);
            let moved = core.take_move();
            if moved.is_some() {
                shared.sign.store(sign_of(&core), Ordering::Release);
            }
            (output, moved)
        };
        if let Some(moved) = moved {
            let name = Arc::clone(&shared.name);
            shared.listener.tell(|| PolicyEvent::BreakerMoved {
                name,
                from: moved.from,
                to: moved.to,
                because: moved.because,
            });
        }
        output
    }
}

fn sign_of(core: &Core) -> u64 {
    let door = match core.door() {
        Door::Open => 0,
        Door::Guarded => 1,
        Door::Shut => 2,
    };
    core.generation() << DOOR_BITS | door
}
