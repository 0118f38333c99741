//! Rate limiting: so many calls a second, counted by the generic cell rate algorithm of the reactor; what is over is refused or waits.
//!
//! Over any span of time `t` at most `burst + rate * t` calls are let through here. With a [`SharedRate`] a store decides for
//! several processes together, and this limiter steps in while the store is away. Calls wait in the order of arrival: a rate
//! is an agreement with the other side, and a place under it is short; who is more important matters in front of a bulkhead.

mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_reactor::flow::{InvalidLimit, Rate, RateError, RateLimiter};
use serde::{Deserialize, Serialize};

use self::shared::Store;
pub use self::shared::{SharedAnswer, SharedRate, SharedRateError, SharedTake};
use crate::{Call, Failure, Listener, PolicyEvent, Refusal};

/// How long a call waits at least before it asks a store again that had nothing for it: a store that says "now" and gives nothing
/// must not be asked in a busy loop.
const ASK_AGAIN_MIN: Duration = Duration::from_millis(1);

/// The settings of a rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateSettings {
    /// How many calls are let through in each period, evenly spread; at least 1.
    pub permits: u32,
    /// The period, in milliseconds; at least 1.
    pub per_ms: u64,
    /// How many calls may come at once after a quiet time; at least 1, which spaces them evenly.
    pub burst: u32,
    /// How long a call that is over the rate may wait, in milliseconds, if its own deadline does not come first. 0 refuses at once.
    /// A call that would have to wait longer is refused at once too: to wait in vain helps nobody.
    pub wait_ms_max: u64,
}

impl Default for RateSettings {
    /// A hundred a second with a tenth of a second's burst, and no waiting.
    fn default() -> Self {
        Self { permits: 100, per_ms: 1_000, burst: 10, wait_ms_max: 0 }
    }
}

impl RateSettings {
    const fn rate(&self) -> Rate {
        Rate::new(self.permits, Duration::from_millis(self.per_ms))
    }
}

/// A rate limit at one moment. Counts are of all time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// The local rate.
    pub rate: Rate,
    /// The local burst.
    pub burst: u32,
    /// How many calls could come at once now, locally.
    pub available: u64,
    /// Calls that wait for the local limiter.
    pub waiting: usize,
    /// Calls let through.
    pub admitted: u64,
    /// Calls refused.
    pub refused: u64,
    /// Whether a shared store should decide, and is away.
    pub is_store_lost: bool,
}

/// Lets so many calls a second through. Cheap to clone; clones share the rate.
///
/// ```
/// # use homeostat_reactor::Clock;
/// # use homeostat_resilience::{Call, rate::RateLimit};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), homeostat_reactor::flow::InvalidLimit> {
/// let limit = RateLimit::builder("mail", &Clock::machine()).permits_per_second(5).burst(1).build()?;
/// assert!(limit.acquire(&Call::default()).await.is_ok());
/// assert!(limit.acquire(&Call::default()).await.is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RateLimit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    listener: Listener,
    local: RateLimiter,
    store: Option<Store>,
    wait_ms_max: AtomicU64,
    admitted: AtomicU64,
    refused: AtomicU64,
}

/// Makes a [`RateLimit`].
#[must_use]
pub struct RateBuilder {
    name: Arc<str>,
    settings: RateSettings,
    clock: Clock,
    listener: Listener,
    store: Option<Arc<dyn SharedRate>>,
}

impl RateBuilder {
    /// All settings at once.
    pub const fn settings(mut self, settings: RateSettings) -> Self {
        self.settings = settings;
        self
    }

    /// So many a second; 100 unless said.
    pub const fn permits_per_second(mut self, permits: u32) -> Self {
        (self.settings.permits, self.settings.per_ms) = (permits, 1_000);
        self
    }

    /// So many at once after a quiet time; 10 unless said.
    pub const fn burst(mut self, burst: u32) -> Self {
        self.settings.burst = burst;
        self
    }

    /// Who is told of refusals, and of a store that is away or back; nobody unless said.
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// The store that decides; the local limiter steps in while it is away. None unless said.
    pub fn store(mut self, store: Arc<dyn SharedRate>) -> Self {
        self.store = Some(store);
        self
    }

    /// The limit.
    ///
    /// # Errors
    /// When the rate or the burst lets nothing through.
    pub fn build(self) -> Result<RateLimit, InvalidLimit> {
        let shared = Shared {
            local: RateLimiter::gcra(self.settings.rate(), self.settings.burst, self.clock.clone())?,
            name: self.name,
            clock: self.clock,
            listener: self.listener,
            store: self.store.map(Store::new),
            wait_ms_max: AtomicU64::new(self.settings.wait_ms_max),
            admitted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Ok(RateLimit { shared: Arc::new(shared) })
    }
}

impl RateLimit {
    /// A limit with the default settings, to be changed.
    pub fn builder(name: impl Into<Arc<str>>, clock: &Clock) -> RateBuilder {
        RateBuilder {
            name: name.into(),
            settings: RateSettings::default(),
            clock: clock.clone(),
            listener: Listener::default(),
            store: None,
        }
    }

    /// Runs `work` once the rate has room for it. It is not even made when there is none in time.
    ///
    /// # Errors
    /// The call's own, or a refusal: over the rate, or past its deadline.
    pub async fn call<T, E, F>(&self, call: &Call, work: impl FnOnce() -> F) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.acquire(call).await?;
        work().await.map_err(Failure::Inner)
    }

    /// Takes a place under the rate, at the latest when the wait limit or the deadline comes. Dropping the future gives a place that
    /// it waited for back.
    ///
    /// # Errors
    /// A refusal: over the rate, or past its deadline.
    pub async fn acquire(&self, call: &Call) -> Result<(), Refusal> {
        let shared = &*self.shared;
        let taken = shared.take(call).await;
        let count = if taken.is_ok() { &shared.admitted } else { &shared.refused };
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(refusal) = &taken {
            let (name, priority) = (&shared.name, call.priority);
            shared.listener.tell(|| PolicyEvent::Refused {
                name: Arc::clone(name),
                refusal: refusal.clone(),
                priority,
            });
        }
        taken
    }

    /// Goes on with other settings, also for those who wait. What was saved up stays, up to the new burst.
    ///
    /// # Errors
    /// When the rate or the burst lets nothing through; nothing changes then.
    pub fn reload(&self, settings: &RateSettings) -> Result<(), InvalidLimit> {
        self.shared.local.change(settings.rate(), settings.burst)?;
        self.shared.wait_ms_max.store(settings.wait_ms_max, Ordering::Relaxed);
        Ok(())
    }

    /// What it looks like now.
    pub fn snapshot(&self) -> RateSnapshot {
        let local = self.shared.local.snapshot();
        RateSnapshot {
            name: Arc::clone(&self.shared.name),
            rate: local.rate,
            burst: local.burst,
            available: local.available,
            waiting: local.waiting,
            admitted: self.shared.admitted.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
            is_store_lost: self.shared.store.as_ref().is_some_and(Store::is_lost),
        }
    }
}

impl Shared {
    async fn take(&self, call: &Call) -> Result<(), Refusal> {
        let begun = self.clock.now();
        if call.is_over(begun) {
            return Err(Refusal::DeadlinePassed);
        }
        let patience = Duration::from_millis(self.wait_ms_max.load(Ordering::Relaxed));
        let until = begun + patience;
        if let Some(store) = &self.store {
            while let Some(answer) = store.take(&self.clock, &self.name, &self.listener).await {
                let SharedAnswer::NotYet { wait } = answer else { return self.unless_over(call) };
                let wait = wait.max(ASK_AGAIN_MIN);
                self.check_wait(call, wait, until.since(self.clock.now()))?;
                self.clock.sleep(wait).await;
            }
        }
        self.take_locally(call, until.since(self.clock.now())).await
    }

    async fn take_locally(&self, call: &Call, patience: Duration) -> Result<(), Refusal> {
        let wait = match self.local.try_acquire(1) {
            Ok(()) => return self.unless_over(call),
            Err(error) => wait_of(error),
        };
        self.check_wait(call, wait, patience)?;
        let patience = call.remaining(self.clock.now()).map_or(patience, |remaining| remaining.min(patience));
        match self.clock.within(patience, self.local.acquire(1)).await {
            Some(Ok(())) => self.unless_over(call),
            Some(Err(error)) => Err(self.limited(wait_of(error))),
            None => self.unless_over(call).and_then(|()| Err(self.limited(wait))),
        }
    }

    /// Refuses at once what would wait in vain.
    fn check_wait(&self, call: &Call, wait: Duration, patience: Duration) -> Result<(), Refusal> {
        if wait > patience {
            return Err(self.limited(wait));
        }
        match call.remaining(self.clock.now()) {
            Some(remaining) if wait >= remaining => Err(Refusal::DeadlinePassed),
            _ => Ok(()),
        }
    }

    fn unless_over(&self, call: &Call) -> Result<(), Refusal> {
        if call.is_over(self.clock.now()) { Err(Refusal::DeadlinePassed) } else { Ok(()) }
    }

    fn limited(&self, retry_in: Duration) -> Refusal {
        Refusal::RateLimited { name: self.name.to_string(), retry_in }
    }
}

const fn wait_of(error: RateError) -> Duration {
    match error {
        RateError::NotYet { wait } | RateError::TooManyWaiting { wait, .. } => wait,
        // One token is never more than a burst, which is at least 1.
        RateError::MoreThanBurst { .. } => Duration::ZERO,
    }
}
