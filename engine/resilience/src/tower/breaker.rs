//! The breaker as a layer. Open, it refuses without the inner service being asked even whether it is ready; half open and closed,
//! waiting for readiness is part of the call: it counts as time, and failing to become ready as a failure.

use std::sync::Arc;

use super::around::{Answering, Around, PolicyLayer};
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Advice, Breaker, Failure};

/// A breaker around a service.
pub type BreakerLayer<C, A> = PolicyLayer<UnderBreaker<C, A>>;

/// Calls under a breaker.
#[derive(Debug)]
pub struct UnderBreaker<C, A> {
    breaker: Breaker,
    calls: C,
    advise: A,
}

impl<C, A> BreakerLayer<C, A> {
    /// With what tells the call of a request and what a result says; see [`Breaker::call`].
    pub fn new(breaker: &Breaker, calls: C, advise: A) -> Self {
        Self::of(UnderBreaker { breaker: breaker.clone(), calls, advise })
    }
}

impl<S, Request, C, A, V> Around<S, Request> for UnderBreaker<C, A>
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
            let result = self.breaker.call(&call, &self.advise, || inner.ask(request)).await;
            result.map_err(Failure::flatten)
        })
    }
}
