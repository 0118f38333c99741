//! The outer layers of a stack, those around the limit: fallback, rate, and breaker or eternal mode. They see calls and not
//! attempts, and it is they who tell how a call ended.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::Moment;

use super::begun::Begun;
use super::calls::CallEnd;
use super::layers::{Layers, as_seen_from_outside};
use crate::{Advice, Attempt, Failure, Refusal, Verdict, advise_through, deadline};

impl<T> Layers<T> {
    /// Fallback, rate and breaker.
    pub(super) async fn with_fallback<R, E, F, G>(
        &self,
        begun: &Begun<'_>,
        advise: &impl Fn(Result<&R, &E>) -> Advice,
        work: &impl Fn(Attempt, Arc<T>) -> F,
        instead: impl FnOnce() -> G,
    ) -> (Result<R, Failure<E>>, CallEnd)
    where
        F: Future<Output = Result<R, E>>,
        G: Future<Output = Option<R>>,
    {
        let mut ends = (CallEnd::GivenUp, false);
        let (end, has_instead) = (&mut ends.0, &mut ends.1);
        let guarded = async {
            let (result, how) = self.guarded(begun, advise, work).await;
            *end = how;
            result
        };
        let instead = async {
            let answer = instead().await;
            *has_instead = answer.is_some();
            answer
        };
        let result = self.fallback.call(pin!(guarded), advise_through(advise), |_| instead).await;
        (result, if ends.1 { CallEnd::Instead } else { ends.0 })
    }

    /// Rate and breaker.
    pub(super) async fn guarded<R, E, F>(
        &self,
        begun: &Begun<'_>,
        advise: &impl Fn(Result<&R, &E>) -> Advice,
        work: &impl Fn(Attempt, Arc<T>) -> F,
    ) -> (Result<R, Failure<E>>, CallEnd)
    where
        F: Future<Output = Result<R, E>>,
    {
        let at = self.rated(begun).await;
        let entered = at.and_then(|at| Ok((self.breaker.enter(begun.call.priority, at)?, at)));
        let (permit, at) = match entered {
            Ok(entered) => entered,
            Err(refusal) => {
                let end = CallEnd::of_refusal(&refusal);
                return (Err(refusal.into()), end);
            }
        };
        let result = self.limited(begun, at, advise, work).await;
        let verdict = as_seen_from_outside(&result, advise);
        permit.end_at(begun.answered.at(verdict), verdict);
        let end = CallEnd::of(&result, verdict);
        (result, end)
    }

    /// Rate and eternal mode. Gives what the last attempt came to where there is nothing instead of it, or not in time: what is given
    /// instead has as long as any fallback from when it is needed, beyond the deadline if need be.
    pub(super) async fn essential<R, E, F, G>(
        &self,
        begun: &Begun<'_>,
        advise: &impl Fn(Result<&R, &E>) -> Advice,
        work: &impl Fn(Attempt, Arc<T>) -> F,
        instead: impl FnOnce() -> G,
    ) -> (Result<R, Failure<E>>, CallEnd)
    where
        F: Future<Output = Result<R, E>>,
        G: Future<Output = Option<R>>,
    {
        let at = match self.rated(begun).await {
            Ok(at) => at,
            Err(refusal) => {
                let end = CallEnd::of_refusal(&refusal);
                let until = self.clock.now() + begun.fallback;
                return match deadline::until(&self.clock, Some(until), pin!(instead())).await.flatten() {
                    Some(answer) => (Ok(answer), CallEnd::Instead),
                    None => (Err(refusal.into()), end),
                };
            }
        };
        // What failed is kept here: eternal mode hands on only what is an answer.
        let last = Mutex::new(None);
        let attempt = async |attempt: Attempt| {
            let begun = Begun { call: attempt.call, ..*begun };
            let result = self.limited(&begun, self.now_of(&attempt, at), advise, work).await;
            match (as_seen_from_outside(&result, advise), result) {
                (verdict @ (Verdict::Good | Verdict::Ignored), Ok(answer)) => Ok((answer, CallEnd::Judged(verdict))),
                (verdict, result) => {
                    let is_refused = matches!(result, Err(Failure::Refused(_)));
                    *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((result, verdict));
                    // A refusal is never an answer: who is shed gets the fallback.
                    Err(if is_refused && verdict == Verdict::Ignored { Verdict::Full } else { verdict })
                }
            }
        };
        let judge = |result: &Result<_, Verdict>| result.as_ref().map_or_else(|verdict| *verdict, |_| Verdict::Good);
        let instead = async || instead().await.map(|answer| (answer, CallEnd::Instead)).ok_or(Verdict::Failed);
        let answer = self.eternal.call_limited(&begun.call, at, judge, attempt, instead, Some(begun.fallback)).await;
        if let Some(Ok(answer)) = answer {
            let (answer, end) = answer.into_inner();
            return (Ok(answer), end);
        }
        match last.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((result, verdict)) => {
                let end = CallEnd::of(&result, verdict);
                (result, end)
            }
            None => {
                let refusal = Refusal::Open { name: self.name.to_string(), retry_in: self.probe_pause() };
                (Err(refusal.into()), CallEnd::Refused)
            }
        }
    }

    /// When the call may go on.
    async fn rated(&self, begun: &Begun<'_>) -> Result<Moment, Refusal> {
        if begun.call.is_over(begun.at) {
            return Err(Refusal::DeadlinePassed);
        }
        if !begun.is_rated {
            return Ok(begun.at);
        }
        self.rate.acquire(&begun.call).await?;
        Ok(self.clock.now())
    }

    fn probe_pause(&self) -> Duration {
        Duration::from_secs(1) / self.settings().probes_per_s
    }
}
