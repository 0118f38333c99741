//! The calls of eternal mode: straight through while all is well, else probes beside a fallback that is being prepared.
//!
//! Dropped at any point, a probe's place is free again; what it took from the budget is not given back, because it was sent.

use std::pin::pin;
use std::time::Duration;

use homeostat_reactor::Moment;

use super::core::Probe;
use super::{Answer, Eternal};
use crate::breaker::Door;
use crate::{Advice, Attempt, Call, Verdict, deadline};

/// A probe under way; dropped, it is given up.
struct Guard<'a> {
    eternal: &'a Eternal,
    probe: Option<Probe>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.probe.take().is_some() {
            self.eternal.core().give_up();
        }
    }
}

/// What came of the probes of one call.
enum Probed<T, E> {
    /// An answer for the caller.
    Answered(Result<T, E>),
    /// None, and why.
    Nothing(&'static str),
}

impl Eternal {
    /// Makes the call, or has the fallback answer. `advise` tells what a result says: an error that it ignores is the caller's own,
    /// and comes back as it is. `work` gets the number of the attempt and what is left of its time; it is asked once while all is
    /// well, and otherwise at most `attempts_max` times, one after the other, more than once only if the call may be made twice.
    /// `fallback` is asked at most once, and beside the probes. It has no limit, nor does the deadline end it: there is nothing that
    /// could be given in its place. One that may hang must bound itself.
    ///
    /// # Errors
    /// The caller's own error, or the fallback's. Never a refusal.
    pub async fn call<T, E, A, F, G>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
        fallback: impl FnOnce() -> G,
    ) -> Result<Answer<T>, E>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
        G: Future<Output = Result<T, E>>,
    {
        let now = self.0.clock.now();
        let answer = self.call_limited(call, now, advise, work, fallback, None).await;
        answer.expect("a fallback without a limit is waited for")
    }

    /// The same for a call that begins now, where the fallback has no longer than `limit` from when it is needed, beyond the deadline
    /// if need be; `None` if it takes longer.
    pub(crate) async fn call_limited<T, E, A, F, G>(
        &self,
        call: &Call,
        now: Moment,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
        fallback: impl FnOnce() -> G,
        limit: Option<Duration>,
    ) -> Option<Result<Answer<T>, E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
        G: Future<Output = Result<T, E>>,
    {
        let because = match self.0.breaker.knock(now) {
            Ok(permit) => {
                let longest = self.core().longest();
                let (verdict, result, ended) = self.attempt(call, now, advise, work, 1, longest).await;
                self.core().learn(verdict, ended.since(now));
                permit.end_at(Some(ended), verdict);
                match result {
                    Some(result) if is_an_answer(verdict) => return Some(result.map(Answer::Fresh)),
                    _ => "the call failed",
                }
            }
            Err((Door::Shut, _)) => "opened by hand",
            Err((Door::Open | Door::Guarded, generation)) => {
                // On the heap, as few calls come here: its frame would be made room for with every call.
                return Box::pin(self.call_degraded(call, advise, work, fallback, generation, limit)).await;
            }
        };
        self.fall_back(because, fallback(), limit).await
    }

    async fn call_degraded<T, E, A, F, G>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
        fallback: impl FnOnce() -> G,
        generation: u64,
        limit: Option<Duration>,
    ) -> Option<Result<Answer<T>, E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
        G: Future<Output = Result<T, E>>,
    {
        let mut probing = pin!(self.probe(call, advise, work, generation));
        let mut fallback = pin!(fallback());
        let mut prepared = None;
        let probed = loop {
            tokio::select! {
                biased;
                probed = &mut probing => break probed,
                ready = &mut fallback, if prepared.is_none() => prepared = Some(ready),
            }
        };
        match probed {
            Probed::Answered(result) => Some(result.map(Answer::Fresh)),
            Probed::Nothing(because) => {
                let rest = async {
                    match prepared {
                        Some(result) => result,
                        None => fallback.await,
                    }
                };
                self.fall_back(because, rest, limit).await
            }
        }
    }

    /// What the fallback gives, if it does within the limit from now.
    async fn fall_back<T, E>(
        &self,
        because: &'static str,
        fallback: impl Future<Output = Result<T, E>>,
        limit: Option<Duration>,
    ) -> Option<Result<Answer<T>, E>> {
        let clock = &self.0.clock;
        let result = deadline::until(clock, limit.map(|limit| clock.now() + limit), pin!(fallback)).await?;
        self.fell_back(because);
        Some(result.map(Answer::Fallback))
    }

    /// Probes, as often as one call may and the budget allows.
    async fn probe<T, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl Fn(Attempt) -> F,
        generation: u64,
    ) -> Probed<T, E>
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
    {
        let attempts = if call.is_idempotent { self.core().settings().attempts_max } else { 1 };
        let mut because = "no probe is due";
        for number in 1..=attempts {
            let begun = self.0.clock.now();
            if call.is_over(begun) {
                return Probed::Nothing("the deadline has passed");
            }
            let Some((mut guard, probe)) = self.begin_probe(generation) else { break };
            let (verdict, result, ended) = self.attempt(call, begun, &advise, &work, number, probe.timeout).await;
            guard.probe = None;
            let is_proven = self.core().end(probe, verdict, ended.since(begun));
            if is_proven {
                self.0.breaker.recover(generation, || "enough probes in a row were good".to_owned());
            }
            match result {
                Some(result) if is_an_answer(verdict) => return Probed::Answered(result),
                _ => because = "every probe failed",
            }
        }
        Probed::Nothing(because)
    }

    /// A place and a token for a probe, the place first: it can be given back.
    fn begin_probe(&self, generation: u64) -> Option<(Guard<'_>, Probe)> {
        let probe = self.core().begin(generation)?;
        let guard = Guard { eternal: self, probe: Some(probe) };
        self.0.budget.try_acquire(1).ok()?;
        self.core().sent();
        Some((guard, probe))
    }

    /// One attempt within a time and the deadline: what it says, what came back if anything did, and when it ended. The timer
    /// is made only when the answer is not there at once.
    async fn attempt<T, E, A, F>(
        &self,
        call: &Call,
        begun: Moment,
        advise: impl Fn(&Result<T, E>) -> A,
        work: impl FnOnce(Attempt) -> F,
        number: u32,
        timeout: Duration,
    ) -> (Verdict, Option<Result<T, E>>, Moment)
    where
        A: Into<Advice>,
        F: Future<Output = Result<T, E>>,
    {
        let clock = &self.0.clock;
        let limit = call.remaining(begun).map_or(timeout, |remaining| remaining.min(timeout));
        let until = begun + limit;
        let attempt = Attempt { call: call.until(until), number };
        let result = deadline::until(clock, Some(until), pin!(work(attempt))).await;
        let ended = clock.now();
        let verdict = match &result {
            Some(result) => advise(result).into().verdict,
            // By the limit it had, and not by the clock: one that was set back meanwhile would excuse it.
            None if limit >= timeout => Verdict::Failed,
            None => self.core().cut_off(limit),
        };
        (verdict, result, ended)
    }
}

/// Whether it goes back to the caller: good, or the caller's own matter.
const fn is_an_answer(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Good | Verdict::Ignored)
}
