//! The hedge as a layer. Requests are cloned, once for each attempt; each attempt but the first asks a clone of the inner service,
//! and waits until that is ready beside those that run.

use std::sync::Arc;

use super::around::{Ahead, Answering, Around, PolicyLayer};
use super::attempts::Attempts;
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Advice, Attempt, Failure, Hedge};

/// A hedge around a service.
pub type HedgeLayer<C, A> = PolicyLayer<UnderHedge<C, A>>;

/// Calls that are hedged.
#[derive(Debug)]
pub struct UnderHedge<C, A> {
    hedge: Hedge,
    calls: C,
    advise: A,
}

impl<C, A> HedgeLayer<C, A> {
    /// With what tells the call of a request and what a result says; see [`Hedge::call`].
    pub fn new(hedge: &Hedge, calls: C, advise: A) -> Self {
        Self::of(UnderHedge { hedge: hedge.clone(), calls, advise })
    }
}

impl<C, A> Ahead for UnderHedge<C, A> {}

impl<S, Request, C, A, V> Around<S, Request> for UnderHedge<C, A>
where
    S: Inside<Request>,
    Request: Clone + Send + 'static,
    C: CallOf<Request>,
    A: Fn(&Result<S::Answer, Failure<S::Own>>) -> V + Send + Sync + 'static,
    V: Into<Advice>,
{
    type Answer = S::Answer;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<S::Answer, S::Own> {
        let call = self.calls.call_of(&request);
        let attempts = Attempts::new(inner, request);
        Box::pin(async move {
            let work = |attempt: Attempt| attempts.start(&self.calls, &attempt.call);
            self.hedge.call(&call, &self.advise, work).await.map_err(Failure::flatten)
        })
    }
}
