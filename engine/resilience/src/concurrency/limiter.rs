//! The adaptive limit around calls: counts who is under way, refuses what is too much, and has the learner see every call that
//! ends.
//!
//! Letting in takes no lock: one atomic count against the ceiling of the priority. A call that ends takes a short lock to be learned from.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homeostat_reactor::{Clock, Moment};
use serde::Serialize;

use super::learner::{Ending, Learner, Sample};
use super::running::Running;
use super::settings::ConcurrencySettings;
use crate::chance::Chance;
use crate::shares::PerPriority;
use crate::{Call, Failure, Judge, Listener, PolicyEvent, Priority, Refusal, judge_result};

/// By how much the limit has moved before it is told: the small steps of every window would be noise.
const TOLD_MOVE_SHARE: f64 = 0.1;

/// An adaptive limit at one moment. Counts are of all time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConcurrencySnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// How the limit is found.
    pub algorithm: &'static str,
    /// How many calls may be under way now.
    pub limit: usize,
    /// The limit that was learned; `limit` is lower while the least latency is measured.
    pub learned_limit: f64,
    /// Whether the least latency is being measured.
    pub is_probing: bool,
    /// The least latency, in seconds, once it was measured.
    pub least_latency_secs: Option<f64>,
    /// The latency of late, in seconds, once it was measured.
    pub latency_secs: Option<f64>,
    /// How many calls may be under way for one more of each priority to be let in.
    pub ceilings: PerPriority<usize>,
    /// Calls under way.
    pub in_flight: usize,
    /// Calls let in.
    pub admitted: PerPriority<u64>,
    /// Calls refused.
    pub refused: PerPriority<u64>,
}

/// Lets in as many calls as the other side can take. Cheap to clone; clones share the limit.
///
/// ```
/// # use homeostat_reactor::{Clock, Moment};
/// # use homeostat_resilience::{Call, concurrency::ConcurrencyLimiter};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let limiter = ConcurrencyLimiter::builder("inventory", &Clock::machine()).build();
/// let answer = limiter.call(&Call::default(), || async { Ok::<_, std::io::Error>(3) }).await;
/// assert!(matches!(answer, Ok(3)));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ConcurrencyLimiter {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    name: Arc<str>,
    pub(super) clock: Clock,
    chance: Chance,
    listener: Listener,
    in_flight: AtomicUsize,
    ceilings: PerPriority<AtomicUsize>,
    limit: AtomicUsize,
    admitted: PerPriority<AtomicU64>,
    refused: PerPriority<AtomicU64>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    settings: ConcurrencySettings,
    pub(super) learner: Learner,
    told: usize,
}

/// Makes a [`ConcurrencyLimiter`].
#[derive(Debug)]
pub struct ConcurrencyBuilder {
    name: Arc<str>,
    settings: ConcurrencySettings,
    clock: Clock,
    chance: Chance,
    listener: Listener,
}

impl ConcurrencyBuilder {
    /// All settings at once.
    #[must_use]
    pub fn settings(mut self, settings: ConcurrencySettings) -> Self {
        self.settings = settings;
        self
    }

    /// Where chance comes from; the machine's unless said.
    #[must_use]
    pub fn chance(mut self, chance: Chance) -> Self {
        self.chance = chance;
        self
    }

    /// Who is told of refusals and of the limit's moves; nobody unless said.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// The limiter.
    pub fn build(self) -> ConcurrencyLimiter {
        let learner = Learner::new(&self.settings, self.clock.now());
        let told = learner.learned() as usize;
        let shared = Shared {
            name: self.name,
            clock: self.clock,
            chance: self.chance,
            listener: self.listener,
            in_flight: AtomicUsize::new(0),
            ceilings: PerPriority::default(),
            limit: AtomicUsize::new(0),
            admitted: PerPriority::default(),
            refused: PerPriority::default(),
            state: Mutex::new(State { settings: self.settings, learner, told }),
        };
        shared.apply(&shared.lock());
        ConcurrencyLimiter { shared: Arc::new(shared) }
    }
}

impl ConcurrencyLimiter {
    /// A limiter with the default settings, to be changed.
    pub fn builder(name: impl Into<Arc<str>>, clock: &Clock) -> ConcurrencyBuilder {
        ConcurrencyBuilder {
            name: name.into(),
            settings: ConcurrencySettings::default(),
            clock: clock.clone(),
            chance: Chance::default(),
            listener: Listener::default(),
        }
    }

    /// Runs `work` if the limit has room for its priority, and learns from how it ends: every error is a failure. It is not even
    /// made when there is no room.
    ///
    /// # Errors
    /// The call's own, or a refusal: full, shed, or past its deadline.
    pub async fn call<T, E, F>(&self, call: &Call, work: impl FnOnce() -> F) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.call_judged(call, &judge_result, work).await
    }

    /// The same, where a judge tells what a result says.
    ///
    /// # Errors
    /// The call's own, or a refusal: full, shed, or past its deadline.
    pub async fn call_judged<T, E, F>(
        &self,
        call: &Call,
        judge: &impl Judge<T, E>,
        work: impl FnOnce() -> F,
    ) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let running = self.enter(call, self.shared.clock.now())?;
        let result = work().await;
        running.finish(judge.judge(&result));
        result.map_err(Failure::Inner)
    }

    /// Counts a call as under way, if the limit has room for its priority.
    ///
    /// # Errors
    /// A refusal: full, shed, or past its deadline.
    pub fn try_start(&self, call: &Call) -> Result<Running, Refusal> {
        let started = self.shared.clock.now();
        Ok(Running::new(self.clone(), started, self.admit(call, started)?))
    }

    /// The same for whoever keeps the limiter in sight and has just looked at the clock.
    pub(crate) fn enter(&self, call: &Call, now: Moment) -> Result<Running<&Self>, Refusal> {
        Ok(Running::new(self, now, self.admit(call, now)?))
    }

    /// The same for whoever would rather wait than be refused: nobody is told, and nothing counted, if there is no room.
    pub(crate) fn enter_if_room(&self, call: &Call, now: Moment) -> Option<Running<&Self>> {
        let in_flight = self.shared.take_place(call.priority).ok()?;
        Some(Running::new(self, now, in_flight))
    }

    /// How many calls may be under way now, and whether one more may.
    pub(crate) fn room(&self) -> (usize, bool) {
        let limit = self.shared.limit.load(Ordering::Relaxed);
        (limit, self.shared.in_flight.load(Ordering::Relaxed) < limit)
    }

    /// How many calls are under way with this one.
    fn admit(&self, call: &Call, now: Moment) -> Result<usize, Refusal> {
        let (shared, priority) = (&self.shared, call.priority);
        if call.is_over(now) {
            return Err(shared.refuse(Refusal::DeadlinePassed, priority));
        }
        shared.take_place(priority).map_err(|in_flight| {
            shared.refused[priority].fetch_add(1, Ordering::Relaxed);
            let name = shared.name.to_string();
            let refusal = if in_flight < shared.limit.load(Ordering::Relaxed) {
                Refusal::Shed { name, priority }
            } else {
                Refusal::Full { name, in_flight, waiting: 0 }
            };
            shared.refuse(refusal, priority)
        })
    }

    /// A call ended. Here and not where it is dropped, which is compiled anew for each caller and not as one piece.
    pub(super) fn ended(&self, sample: Sample) {
        self.shared.end(sample);
    }

    /// A call that was counted as good turned out, after its end here, to have been one too many.
    pub(crate) fn said_full(&self) {
        let in_flight = self.shared.in_flight.load(Ordering::Relaxed);
        let ended = self.shared.clock.now();
        self.shared.learn(Sample { ended, latency_secs: 0.0, in_flight, ending: Ending::Full });
    }

    /// Goes on with other settings; the limit stays as learned, as far as the new bounds let it.
    pub fn reload(&self, settings: ConcurrencySettings) {
        let mut state = self.shared.lock();
        state.learner.change(&settings);
        state.settings = settings;
        self.shared.apply(&state);
    }

    /// What it looks like now.
    pub fn snapshot(&self) -> ConcurrencySnapshot {
        let shared = &self.shared;
        let state = shared.lock();
        let count = |of: &PerPriority<AtomicU64>| PerPriority::from_fn(|p| of[p].load(Ordering::Relaxed));
        ConcurrencySnapshot {
            name: Arc::clone(&shared.name),
            algorithm: state.learner.algorithm(),
            limit: state.learner.limit(),
            learned_limit: state.learner.learned(),
            is_probing: state.learner.is_probing(),
            least_latency_secs: state.learner.least_latency().map(|latency| latency.duration().as_secs_f64()),
            latency_secs: state.learner.latency().map(|latency| latency.duration().as_secs_f64()),
            ceilings: PerPriority::from_fn(|priority| shared.ceilings[priority].load(Ordering::Relaxed)),
            in_flight: shared.in_flight.load(Ordering::Relaxed),
            admitted: count(&shared.admitted),
            refused: count(&shared.refused),
        }
    }
}

impl Shared {
    /// Counts a call as under way: how many are now, with it; or how many there are, when that is too many for its priority.
    fn take_place(&self, priority: Priority) -> Result<usize, usize> {
        let ceiling = self.ceilings[priority].load(Ordering::Relaxed);
        let room = |in_flight: usize| (in_flight < ceiling).then_some(in_flight + 1);
        let before = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)?;
        self.admitted[priority].fetch_add(1, Ordering::Relaxed);
        Ok(before + 1)
    }

    /// Has the ceilings follow the limit. Under the lock, so that an older limit never overwrites a newer one.
    pub(super) fn apply(&self, state: &State) {
        let limit = state.learner.limit();
        self.limit.store(limit, Ordering::Relaxed);
        let ceilings = state.settings.ceilings(limit);
        for priority in Priority::ALL {
            self.ceilings[priority].store(ceilings[priority], Ordering::Relaxed);
        }
    }

    /// A call ended.
    pub(super) fn end(&self, sample: Sample) {
        // Before learning: whoever a higher limit lets in must not be refused for a call that is over.
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.learn(sample);
    }

    fn learn(&self, mut sample: Sample) {
        let moved = {
            let mut state = self.lock();
            let before = state.learner.limit();
            if state.learner.is_ahead_of(sample.ended) {
                // Another call that looked at the clock later came first: only what it shows now can be a clock that went back.
                sample.ended = self.clock.now();
            }
            state.learner.observe(&sample, self.chance.fraction());
            if state.learner.limit() != before {
                self.apply(&state);
            }
            state.moved()
        };
        if let Some((from, to)) = moved {
            self.listener.tell(|| PolicyEvent::LimitMoved { name: Arc::clone(&self.name), from, to });
        }
    }

    fn refuse(&self, refusal: Refusal, priority: Priority) -> Refusal {
        self.listener.tell(|| PolicyEvent::Refused {
            name: Arc::clone(&self.name),
            refusal: refusal.clone(),
            priority,
        });
        refusal
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The limit told last and the learned one, if they are far enough apart to be told.
    fn moved(&mut self) -> Option<(usize, usize)> {
        let (from, to) = (self.told, self.learner.learned() as usize);
        if (from.abs_diff(to) as f64) < (from as f64 * TOLD_MOVE_SHARE).max(1.0) {
            return None;
        }
        self.told = to;
        Some((from, to))
    }
}
