//! The bulkhead as a layer. A request waits for its permit within the response, as long as the settings and its deadline say and by
//! its priority; with no room in the line it is refused. Whoever wants the wait in `poll_ready` takes a
//! [`ReserveLayer`](super::ReserveLayer) instead.

use std::sync::Arc;

use super::around::{Ahead, Answering, Around, PolicyLayer};
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Bulkhead, Failure};

/// A bulkhead around a service.
pub type BulkheadLayer<C> = PolicyLayer<UnderBulkhead<C>>;

/// Calls under a bulkhead.
#[derive(Debug)]
pub struct UnderBulkhead<C> {
    bulkhead: Bulkhead,
    calls: C,
}

impl<C> BulkheadLayer<C> {
    /// With what tells the call of a request; see [`Bulkhead::call`].
    pub fn new(bulkhead: &Bulkhead, calls: C) -> Self {
        Self::of(UnderBulkhead { bulkhead: bulkhead.clone(), calls })
    }
}

impl<C> Ahead for UnderBulkhead<C> {}

impl<S, Request, C> Around<S, Request> for UnderBulkhead<C>
where
    S: Inside<Request>,
    Request: Send + 'static,
    C: CallOf<Request>,
{
    type Answer = S::Answer;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<S::Answer, S::Own> {
        let call = self.calls.call_of(&request);
        Box::pin(async move { self.bulkhead.call(&call, || inner.ask(request)).await.map_err(Failure::flatten) })
    }
}
