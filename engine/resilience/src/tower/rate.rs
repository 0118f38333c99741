//! The rate limit as a layer. A request that is over the rate waits within the response, as long as the settings and its deadline
//! say, or is refused. Whoever wants the wait in `poll_ready` takes a [`ReserveLayer`](super::ReserveLayer) instead.

use std::sync::Arc;

use super::around::{Ahead, Answering, Around, PolicyLayer};
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Failure, RateLimit};

/// A rate limit around a service.
pub type RateLayer<C> = PolicyLayer<UnderRate<C>>;

/// Calls under a rate limit.
#[derive(Debug)]
pub struct UnderRate<C> {
    rate: RateLimit,
    calls: C,
}

impl<C> RateLayer<C> {
    /// With what tells the call of a request; see [`RateLimit::call`].
    pub fn new(rate: &RateLimit, calls: C) -> Self {
        Self::of(UnderRate { rate: rate.clone(), calls })
    }
}

impl<C> Ahead for UnderRate<C> {}

impl<S, Request, C> Around<S, Request> for UnderRate<C>
where
    S: Inside<Request>,
    Request: Send + 'static,
    C: CallOf<Request>,
{
    type Answer = S::Answer;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<S::Answer, S::Own> {
        let call = self.calls.call_of(&request);
        Box::pin(async move { self.rate.call(&call, || inner.ask(request)).await.map_err(Failure::flatten) })
    }
}
