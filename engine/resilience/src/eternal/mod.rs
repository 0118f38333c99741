//! Eternal mode, for calls that must not be refused: there is always an answer, if only the fallback's, and recovery is always
//! looked for.
//!
//! Around an essential dependency, by whoever has something to offer in its place. While its breaker is closed it is a plain call
//! with a timeout. When too much fails, a call prepares the fallback, and if the budget allows probes beside it: the first good
//! answer, or the fallback. Good probes close the breaker again. It never gives up, because the budget always refills; it never
//! storms, because probes are all that goes out, never more than the budget, however many callers there are and however they
//! fail. Without callers it asks nobody. A breaker that was opened by hand is not probed either.

mod attempt;
pub mod core;
mod memory;
pub mod settings;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_reactor::flow::{Rate, RateLimiter};
use serde::{Deserialize, Serialize};

use self::core::Core;
pub use self::memory::EternalMemory;
pub use self::settings::{EternalSettings, InvalidEternal};
use crate::breaker::{Breaker, BreakerSnapshot};
use crate::chance::Chance;
use crate::{Listener, PolicyEvent};

/// A call that always has an answer. Cheap to clone; clones share what they learn, and the budget.
///
/// While all is well it costs about 0.2 microseconds beside the call, half of it the clock, and a timer if the answer is not there
/// at once.
///
/// ```
/// # use homeostat_reactor::ManualClock;
/// # use homeostat_resilience::{Call, judge_result, eternal::{Answer, Eternal}};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), homeostat_resilience::eternal::InvalidEternal> {
/// let prices = Eternal::builder("prices", &ManualClock::new().clock()).build()?;
/// let ask = |_| async { Err::<u32, _>("no route") };
/// let answer = prices.call(&Call::idempotent(), judge_result, ask, || async { Ok(41) }).await;
/// assert_eq!(answer, Ok(Answer::Fallback(41)));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Eternal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    listener: Listener,
    breaker: Breaker,
    budget: RateLimiter,
    core: Mutex<Core>,
    fallbacks: AtomicU64,
}

/// An answer, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    /// The call's.
    Fresh(T),
    /// The fallback's.
    Fallback(T),
}

impl<T> Answer<T> {
    /// The answer, whoever gave it.
    pub fn into_inner(self) -> T {
        match self {
            Self::Fresh(answer) | Self::Fallback(answer) => answer,
        }
    }

    /// Whether it is the call's.
    pub const fn is_fresh(&self) -> bool {
        matches!(self, Self::Fresh(_))
    }
}

/// Eternal mode at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EternalSnapshot {
    /// Its name.
    pub name: String,
    /// How bad things are, from 0 for all well to 1 for nothing works.
    pub degradation: f64,
    /// How long the next probe may take, unless it is one of those with the longest timeout.
    pub timeout: Duration,
    /// Good probes in a row.
    pub good_in_a_row: u32,
    /// Probes under way.
    pub probes_in_flight: u32,
    /// Probes sent so far.
    pub probes: u64,
    /// Probes that could be sent at once.
    pub budget: u64,
    /// How many answers were the fallback's.
    pub fallbacks: u64,
    /// The breaker inside.
    pub breaker: BreakerSnapshot,
}

/// Makes an [`Eternal`].
#[derive(Debug)]
pub struct EternalBuilder {
    name: Arc<str>,
    settings: EternalSettings,
    clock: Clock,
    listener: Listener,
    chance: Chance,
}

impl EternalBuilder {
    /// With these settings instead of the defaults.
    #[must_use]
    pub fn settings(self, settings: EternalSettings) -> Self {
        Self { settings, ..self }
    }

    /// Telling somebody.
    #[must_use]
    pub fn listener(self, listener: Listener) -> Self {
        Self { listener, ..self }
    }

    /// With this chance instead of one of the machine's.
    #[must_use]
    pub fn chance(self, chance: Chance) -> Self {
        Self { chance, ..self }
    }

    /// Eternal mode, all well.
    ///
    /// # Errors
    /// When it cannot work with the settings.
    pub fn build(self) -> Result<Eternal, InvalidEternal> {
        self.settings.check()?;
        let clock = self.clock;
        let breaker = Breaker::builder(&self.name, &clock).settings(self.settings.breaker).chance(self.chance);
        let (rate, burst) = budget_of(&self.settings);
        Ok(Eternal(Arc::new(Shared {
            name: self.name,
            breaker: breaker.listener(self.listener.clone()).build()?,
            listener: self.listener,
            budget: RateLimiter::gcra(rate, burst, clock.clone()).expect("checked settings have a rate and a burst"),
            clock,
            core: Mutex::new(Core::new(self.settings)),
            fallbacks: AtomicU64::new(0),
        })))
    }
}

impl Eternal {
    /// One of this name on this clock, to be built.
    pub fn builder(name: &str, clock: &Clock) -> EternalBuilder {
        EternalBuilder {
            name: name.into(),
            settings: EternalSettings::default(),
            clock: clock.clone(),
            listener: Listener::default(),
            chance: Chance::default(),
        }
    }

    /// Opens it by hand: every answer is the fallback's, and nothing is probed, until it is released.
    pub fn force_open(&self) {
        self.0.breaker.force_open();
    }

    /// Closes it by hand: every call is made, until it is released.
    pub fn force_closed(&self) {
        self.0.breaker.force_closed();
    }

    /// Lets it move by itself again.
    pub fn release(&self) {
        self.0.breaker.release();
    }

    /// Goes on with other settings and all that was learned; what the budget has saved up stays, up to its new burst.
    ///
    /// # Errors
    /// When it cannot work with the settings; nothing changes then.
    pub fn reload(&self, settings: EternalSettings) -> Result<(), InvalidEternal> {
        settings.check()?;
        self.0.breaker.reload(settings.breaker)?;
        let (rate, burst) = budget_of(&settings);
        self.0.budget.change(rate, burst).expect("checked settings have a rate and a burst");
        self.core().reload(settings);
        Ok(())
    }

    /// It in numbers.
    pub fn snapshot(&self) -> EternalSnapshot {
        let (breaker, budget) = (self.0.breaker.snapshot(), self.0.budget.snapshot().available);
        let core = self.core();
        EternalSnapshot {
            name: self.0.name.to_string(),
            degradation: core.degradation(),
            timeout: core.timeout(),
            good_in_a_row: core.in_a_row(),
            probes_in_flight: core.in_flight(),
            probes: core.probes(),
            budget,
            fallbacks: self.0.fallbacks.load(Ordering::Relaxed),
            breaker,
        }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fell_back(&self, because: &'static str) {
        self.0.fallbacks.fetch_add(1, Ordering::Relaxed);
        self.0.listener.tell(|| PolicyEvent::FellBack { name: Arc::clone(&self.0.name), because: because.to_owned() });
    }
}

fn budget_of(settings: &EternalSettings) -> (Rate, u32) {
    (Rate::per_second(settings.probes_per_s), settings.burst())
}
