//! A second attempt while the first still runs: against the one answer in a hundred that takes ten times as long.
//!
//! Another attempt starts when the latest has run for longer than a percentile of the route's recent good answers, when the
//! caller's own pace says so ([`Pace`]), or when the outlook of what is under way is poor ([`Outlook`]); and at once when one fails.
//! The first acceptable answer wins and the others are dropped, which cancels them. Always: no more attempts under way or in all than the settings say; every one after the first is paid from
//! the budget that the retries use; and what may not be done twice is never under way twice: it goes on to a second attempt only
//! when the first certainly never began.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use serde::{Deserialize, Serialize};

use crate::attempt::{Advice, Attempt};
use crate::budget::{Budget, BudgetSettings};
use crate::latency::Latencies;
use crate::live::Live;
use crate::tally::{count, tally};
use crate::{Call, Failure, Listener, PolicyEvent, Refusal, Verdict};

mod course;
mod memory;
mod race;

use course::Course;
pub use course::Start;
use race::{Race, Turn};

/// How fast the latencies of a route are forgotten: fast enough to follow a change within a minute, slow enough that a route with
/// one call a second still has dozens of answers to take a percentile of.
const HALF_LIFE: Duration = Duration::from_secs(30);

/// An attempt is never waited for longer than so many times the typical good answer. Attempts that hang count as slow answers,
/// because nothing tells them apart; without this bound a few endpoints that hang would drive the percentile up and up. Ten: the
/// 95th percentile of most services lies between twice and eight times the median.
const PATIENCE_TYPICAL_MAX: u32 = 10;
/// The typical answer; below the median, because nearly half of what is seen may be attempts that hang.
const TYPICAL: f64 = 0.4;

/// For so long the patience that was reckoned holds: reckoning takes a microsecond, and nothing is learned faster than this.
const RECKON_EVERY: Duration = Duration::from_millis(50);

/// When and how often to start another attempt beside one that runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeSettings {
    /// The fraction of good answers that are there before another attempt starts. 0.95 by default: one call in twenty is made
    /// twice, which takes most of the tail away.
    pub percentile: f64,
    /// No attempt starts sooner than this many milliseconds after the one before. 2 by default: under it the timer and the
    /// scheduler weigh as much as the wait.
    pub delay_min_ms: u64,
    /// As many good answers must have come lately, or time starts no attempt. 20 by default: a 95th percentile of fewer is chance.
    pub answers_min: f64,
    /// Attempts that may be under way at once. 3 by default: a fourth gains next to nothing.
    pub in_flight_max: u32,
    /// Attempts in all, those that failed included. 4 by default.
    pub attempts_max: u32,
}

impl Default for HedgeSettings {
    fn default() -> Self {
        Self { percentile: 0.95, delay_min_ms: 2, answers_min: 20.0, in_flight_max: 3, attempts_max: 4 }
    }
}

/// Tells when to start another attempt, in place of the percentile that the hedge learns itself. A closure is one.
pub trait Pace: Send + Sync {
    /// How long after the start of the latest attempt the next one starts, which would have number `next`; at once with zero,
    /// never by time with `None`. Asked once after each start, on the caller's task.
    fn patience(&self, call: &Call, next: u32, now: Moment) -> Option<Duration>;
}

impl<F: Fn(&Call, u32, Moment) -> Option<Duration> + Send + Sync> Pace for F {
    fn patience(&self, call: &Call, next: u32, now: Moment) -> Option<Duration> {
        self(call, next, now)
    }
}

/// Knows more of a call under way than how long it runs: whoever chose the endpoints, and sees how other calls fare there.
pub trait Outlook {
    /// Whether another attempt may start for this reason at all.
    fn allows(&self, why: Start, call: &Call, now: Moment) -> bool;

    /// Whether what is under way for this call will probably not end well: then another attempt starts without waiting for the
    /// percentile. Asked after each start and then again and again, on the caller's task.
    fn is_poor(&self, call: &Call, now: Moment) -> bool;

    /// What another attempt that begins now promises, from 0 to 1: how likely it is that nothing under way ends well and that there is
    /// time enough for a good answer. When the budget is short, it goes to those that promise most.
    fn promise(&self, call: &Call, now: Moment) -> f32;

    /// How long until it is asked again; never with `None`.
    fn look_again(&self) -> Option<Duration>;

    /// How long until it is asked for the first time: at once where it is poor from the start, so that several attempts begin together.
    fn first_look(&self, call: &Call, started: Moment) -> Option<Duration> {
        self.look_again().map(|pause| if self.is_poor(call, started) { Duration::ZERO } else { pause })
    }
}

/// Nothing more is known.
impl Outlook for () {
    fn allows(&self, _: Start, _: &Call, _: Moment) -> bool {
        true
    }

    fn is_poor(&self, _: &Call, _: Moment) -> bool {
        false
    }

    fn promise(&self, _: &Call, _: Moment) -> f32 {
        1.0
    }

    fn look_again(&self) -> Option<Duration> {
        None
    }
}

tally! {
    /// What a hedge has seen.
    pub struct HedgeSnapshot, Tally {
        /// Calls begun.
        calls,
        /// Attempts started beside one that ran.
        fired,
        /// Calls that such an attempt answered.
        won,
        /// Attempts dropped because another one answered.
        wasted,
        /// Attempts started in place of one that failed.
        failed_over,
        /// Calls whose time was up.
        too_late,
    }
}

/// Starts further attempts. Clones are the same policy.
#[derive(Debug, Clone)]
pub struct Hedge(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    clock: Clock,
    budget: Budget,
    listener: Listener,
    settings: Live<HedgeSettings>,
    latencies: Latencies,
    /// The patience that was reckoned last, and when.
    known: Live<Option<(Moment, Duration)>>,
    pace: Option<Arc<dyn Pace>>,
    tally: Tally,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hedge").field("name", &self.name).field("tally", &self.tally).finish_non_exhaustive()
    }
}

/// Makes a [`Hedge`].
#[derive(Debug)]
pub struct HedgeBuilder(Shared);

impl HedgeBuilder {
    /// With these settings and not the default ones.
    #[must_use]
    pub fn settings(self, settings: HedgeSettings) -> Self {
        self.0.settings.set(settings);
        self
    }

    /// Paid from this budget, to be shared with the retries of the same route, and not from one of its own.
    #[must_use]
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.0.budget = budget.clone();
        self
    }

    /// At this pace, and not at a percentile.
    #[must_use]
    pub fn pace(mut self, pace: impl Pace + 'static) -> Self {
        self.0.pace = Some(Arc::new(pace));
        self
    }

    /// With somebody who is told.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.0.listener = listener;
        self
    }

    /// The policy.
    #[must_use]
    pub fn build(self) -> Hedge {
        Hedge(Arc::new(self.0))
    }
}

impl Hedge {
    /// A hedge with the default settings, a percentile that it learns and a budget of its own.
    pub fn builder(name: &str, clock: &Clock) -> HedgeBuilder {
        HedgeBuilder(Shared {
            name: name.into(),
            clock: clock.clone(),
            budget: Budget::new(name, BudgetSettings::default()),
            listener: Listener::default(),
            settings: Live::default(),
            latencies: Latencies::new(HALF_LIFE),
            known: Live::default(),
            pace: None,
            tally: Tally::default(),
        })
    }

    /// Makes the call. `advise` tells whether a result is acceptable (it is when no other attempt may end better); `work` gets the
    /// number of the attempt, so that it can ask somebody else each time.
    ///
    /// # Errors
    /// That of the attempt that failed last when none is acceptable; [`Refusal::TimedOut`] when time was up before, or
    /// [`Refusal::DeadlinePassed`] when it was before the first attempt. An answer that is judged a failure is given back as it is,
    /// for want of a better one.
    pub async fn call<T, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
    ) -> Result<T, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
    {
        self.call_watched(call, advise, work, &()).await
    }

    /// The same, where an attempt also starts as soon as the outlook of those under way is poor.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_watched<T, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
        outlook: &impl Outlook,
    ) -> Result<T, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
    {
        let now = || self.0.clock.now();
        self.call_begun(call, now(), advise, work, outlook, |_| now()).await
    }

    /// The same for a call that begins now, and tells when an answer came that ends it.
    pub(crate) async fn call_begun<T, E, A, F>(
        &self,
        call: &Call,
        now: Moment,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
        outlook: &impl Outlook,
        answered: impl Fn(Verdict) -> Moment,
    ) -> Result<T, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
    {
        let shared = &*self.0;
        let call = shared.begin(call, now)?;
        let mut first = pin!(None);
        let mut course = Course::new(shared, call, Race::new(first.as_mut()), outlook);
        course.start(Start::First, now, &work);
        loop {
            match course.turn().await {
                Turn::Ended(runner, result) => {
                    let advice = advise(&result).into();
                    if !advice.verdict.is_worth_another() {
                        course.won(runner, advice.verdict, answered(advice.verdict));
                        return result.map_err(Failure::Inner);
                    }
                    // An attempt that time ended may be told of before the call is: nothing starts in its place.
                    let may = advice.allows_another(call.is_idempotent) && !call.is_over(shared.clock.now());
                    course.start_if(Start::InPlace, may, &work);
                    if course.is_empty() {
                        return result.map_err(Failure::Inner);
                    }
                }
                Turn::Due => {
                    let looked = shared.clock.now();
                    if call.is_over(looked) {
                        let (name, after) = (shared.name.to_string(), looked.since(now));
                        return Err(shared.too_late(&call, Refusal::TimedOut { name, after }).into());
                    }
                    course.look(&work);
                }
            }
        }
    }

    /// Other settings for calls that begin from now on; the latencies learned stay.
    pub fn reload(&self, settings: HedgeSettings) {
        self.0.settings.set(settings);
        self.0.known.set(None);
    }

    /// Its numbers.
    pub fn snapshot(&self) -> HedgeSnapshot {
        self.0.tally.snapshot()
    }

    /// How long an attempt runs now before another one starts; `None` as long as too little is known.
    pub fn patience(&self) -> Option<Duration> {
        let now = self.0.clock.now();
        self.0.patience(&self.0.settings.get(), &Call::idempotent(), 2, now)
    }
}

impl Shared {
    fn begin(&self, call: &Call, now: Moment) -> Result<Call, Refusal> {
        count(&self.tally.calls);
        let call = self.budget.count(call, now);
        if call.is_over(now) { Err(self.too_late(&call, Refusal::DeadlinePassed)) } else { Ok(call) }
    }

    fn too_late(&self, call: &Call, refusal: Refusal) -> Refusal {
        count(&self.tally.too_late);
        self.listener.tell(|| PolicyEvent::Refused {
            name: Arc::clone(&self.name),
            refusal: refusal.clone(),
            priority: call.priority,
        });
        refusal
    }

    fn patience(&self, settings: &HedgeSettings, call: &Call, next: u32, now: Moment) -> Option<Duration> {
        if let Some(pace) = &self.pace {
            return pace.patience(call, next, now);
        }
        if let Some((at, patience)) = self.known.get()
            && now >= at
            && now.since(at) < RECKON_EVERY
        {
            return Some(patience);
        }
        // A hedge that wins adds an answer to those of the first attempts: of 100 calls with 5 hedges there are up to 105.
        let percentile = 1.0 / (2.0 - settings.percentile.clamp(0.0, 1.0));
        let [typical, slow] = self.latencies.quantiles([TYPICAL, percentile], settings.answers_min, now)?;
        let patience = slow.min(typical * PATIENCE_TYPICAL_MAX).max(Duration::from_millis(settings.delay_min_ms));
        self.known.set(Some((now, patience)));
        Some(patience)
    }
}
