//! All policies around calls to a set of endpoints, composed once and in one order, from one section of settings.
//!
//! Used by whoever calls a service: the gateway, drivers, notifiers, a user's own program. From the outside in:
//!
//! 1. **fallback**: sees what nothing else could save;
//! 2. **deadline**: whatever happens within, the caller has an answer by then;
//! 3. **rate**: what was agreed on counts calls and not attempts, and a call that may not pass costs nothing further in;
//! 4. **breaker**, or **eternal mode** for essential calls: when next to nothing works, nobody queues for it;
//! 5. **limit**: so many calls at once, others in line, the most important first; a call keeps its place while it tries again;
//! 6. **retry**: after a pause, at endpoints that have failed this call before;
//! 7. **hedge**: at once, at another endpoint, when one failed, is slow, or will probably not answer;
//! 8. **balancer**: which endpoint, by what was learned of each.
//!
//! All extra attempts, whoever makes them, are paid from one budget. A call that waits for an answer has one timer; eternal mode, and
//! who waits in a line, have one more.

mod begun;
mod calls;
mod explain;
mod layers;
mod limit;
mod outer;
mod queue;
mod settings;
mod snapshot;
mod state;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Clock;

use self::begun::Answered;
pub use self::calls::{CallCounts, CallsSnapshot, WAIT_BOUNDS_MS, WaitsSnapshot};
pub use self::explain::Explanation;
use self::layers::Layers;
pub use self::limit::Limit;
pub use self::settings::{InvalidStack, StackSettings};
pub use self::snapshot::StackSnapshot;
pub use self::state::{STATE_VERSION, StackState, UnknownState};
use crate::chance::Chance;
use crate::{Advice, Attempt, Balancer, Call, Failure, Listener};

/// All policies around calls to endpoints of type `T`: an address, a connection, a client. Clones share everything.
///
/// ```
/// # use homeostat_reactor::ManualClock;
/// # use homeostat_resilience::{Call, Verdict, stack::Stack};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), homeostat_resilience::stack::InvalidStack> {
/// let orders = Stack::builder("orders", &ManualClock::new().clock()).build()?;
/// orders.endpoints().insert("first", 8001_u16);
/// orders.endpoints().insert("second", 8002);
/// let judge = |result: Result<&u16, &&str>| if result.is_ok() { Verdict::Good } else { Verdict::Failed };
/// let ask = |_, port: std::sync::Arc<u16>| async move { if *port == 8001 { Err("down") } else { Ok(*port) } };
/// assert_eq!(orders.call(&Call::idempotent(), judge, ask).await, Ok(8002));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Stack<T>(Arc<Layers<T>>);

impl<T> Clone for Stack<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Makes a [`Stack`].
#[derive(Debug)]
pub struct StackBuilder {
    name: Arc<str>,
    settings: StackSettings,
    clock: Clock,
    seed: Option<u64>,
    listener: Listener,
}

impl StackBuilder {
    /// With these settings instead of the defaults.
    #[must_use]
    pub fn settings(self, settings: StackSettings) -> Self {
        Self { settings, ..self }
    }

    /// Telling somebody.
    #[must_use]
    pub fn listener(self, listener: Listener) -> Self {
        Self { listener, ..self }
    }

    /// With chance that can be repeated instead of the machine's.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// The stack, without endpoints.
    ///
    /// # Errors
    /// When no stack can be made of the settings.
    pub fn build<T>(self) -> Result<Stack<T>, InvalidStack> {
        self.settings.check()?;
        let seeds = self.seed.map_or_else(Chance::of_the_machine, Chance::seeded);
        Ok(Stack(Arc::new(Layers::new(self.name, self.settings, self.clock, &seeds, &self.listener))))
    }
}

impl Stack<()> {
    /// One of this name on this clock, to be built.
    pub fn builder(name: impl Into<Arc<str>>, clock: &Clock) -> StackBuilder {
        StackBuilder {
            name: name.into(),
            settings: StackSettings::default(),
            clock: clock.clone(),
            seed: None,
            listener: Listener::default(),
        }
    }
}

impl<T> Stack<T> {
    /// The endpoints, to be added, taken away and looked at while calls run.
    pub fn endpoints(&self) -> &Balancer<T> {
        &self.0.balancer
    }

    /// An endpoint said at the end of an answer that it has no room, after the call was over here and counted as good: what learns of
    /// room hears of it as if it had been said at once. Nothing is tried again for it.
    pub fn said_full(&self, endpoint: &str) {
        self.0.balancer.said_full(endpoint);
        if self.0.settings().limit == Limit::Learned {
            self.0.limiter.said_full();
        }
    }

    /// Makes a call. `advise` tells what an answer or an error says; `work` makes one attempt at the endpoint it is given, with
    /// what is left of the time, and is dropped when it is not wanted any more.
    ///
    /// # Errors
    /// That of the last attempt, or a refusal. An answer that is judged a failure is given back as it is when none is better.
    pub async fn call<R, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(Result<&R, &E>) -> A,
        work: impl Fn(Attempt, Arc<T>) -> F,
    ) -> Result<R, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<R, E>>,
    {
        let advise = |result: Result<&R, &E>| advise(result).into();
        let answered = Answered::default();
        let (begun, ongoing) = self.0.begin(call, &answered);
        let (result, end) = if begun.essential {
            // On the heap: its frame would be made room for in every call, and few services are essential.
            Box::pin(self.0.essential(&begun, &advise, &work, async || None)).await
        } else {
            self.0.guarded(&begun, &advise, &work).await
        };
        ongoing.end(end, answered.at_end(end));
        result
    }

    /// Makes a call, with what `instead` gives in place of what failed. For essential calls it is prepared as soon as next to
    /// nothing works, so it must not depend on what is called.
    ///
    /// # Errors
    /// As [`call`](Self::call), when there is nothing instead.
    pub async fn call_or<R, E, A, F, G>(
        &self,
        call: &Call,
        advise: impl Fn(Result<&R, &E>) -> A,
        work: impl Fn(Attempt, Arc<T>) -> F,
        instead: impl FnOnce() -> G,
    ) -> Result<R, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<R, E>>,
        G: Future<Output = Option<R>>,
    {
        let advise = |result: Result<&R, &E>| advise(result).into();
        let answered = Answered::default();
        let (begun, ongoing) = self.0.begin(call, &answered);
        let (result, end) = if begun.essential {
            Box::pin(self.0.essential(&begun, &advise, &work, instead)).await
        } else {
            self.0.with_fallback(&begun, &advise, &work, instead).await
        };
        ongoing.end(end, answered.at_end(end));
        result
    }

    /// Other settings from now on; all that was learned stays.
    ///
    /// # Errors
    /// When no stack can be made of them; nothing changes then.
    pub fn reload(&self, settings: StackSettings) -> Result<(), InvalidStack> {
        settings.check()?;
        self.0.reload(settings);
        Ok(())
    }

    /// Refuses everything, or answers with the fallback, until it is released.
    pub fn force_open(&self) {
        self.0.breaker.force_open();
        self.0.eternal.force_open();
    }

    /// Lets everything through whatever fails, until it is released.
    pub fn force_closed(&self) {
        self.0.breaker.force_closed();
        self.0.eternal.force_closed();
    }

    /// Lets the breaker move by itself again.
    pub fn release(&self) {
        self.0.breaker.release();
        self.0.eternal.release();
    }

    /// What was learned, to be kept for the next start: written every minute or so, and when the process ends.
    pub fn state(&self) -> StackState {
        StackState::of(&self.0)
    }

    /// What was learned before the last stop, this long ago; endpoints must be there, and what is known by now stays.
    ///
    /// # Errors
    /// When the state is of another version; then nothing of it is taken.
    pub fn restore(&self, state: &StackState, age: Duration) -> Result<(), UnknownState> {
        state.restore(&self.0, age)
    }

    /// Its numbers.
    pub fn snapshot(&self) -> StackSnapshot {
        StackSnapshot::of(&self.0)
    }

    /// What it does now, in words: the settings in force, and what was learned.
    pub fn explain(&self) -> Explanation {
        Explanation::of(&self.snapshot())
    }
}
