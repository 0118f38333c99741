//! Trying again, later: with pauses that spread the callers, within the time that is left, and only as far as the budget goes.
//!
//! Another attempt follows only if the result advises it, if the work may be done twice (or certainly never began), if the pause
//! ends before the deadline, and if the budget pays for it, in this order: nothing is paid for that is not made. What is paid for is
//! checked again when the pause ends: attempts count for when they begin, and pauses may end together. During a pause no answer is
//! held, and so no connection and no body; an error is, for if the budget does not cover the attempt any more. A call that waits for
//! the budget before its pause is paid holds the answer too: it is what the caller gets if the wait is in vain. Dropping a call in its
//! pause pays the attempt back.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use crate::attempt::{Advice, Attempt};
use crate::budget::{Budget, BudgetSettings};
use crate::chance::Chance;
use crate::deadline;
use crate::hedge::Outlook;
use crate::live::Live;
use crate::tally::{count, tally};
use crate::{Call, Failure, Listener, PolicyEvent, Refusal, Verdict};
use homeostat_reactor::{Clock, Moment};

mod again;
mod step;

use again::{Again, Stop};
pub use step::{After, Jitter, Pauses, RetrySettings, Step, step};

tally! {
    /// What a retry has seen.
    pub struct RetrySnapshot, Tally {
        /// Calls begun.
        calls,
        /// Attempts after the first.
        retries,
        /// Calls that an attempt after the first ended as wanted.
        recovered,
        /// Failures without another attempt: it was the last one.
        no_attempts_left,
        /// Failures without another attempt: what may have begun must not be done twice.
        not_repeatable,
        /// Failures without another attempt: no time was left.
        no_time_left,
        /// Failures without another attempt: the budget was spent.
        budget_spent,
    }
}

/// Who sees to it that an attempt ends by its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The retry.
    Own,
    /// The work: a second timer for the same moment would be waste.
    OfWork,
}

/// Tries again. Clones are the same policy.
#[derive(Debug, Clone)]
pub struct Retry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    chance: Chance,
    budget: Budget,
    listener: Listener,
    settings: Live<RetrySettings>,
    tally: Tally,
}

/// Makes a [`Retry`].
#[derive(Debug)]
pub struct RetryBuilder(Shared);

impl RetryBuilder {
    /// With these settings and not the default ones.
    #[must_use]
    pub fn settings(self, settings: RetrySettings) -> Self {
        self.0.settings.set(settings);
        self
    }

    /// Paid from this budget, to be shared with the hedges of the same route, and not from one of its own.
    #[must_use]
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.0.budget = budget.clone();
        self
    }

    /// With this source of chance.
    #[must_use]
    pub fn chance(mut self, chance: Chance) -> Self {
        self.0.chance = chance;
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
    pub fn build(self) -> Retry {
        Retry(Arc::new(self.0))
    }
}

impl Retry {
    /// A retry with the default settings and a budget of its own.
    pub fn builder(name: &str, clock: &Clock) -> RetryBuilder {
        RetryBuilder(Shared {
            name: name.into(),
            clock: clock.clone(),
            chance: Chance::default(),
            budget: Budget::new(name, BudgetSettings::default()),
            listener: Listener::default(),
            settings: Live::default(),
            tally: Tally::default(),
        })
    }

    /// Makes the call, up to as often as allowed. `advise` tells what a result says about another attempt; `work` gets the number
    /// of the attempt and what is left of the time.
    ///
    /// # Errors
    /// That of the last attempt; [`Refusal::DeadlinePassed`] if that had not answered by the deadline, [`Refusal::TimedOut`] if not
    /// within the limit of an attempt, or if after a pause the budget did not cover another one. An answer that is judged a failure
    /// is given back as it is, unless a pause followed it.
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
        self.call_timed(call, self.0.clock.now(), advise, work, Timer::Own, &()).await
    }

    /// The same for a call that begins now; with [`Timer::OfWork`] it makes no timer for work that ends by its deadline by itself.
    pub(crate) async fn call_timed<T, E, A, F>(
        &self,
        call: &Call,
        now: Moment,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
        timer: Timer,
        outlook: &impl Outlook,
    ) -> Result<T, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
    {
        let shared = &*self.0;
        let settings = shared.settings.get();
        let mut started = now;
        let call = shared.begin(call, started)?;
        let mut again = Again::new(shared, outlook, settings, call);
        for number in 1.. {
            let attempt = Attempt { call: settings.limit(&call, started), number };
            let until = attempt.call.deadline.filter(|_| timer == Timer::Own);
            let outcome = match deadline::until(&shared.clock, until, pin!(work(attempt))).await {
                Some(result) => {
                    let advice = advise(&result).into();
                    (result.map_err(Failure::Inner), advice)
                }
                None => shared.late(&call, started),
            };
            if !outcome.1.verdict.is_worth_another() {
                shared.done(number, outcome.1.verdict);
                return outcome.0;
            }
            let Some(paid) = again.pay(&outcome.1, number).await else {
                return outcome.0;
            };
            let error = outcome.0.err();
            started = match again.begin(paid).await {
                Ok(begun) => begun,
                Err(Stop::TimeIsUp) => break,
                Err(Stop::NotCovered) => {
                    let after = shared.clock.now().since(now);
                    let given_up = || shared.refuse(&call, Refusal::TimedOut { name: shared.name.to_string(), after });
                    return Err(error.unwrap_or_else(|| given_up().into()));
                }
            };
        }
        Err(shared.refuse(&call, Refusal::DeadlinePassed).into())
    }

    /// Other settings for calls that begin from now on.
    pub fn reload(&self, settings: RetrySettings) {
        self.0.settings.set(settings);
    }

    /// Its numbers.
    pub fn snapshot(&self) -> RetrySnapshot {
        self.0.tally.snapshot()
    }
}

impl Shared {
    fn begin(&self, call: &Call, now: Moment) -> Result<Call, Refusal> {
        count(&self.tally.calls);
        let call = self.budget.count(call, now);
        if call.is_over(now) { Err(self.refuse(&call, Refusal::DeadlinePassed)) } else { Ok(call) }
    }

    /// What becomes of an attempt that did not answer in time. The other side may well have begun with it.
    fn late<T, E>(&self, call: &Call, started: Moment) -> (Result<T, Failure<E>>, Advice) {
        let now = self.clock.now();
        let refusal = if call.is_over(now) {
            Refusal::DeadlinePassed
        } else {
            Refusal::TimedOut { name: self.name.to_string(), after: now.since(started) }
        };
        let refusal = self.refuse(call, refusal);
        let advice = Advice::from(&refusal);
        (Err(refusal.into()), advice)
    }

    fn done(&self, number: u32, verdict: Verdict) {
        if number > 1 && verdict == Verdict::Good {
            count(&self.tally.recovered);
        }
    }

    fn refuse(&self, call: &Call, refusal: Refusal) -> Refusal {
        self.listener.tell(|| PolicyEvent::Refused {
            name: Arc::clone(&self.name),
            refusal: refusal.clone(),
            priority: call.priority,
        });
        refusal
    }
}
