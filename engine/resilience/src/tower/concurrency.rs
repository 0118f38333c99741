//! The adaptive limit as a layer. It refuses at once and never waits; what the inner service takes to become ready counts as
//! latency, which is how a queue inside shows.

use std::sync::Arc;

use super::around::{Ahead, Answering, Around, PolicyLayer};
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Advice, ConcurrencyLimiter, Failure};

/// An adaptive limit around a service.
pub type ConcurrencyLayer<C, A> = PolicyLayer<UnderLimit<C, A>>;

/// Calls under an adaptive limit.
#[derive(Debug)]
pub struct UnderLimit<C, A> {
    limiter: ConcurrencyLimiter,
    calls: C,
    advise: A,
}

impl<C, A> ConcurrencyLayer<C, A> {
    /// With what tells the call of a request and what a result says; see [`ConcurrencyLimiter::call_judged`].
    pub fn new(limiter: &ConcurrencyLimiter, calls: C, advise: A) -> Self {
        Self::of(UnderLimit { limiter: limiter.clone(), calls, advise })
    }
}

impl<C, A> Ahead for UnderLimit<C, A> {}

impl<S, Request, C, A, V> Around<S, Request> for UnderLimit<C, A>
where
    S: Inside<Request>,
    Request: Send + 'static,
    C: CallOf<Request>,
    A: Fn(&Result<S::Answer, Failure<S::Own>>) -> V + Send + Sync + 'static,
    V: Into<Advice>,
{
    type Answer = S::Answer;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<S::Answer, S::Own> {
        let call = self.calls.call_of(&request);
        Box::pin(async move {
            let judge = |result: &Result<S::Answer, Failure<S::Own>>| (self.advise)(result).into().verdict;
            let result = self.limiter.call_judged(&call, &judge, || inner.ask(request)).await;
            result.map_err(Failure::flatten)
        })
    }
}
